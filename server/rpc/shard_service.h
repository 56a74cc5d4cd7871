#pragma once

#include "server/rpc/call_service.h"
#include "shardd/v1/shard.pb.h"

namespace shardd::rpc {

// shardd.v1.ShardService: the shards and what they do.
class ShardService final : public CallService {
 public:
  explicit ShardService(CallContext& context);
};

}  // namespace shardd::rpc
