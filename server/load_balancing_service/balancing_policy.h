#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/load_balancing_service/balancing_snapshot.h"
#include "server/load_balancing_service/decision.h"
#include "server/load_balancing_service/load_scale.h"
#include "server/load_balancing_service/split_key_choice.h"

namespace shardd {

// Whether a shard should be split.
struct SplitNeed {
  bool above = false;      // it has too much, now
  bool sustained = false;  // and has had for long enough to act
  double score = 0;        // 1: just at the limit; the highest score goes first
  DecisionReason reason = DecisionReason::kTooHot;
  std::string text;  // what it has and may have
};

// What the planner balances. A policy says which shards have too much and where to cut them; the
// planner keeps the rules that hold for every policy: pauses, pins, ages, measurements, merges, the
// budget.
//
// Thread safety: safe; policies have no state, and live for ever.
class BalancingPolicy {
 public:
  virtual ~BalancingPolicy() = default;

  virtual absl::string_view name() const = 0;
  // false: nothing is ever done of the planner's own accord.
  virtual bool acts() const { return true; }
  // REQUIRES: shard.load.measured().
  virtual SplitNeed NeedOf(const ShardSnapshot& shard, const BalancingConfig& config,
                           const LoadScale& scale) const = 0;
  virtual SplitChoice ChooseSplit(const ShardSnapshot& shard,
                                  const BalancingConfig& config) const = 0;
};

// `load`, `size` or `manual`. kInvalidField for any other name, with the names there are.
absl::StatusOr<const BalancingPolicy*> FindBalancingPolicy(absl::string_view name);
std::vector<absl::string_view> BalancingPolicyNames();

}  // namespace shardd
