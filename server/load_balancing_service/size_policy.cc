#include "server/load_balancing_service/size_policy.h"

#include "absl/strings/str_format.h"

namespace shardd {

SplitNeed SizePolicy::NeedOf(const ShardSnapshot& shard, const BalancingConfig& config,
                             const LoadScale&) const {
  SplitNeed need;
  need.above = shard.bytes_stored > config.shard_bytes_max;
  // Stored bytes do not come in bursts.
  need.sustained = need.above;
  need.score =
      static_cast<double>(shard.bytes_stored) / static_cast<double>(config.shard_bytes_max);
  need.reason = DecisionReason::kTooLarge;
  need.text = absl::StrFormat("%u of %u bytes stored", shard.bytes_stored, config.shard_bytes_max);
  return need;
}

SplitChoice SizePolicy::ChooseSplit(const ShardSnapshot& shard, const BalancingConfig&) const {
  SplitChoice choice;
  choice.verdict =
      IsSingleKey(shard.route.range) ? SplitVerdict::kWillNotHelp : SplitVerdict::kCutAtMedian;
  return choice;
}

}  // namespace shardd
