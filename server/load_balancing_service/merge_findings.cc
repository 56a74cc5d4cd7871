#include "server/load_balancing_service/merge_findings.h"

#include <algorithm>

#include "server/load_balancing_service/limits.h"

namespace shardd {
namespace {

double PeakOf(const ShardSnapshot& shard, const BalancingConfig& config) {
  return LoadOf(shard.load.peak, config.thresholds).value;
}

bool TooLarge(const ShardSnapshot& left, const ShardSnapshot& right,
              const BalancingConfig& config) {
  const double bytes =
      static_cast<double>(left.bytes_stored) + static_cast<double>(right.bytes_stored);
  return bytes >= config.merge_share_max * static_cast<double>(config.shard_bytes_max);
}

std::optional<DecisionReason> Refusal(const ShardSnapshot& left, const ShardSnapshot& right,
                                      const BalancingSnapshot& snapshot, bool too_hot) {
  const BalancingConfig& config = snapshot.config;
  if (NotReady(left, snapshot).has_value() || NotReady(right, snapshot).has_value()) {
    return DecisionReason::kNeighbourNotReady;
  }
  if (too_hot) return DecisionReason::kWithinThreshold;
  if (TooLarge(left, right, config)) return DecisionReason::kTooLargeTogether;
  if (snapshot.now - snapshot.started_at < config.merge_age_min) {
    return DecisionReason::kJustStarted;
  }
  if (!left.load.peak_known() || !right.load.peak_known()) return DecisionReason::kPeakNotKnown;
  const absl::Time split = std::max(left.last_split, right.last_split);
  if (snapshot.now - split < config.merge_age_min) return DecisionReason::kTooYoungToMerge;
  return std::nullopt;
}

}  // namespace

std::optional<DecisionReason> NotReady(const ShardSnapshot& shard,
                                       const BalancingSnapshot& snapshot) {
  const BalancingConfig& config = snapshot.config;
  const absl::Time now = snapshot.now;
  if (shard.changing) return DecisionReason::kChangeRunning;
  if (shard.pinned_until > now) return DecisionReason::kPinned;
  if (now - snapshot.started_at < config.warm_up) return DecisionReason::kJustStarted;
  if (now - shard.last_change < config.cool_down) return DecisionReason::kCoolingDown;
  if (!shard.load.measured()) return DecisionReason::kNotMeasured;
  if (shard.load.since < shard.last_change) return DecisionReason::kMeasuredBeforeChange;
  if (now - shard.load.until() > limits::kChecksMissedMax * config.check_interval) {
    return DecisionReason::kNotMeasured;
  }
  return std::nullopt;
}

std::vector<MergeFinding> JudgeMerges(const BalancingSnapshot& snapshot, const LoadScale& scale) {
  std::vector<MergeFinding> findings;
  for (size_t i = 0; i + 1 < snapshot.shards.size(); ++i) {
    const ShardSnapshot& left = snapshot.shards[i];
    const ShardSnapshot& right = snapshot.shards[i + 1];
    MergeFinding finding;
    finding.left = i;
    finding.peaks = PeakOf(left, snapshot.config) + PeakOf(right, snapshot.config);
    finding.refused = Refusal(left, right, snapshot, finding.peaks >= scale.merge_below);
    findings.push_back(finding);
  }
  return findings;
}

}  // namespace shardd
