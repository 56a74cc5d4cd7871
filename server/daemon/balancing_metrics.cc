#include "server/daemon/balancing_metrics.h"

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "server/http/metric_text.h"

namespace shardd {
namespace {

using http::MetricFamily;

std::string Word(absl::string_view name) { return absl::AsciiStrToLower(name); }

}  // namespace

BalancingSeries BalancingSeriesOf(const Balancer& balancer, absl::Time now) {
  const BalancerStatus status = balancer.Status();
  BalancingSeries series;
  series.paused = !status.enabled || status.paused_until > now;
  series.decisions = status.decisions;
  const std::shared_ptr<const BalancingRound> round = balancer.round();
  if (round == nullptr) return series;
  series.max_over_mean = LoadMaxOverMean(round->snapshot);
  for (const Decision& decision : round->decisions) {
    series.loads.emplace_back(ToText(decision.shard), decision.inputs.load);
  }
  // By name where equal, so that idle shards do not change places.
  std::sort(series.loads.begin(), series.loads.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (series.loads.size() > kShardLoadsNamedMax) series.loads.resize(kShardLoadsNamedMax);
  return series;
}

void PutBalancing(const BalancingSeries& series, std::vector<prometheus::MetricFamily>* families) {
  MetricFamily paused =
      MetricFamily::Gauge("shardd_balancer_paused",
                          "1 while the balancer is paused or switched off and changes nothing.");
  paused.Add(series.paused ? 1 : 0);
  families->push_back(std::move(paused).Take());

  MetricFamily ratio = MetricFamily::Gauge(
      "shardd_shards_load_max_over_mean",
      "The highest load of a shard over the mean, of the shards that can be split; 0 when idle.");
  ratio.Add(series.max_over_mean);
  families->push_back(std::move(ratio).Take());

  MetricFamily load = MetricFamily::Gauge(
      "shardd_shard_load",
      "Load of the shards that have most of it; 1 is as much as one shard may have.");
  for (const auto& [shard, value] : series.loads) load.Add(value, {{"shard", shard}});
  families->push_back(std::move(load).Take());

  // What the balancer has decided, for each shard in each of its checks.
  MetricFamily decisions =
      MetricFamily::Counter("shardd_balancer_decisions_total",
                            "Decisions of the balancer about shards, by what and why.");
  for (const auto& [decision, count] : series.decisions) {
    decisions.Add(static_cast<double>(count), {{"kind", Word(ToText(decision.first))},
                                               {"reason", Word(ToText(decision.second))}});
  }
  families->push_back(std::move(decisions).Take());
}

}  // namespace shardd
