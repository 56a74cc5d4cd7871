#pragma once

#include <string>
#include <vector>

#include "server/rpc/call_service.h"

namespace shardd::rpc {

// Server reflection: tells tools which services there are and what their messages look like. The
// two versions of the protocol differ in their names only, so one class serves both. Our own
// instead of gRPC's: that one knows v1alpha only and blocks a thread for each caller.
class ReflectionService final : public CallService {
 public:
  // `services` are the names to list; must outlive the service.
  ReflectionService(std::string name, CallContext& context,
                    const std::vector<std::string>& services);
};

inline constexpr char kReflectionV1[] = "grpc.reflection.v1.ServerReflection";
inline constexpr char kReflectionV1Alpha[] = "grpc.reflection.v1alpha.ServerReflection";

}  // namespace shardd::rpc
