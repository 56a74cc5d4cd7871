#pragma once

#include "server/rpc/call_service.h"
#include "shardd/v1/load_balancing.pb.h"

namespace shardd::rpc {

// shardd.v1.LoadBalancingService: what the balancer sees, does and goes by.
class LoadBalancingService final : public CallService {
 public:
  explicit LoadBalancingService(CallContext& context);
};

}  // namespace shardd::rpc
