#include "tests/server/load_balancing_service/simulated_load.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/load_balancing_service/limits.h"
#include "server/load_balancing_service/planner.h"
#include "server/routing/route_table.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr storage::Family kHome{1};
constexpr absl::Duration kBusyPerOperation = absl::Microseconds(50);

}  // namespace

SimulatedLoad::SimulatedLoad(const Options& options)
    : options_(options),
      random_(options.seed),
      now_(absl::FromUnixSeconds(1'000'000)),
      started_at_(now_),
      log_(limits::kDecisionsKept) {
  double sum = 0;
  for (size_t i = 0; i < options.accounts; ++i) {
    AccountRef ref{options.name_space, absl::StrCat("account-", i)};
    const RoutingKey key = ref.routing_key();
    accounts_.push_back({std::move(ref), key});
    sum += 1 / std::pow(static_cast<double>(i + 1), options.zipf_exponent);
    cumulative_.push_back(sum);
  }
  for (double& share : cumulative_) share /= sum;
  const RouteTable table = RouteTable::Uniform(options.shards, kHome);
  for (const Route& route : table.routes()) {
    shards_.push_back(MakeShard(ShardId{next_shard_++}, route.range));
  }
}

SimulatedLoad::Shard SimulatedLoad::MakeShard(ShardId id, KeyRange range) {
  ShardSnapshot known;
  known.route = Route{id, range, kHome};
  known.last_change = now_;
  return Shard{known, LoadWindow(now_, options_.config.pace()),
               SplitKeySampler(range, random_.Next(), now_), LoadSample{}};
}

size_t SimulatedLoad::IndexOf(RoutingKey key) const {
  const auto after = std::upper_bound(
      shards_.begin(), shards_.end(), key,
      [](RoutingKey sought, const Shard& shard) { return sought < shard.known.route.range.start; });
  return static_cast<size_t>(after - shards_.begin()) - 1;
}

size_t SimulatedLoad::IndexOf(ShardId shard) const {
  size_t index = 0;
  while (shards_.at(index).known.route.shard != shard) ++index;
  return index;
}

double SimulatedLoad::TrueShare(const Shard& shard) const {
  double share = 0;
  for (size_t i = 0; i < accounts_.size(); ++i) {
    if (!shard.known.route.range.Contains(accounts_[i].key)) continue;
    share += cumulative_[i] - (i > 0 ? cumulative_[i - 1] : 0);
  }
  return share;
}

void SimulatedLoad::Run(absl::Duration duration) {
  const absl::Time end = now_ + duration;
  while (now_ < end) {
    Second();
    if ((now_ - started_at_) % options_.config.check_interval == absl::ZeroDuration()) PlanRound();
  }
}

void SimulatedLoad::Second() {
  now_ += absl::Seconds(1);
  for (uint64_t i = 0; i < options_.operations_per_second; ++i) {
    const double drawn = static_cast<double>(random_.Next() >> 11) * 0x1p-53;
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, drawn);
    const Account& account = accounts_[static_cast<size_t>(found - cumulative_.begin())];
    Shard& shard = shards_[IndexOf(account.key)];
    shard.sampler.Record(now_, {account.ref, account.key});
    shard.second.operations += 1;
    shard.second.busy += kBusyPerOperation;
  }
  for (Shard& shard : shards_) {
    shard.second.length = absl::Seconds(1);
    shard.window.Add(now_, std::exchange(shard.second, LoadSample{}));
  }
}

BalancingSnapshot SimulatedLoad::Snapshot() const {
  BalancingSnapshot snapshot;
  snapshot.now = now_;
  snapshot.started_at = started_at_;
  snapshot.epoch = TableEpoch{epoch_};
  snapshot.config = options_.config;
  for (const Shard& shard : shards_) {
    snapshot.shards.push_back(shard.known);
    snapshot.shards.back().load = shard.window.Summary();
    snapshot.shards.back().sample = shard.sampler.sample();
  }
  return snapshot;
}

void SimulatedLoad::PlanRound() {
  const BalancingSnapshot snapshot = Snapshot();
  if (options_.validate) {
    ASSERT_THAT(Validate(snapshot), IsOk());
  }
  ASSERT_OK_AND_ASSIGN(const BalancingPolicy* policy, FindBalancingPolicy(snapshot.config.policy));
  TraceRecord record{snapshot, {}};
  for (const Decision& decision : Plan(snapshot, *policy)) {
    log_.Add(decision);
    if (!decision.acts()) continue;
    Do(decision);
    record.acted.push_back(decision);
  }
  // A trace of the first ten minutes is enough to replay.
  if (now_ - started_at_ <= absl::Minutes(10)) trace_ += TraceFrame(record);
}

void SimulatedLoad::Do(const Decision& decision) {
  const size_t index = IndexOf(decision.shard);
  Change change{now_, decision.kind, shards_[index].known.route.range, decision.split_keys};
  if (decision.kind == DecisionKind::kMerge) {
    change.cuts = {*change.range.end};
    change.range.end = shards_.at(index + 1).known.route.range.end;
    Merge(index);
  } else {
    ASSERT_NE(decision.kind, DecisionKind::kMoveHome);
    for (size_t i = decision.split_keys.size(); i > 0; --i) Cut(index, decision.split_keys[i - 1]);
  }
  ++epoch_;
  changes_.push_back(std::move(change));
}

void SimulatedLoad::Cut(size_t index, RoutingKey at) {
  KeyRange left = shards_[index].known.route.range;
  KeyRange right = left;
  ASSERT_TRUE(left.start < at && left.Contains(at));
  left.end = right.start = at;
  const ShardId id = shards_[index].known.route.shard;
  shards_[index] = MakeShard(id, left);
  const auto after = shards_.begin() + static_cast<ptrdiff_t>(index) + 1;
  const auto made = shards_.insert(after, MakeShard(ShardId{next_shard_++}, right));
  made->known.last_split = shards_[index].known.last_split = now_;
}

void SimulatedLoad::Merge(size_t index) {
  KeyRange range = shards_[index].known.route.range;
  range.end = shards_.at(index + 1).known.route.range.end;
  const absl::Time last_split =
      std::max(shards_[index].known.last_split, shards_[index + 1].known.last_split);
  shards_[index] = MakeShard(shards_[index].known.route.shard, range);
  shards_[index].known.last_split = last_split;
  shards_.erase(shards_.begin() + static_cast<ptrdiff_t>(index) + 1);
}

}  // namespace shardd
