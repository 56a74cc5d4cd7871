#pragma once

#include "server/rpc/call_service.h"
#include "shardd/v1/state.pb.h"

namespace shardd::rpc {

// shardd.v1.StateService: writes go to the worker that owns the account, reads are served here.
class StateService final : public CallService {
 public:
  explicit StateService(CallContext& context);
};

}  // namespace shardd::rpc
