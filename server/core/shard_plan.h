#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/coordinator_event.h"
#include "server/core/operation_record.h"
#include "server/core/shard_ledger.h"
#include "storage/write_set.h"

namespace shardd {

// What a request for a change of the table comes to, or why it cannot be done now. Nothing is begun
// by it. Errors: kShardNotFound, kStaleEpoch, kShardBusy, kShardPinned, and those named.

// A split gets the next shard's id. Errors: kCannotSplit.
absl::StatusOr<ShardChange> Plan(const SplitShardRequest& request, const ShardLedger& ledger,
                                 absl::Time now);
// Errors: kNotNeighbours.
absl::StatusOr<ShardChange> Plan(const MergeShardsRequest& request, const ShardLedger& ledger,
                                 absl::Time now);
// A new home is none of `homes`, which may exist. Errors: kAlreadyThere, kHomeNotFound,
// kTooManyHomes.
absl::StatusOr<ShardChange> Plan(const MoveHomeRequest& request, const ShardLedger& ledger,
                                 const std::vector<storage::Family>& homes, absl::Time now);

}  // namespace shardd
