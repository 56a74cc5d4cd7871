#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "grpc/health/v1/health.pb.h"
#include "server/rpc/call_service.h"

namespace shardd::rpc {

// What health says, by name: "" (the daemon), "readiness" and each service follow whether the
// daemon serves; "liveness" is always serving, since who answers is alive.
//
// Thread safety: Add before the server starts; then safe.
class HealthBoard {
 public:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;

  void Add(std::string service) { services_.push_back(std::move(service)); }
  void SetServing(bool serving) { serving_.store(serving); }
  // SERVICE_UNKNOWN for a name that stands for nothing.
  Status StatusOf(absl::string_view name) const;

 private:
  std::vector<std::string> services_;
  std::atomic<bool> serving_{false};
};

// grpc.health.v1.Health. Our own instead of gRPC's: that one brings threads of its own.
class HealthService final : public CallService {
 public:
  HealthService(CallContext& context, const HealthBoard& board);
};

}  // namespace shardd::rpc
