#pragma once

#include <vector>

#include "server/load_balancing_service/balancing_policy.h"
#include "server/load_balancing_service/balancing_snapshot.h"
#include "server/load_balancing_service/decision.h"

namespace shardd {

// Decides what should become of each shard: one decision for each, those that act first, the most
// urgent of them in front; then those that do nothing, in the table's order. Splits go before moves
// to another home, and those before merges: relief before tidying up.
//
// A function of its arguments alone: no clock, no chance, no memory. The same snapshot gives the
// same decisions in the daemon, in a dry run and in a replay.
//
// What it never does, whatever the policy: act while paused, on a pinned or changing shard, within
// the cool-down of a shard or the warm-up of the daemon, on measurements that are old or begin
// before the shard's last change; act on more than config.changes_max shards at once; leave fewer
// shards than shards_min or make more than shards_max; merge what would be split again soon
// (JudgeMerges).
//
// REQUIRES: Validate(snapshot) is OK.
std::vector<Decision> Plan(const BalancingSnapshot& snapshot, const BalancingPolicy& policy);

}  // namespace shardd
