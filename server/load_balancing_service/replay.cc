#include "server/load_balancing_service/replay.h"

#include <algorithm>
#include <map>
#include <utility>

#include "server/base/status_macros.h"
#include "server/load_balancing_service/planner.h"

namespace shardd {
namespace {

bool IsSameChange(const Decision& a, const Decision& b) {
  return a.kind == b.kind && a.shard == b.shard && a.partner == b.partner && a.home == b.home &&
         a.split_keys == b.split_keys;
}

bool Did(const TraceRecord& record, const Decision& decision) {
  return std::any_of(record.acted.begin(), record.acted.end(),
                     [&](const Decision& did) { return IsSameChange(did, decision); });
}

// The shards that the replay alone changed, and when.
class ImaginedChanges {
 public:
  void Add(const Decision& decision) {
    times_[decision.shard] = decision.time;
    if (decision.partner.has_value()) times_[*decision.partner] = decision.time;
  }

  void ApplyTo(BalancingSnapshot& snapshot) const {
    for (ShardSnapshot& shard : snapshot.shards) {
      const auto found = times_.find(shard.route.shard);
      if (found != times_.end()) shard.last_change = std::max(shard.last_change, found->second);
    }
  }

 private:
  std::map<ShardId, absl::Time> times_;
};

}  // namespace

absl::StatusOr<std::vector<ReplayStep>> Replay(const LoadTrace& trace,
                                               const ReplayOptions& options) {
  if (options.config.has_value()) SHARDD_RETURN_IF_ERROR(Validate(*options.config));
  std::vector<ReplayStep> steps;
  ImaginedChanges imagined;
  for (const TraceRecord& record : trace.records) {
    BalancingSnapshot snapshot = record.snapshot;
    if (options.config.has_value()) snapshot.config = *options.config;
    if (options.ignore_pauses) snapshot.paused_until = absl::InfinitePast();
    imagined.ApplyTo(snapshot);
    SHARDD_ASSIGN_OR_RETURN(const BalancingPolicy* policy,
                            FindBalancingPolicy(snapshot.config.policy));
    ReplayStep step{snapshot.now, snapshot.epoch, {}, record.acted};
    for (Decision& decision : Plan(snapshot, *policy)) {
      if (!decision.acts()) break;  // those that act come first
      if (!Did(record, decision)) imagined.Add(decision);
      step.would_do.push_back(std::move(decision));
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace shardd
