#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/runtime/balancer.h"

namespace shardd {

// What /metrics tells about balancing.
struct BalancingSeries {
  bool paused = false;  // or switched off
  double max_over_mean = 0;
  // By shard, those with the highest load.
  std::vector<std::pair<std::string, double>> loads;
  std::map<std::pair<DecisionKind, DecisionReason>, uint64_t> decisions;
};

// How many shards have a load of their own there: the number of series stays bounded.
inline constexpr size_t kShardLoadsNamedMax = 20;

BalancingSeries BalancingSeriesOf(const Balancer& balancer, absl::Time now);

void PutBalancing(const BalancingSeries& series, std::vector<prometheus::MetricFamily>* families);

}  // namespace shardd
