#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/ids.h"

namespace shardd::rpc {

// kInvalidField about `field` unless `text` is `s-NNNN`.
absl::StatusOr<ShardId> ShardIdFrom(absl::string_view field, absl::string_view text);

// kShardNotFound.
absl::Status ShardNotFound(ShardId shard);

}  // namespace shardd::rpc
