#pragma once

#include "server/rpc/call_service.h"
#include "shardd/v1/account.pb.h"

namespace shardd::rpc {

// shardd.v1.AccountService: accounts by their workers, namespaces by the coordinator, lists from
// the store.
class AccountService final : public CallService {
 public:
  explicit AccountService(CallContext& context);
};

}  // namespace shardd::rpc
