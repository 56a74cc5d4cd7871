#pragma once

#include "server/rpc/call_service.h"
#include "shardd/v1/operation.pb.h"

namespace shardd::rpc {

// shardd.v1.OperationService. Operators need it while the daemon drains, too.
class OperationService final : public CallService {
 public:
  explicit OperationService(CallContext& context);
};

}  // namespace shardd::rpc
