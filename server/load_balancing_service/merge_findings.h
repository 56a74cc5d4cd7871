#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "server/load_balancing_service/balancing_snapshot.h"
#include "server/load_balancing_service/decision.h"
#include "server/load_balancing_service/load_scale.h"

namespace shardd {

// Why nothing may be done with the shard now, whatever its load; nullopt if something may: it is
// not pinned, not changing, has cooled down, and was measured since its last change and until now.
std::optional<DecisionReason> NotReady(const ShardSnapshot& shard,
                                       const BalancingSnapshot& snapshot);

// What is to be said about a merge of two neighbours.
struct MergeFinding {
  size_t left = 0;                        // index of the left one; the right one is the next
  double peaks = 0;                       // the sum of the peaks of five minutes
  std::optional<DecisionReason> refused;  // nullopt: they may be merged
};

// One finding for each pair of neighbours, in the table's order. The rules against a cycle of
// splits and merges: both peaks known for five minutes and together below LoadScale::merge_below,
// together small enough, both old enough, the daemon too.
std::vector<MergeFinding> JudgeMerges(const BalancingSnapshot& snapshot, const LoadScale& scale);

}  // namespace shardd
