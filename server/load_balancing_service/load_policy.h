#pragma once

#include "server/load_balancing_service/balancing_policy.h"

namespace shardd {

// Splits the shards whose load is above LoadScale::split_above for breaches_min checks in a row,
// where their requests are.
class LoadPolicy final : public BalancingPolicy {
 public:
  absl::string_view name() const override { return "load"; }
  SplitNeed NeedOf(const ShardSnapshot& shard, const BalancingConfig& config,
                   const LoadScale& scale) const override;
  SplitChoice ChooseSplit(const ShardSnapshot& shard, const BalancingConfig& config) const override;
};

}  // namespace shardd
