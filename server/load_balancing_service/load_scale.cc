#include "server/load_balancing_service/load_scale.h"

#include <algorithm>

namespace shardd {
namespace {

// The lowest of the checks kept: a burst of less than their length does not show.
double LowestLoad(const LoadSummary& load, const LoadThresholds& thresholds) {
  double lowest = LoadOf(load.checks.front().own, thresholds).value;
  for (const LoadCheck& check : load.checks) {
    lowest = std::min(lowest, LoadOf(check.own, thresholds).value);
  }
  return lowest;
}

double Threshold(double mean, const BalancingConfig& config) {
  return std::clamp(mean * config.imbalance_max, config.load_floor, 1.0);
}

// Idle shards are no measure: each split would lower the mean, and so call for the next one.
// Without a step at the floor, where a little more load in a few shards would change the scale for
// all.
double WeightOf(double load, const BalancingConfig& config) {
  return load < config.load_floor ? load / config.load_floor : 1;
}

}  // namespace

LoadScale ScaleOf(const BalancingSnapshot& snapshot) {
  const BalancingConfig& config = snapshot.config;
  LoadScale scale;
  double sum = 0;
  double lowest_sum = 0;
  double shards = 0;
  for (const ShardSnapshot& shard : snapshot.shards) {
    if (!shard.load.measured() || IsSingleKey(shard.route.range)) continue;
    const double load = LoadOf(shard.load.smoothed(), config.thresholds).value;
    const double weight = WeightOf(load, config);
    scale.highest = std::max(scale.highest, load);
    sum += weight * load;
    lowest_sum += weight * LowestLoad(shard.load, config.thresholds);
    shards += weight;
  }
  if (shards > 0) scale.mean = sum / shards;
  scale.split_above = Threshold(scale.mean, config);
  // A merge outlasts a burst, so that a burst elsewhere must not make this shard look cold.
  const double lowest_mean = shards > 0 ? lowest_sum / shards : 0;
  scale.merge_below = config.merge_share_max * Threshold(lowest_mean, config);
  return scale;
}

}  // namespace shardd
