#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/ids.h"
#include "server/runtime/runtime.h"

namespace shardd::rpc {

// kInvalidField about `field` unless `text` is `s-NNNN`.
absl::StatusOr<ShardId> ShardIdFrom(absl::string_view field, absl::string_view text);

// kShardNotFound unless the routing table has this shard. Says what became of one that was merged,
// also in the metadata "merged_into" and "epoch".
absl::Status CheckShard(const Runtime& runtime, ShardId shard);
// That error, for a shard that was looked for and not found.
absl::Status ShardIsGone(const Runtime& runtime, ShardId shard);

}  // namespace shardd::rpc
