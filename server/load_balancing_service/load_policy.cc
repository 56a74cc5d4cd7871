#include "server/load_balancing_service/load_policy.h"

#include "absl/strings/str_format.h"

namespace shardd {

SplitNeed LoadPolicy::NeedOf(const ShardSnapshot& shard, const BalancingConfig& config,
                             const LoadScale& scale) const {
  const LoadRate& rate = shard.load.smoothed();
  const Load load = LoadOf(rate, config.thresholds);
  const uint32_t breaches = BreachesOf(shard.load, config.thresholds, scale.split_above);
  SplitNeed need;
  need.above = load.value > scale.split_above;
  need.sustained = need.above && breaches >= config.breaches_min;
  need.score = scale.split_above > 0 ? load.value / scale.split_above : load.value;
  need.reason = DecisionReason::kTooHot;
  need.text =
      absl::StrFormat("load %.2f of %.2f (%s), mean %.2f, %u checks in a row above", load.value,
                      scale.split_above, Describe(rate, load.signal), scale.mean, breaches);
  return need;
}

SplitChoice LoadPolicy::ChooseSplit(const ShardSnapshot& shard,
                                    const BalancingConfig& config) const {
  return ChooseSplitKey(shard.sample, shard.route.range, config.keys);
}

}  // namespace shardd
