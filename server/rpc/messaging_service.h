#pragma once

#include "server/rpc/call_service.h"
#include "shardd/v1/messaging.pb.h"

namespace shardd::rpc {

// shardd.v1.MessagingService: what is sent and acknowledged goes to the owner of the account as an
// Apply; what is received comes from where the board says.
class MessagingService final : public CallService {
 public:
  explicit MessagingService(CallContext& context);
};

}  // namespace shardd::rpc
