#pragma once

#include "server/load_balancing_service/balancing_policy.h"

namespace shardd {

// Splits the shards that store more than shard_bytes_max, at the median of their bytes.
class SizePolicy final : public BalancingPolicy {
 public:
  absl::string_view name() const override { return "size"; }
  SplitNeed NeedOf(const ShardSnapshot& shard, const BalancingConfig& config,
                   const LoadScale& scale) const override;
  SplitChoice ChooseSplit(const ShardSnapshot& shard, const BalancingConfig& config) const override;
};

}  // namespace shardd
