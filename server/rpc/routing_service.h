#pragma once

#include "server/rpc/call_service.h"
#include "shardd/v1/routing.pb.h"

namespace shardd::rpc {

// shardd.v1.RoutingService: where accounts are, from the table in force.
class RoutingService final : public CallService {
 public:
  explicit RoutingService(CallContext& context);
};

}  // namespace shardd::rpc
