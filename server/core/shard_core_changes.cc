// The part of a shard's brain that changes the shard itself: splits, merges, rehomes, pauses.
#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <variant>

#include "server/account/record_key.h"
#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/core/shard_core.h"

namespace shardd {
namespace {

// AccountKeys::name() is namespace and id with their lengths in front.
RoutingKey KeyOfName(absl::string_view name) {
  ByteReader reader(name);
  const absl::string_view name_space = reader.Raw(reader.Byte());
  const absl::string_view id = reader.Raw(reader.Fixed16());
  SHARDD_CHECK(reader.Done());
  return RoutingKeyOf(name_space, id);
}

// Counts may be negative, and wrap.
void Add(ShardStats& to, const ShardStats& from) {
  to.account_count += from.account_count;
  to.entry_count += from.entry_count;
  to.byte_count += from.byte_count;
}
void Subtract(ShardStats& from, const ShardStats& what) {
  from.account_count -= what.account_count;
  from.entry_count -= what.entry_count;
  from.byte_count -= what.byte_count;
}

void MoveRange(const KeyRange& range, std::set<AccountRef>& from, std::set<AccountRef>& to) {
  std::erase_if(from, [&](const AccountRef& account) {
    if (!range.Contains(account.routing_key())) return false;
    to.insert(account);
    return true;
  });
}

void AddAll(const storage::WriteSet& records, storage::WriteSet& batch) {
  records.ForEach(
      [&batch](storage::Family family, const std::string& key,
               const std::optional<std::string>& value) { batch.Set(family, key, value); });
}

}  // namespace

void ShardCore::Step(ShardCommand command, ShardTurn& turn) {
  SHARDD_CHECK(std::holds_alternative<Absorb>(command) ||
               (turn.batch.empty() && turn.effects.empty()));
  std::visit([&](auto&& body) { Run(std::move(body), turn); }, std::move(command));
}

void ShardCore::CountChange(RoutingKey key, const ShardStats& before) {
  if (!tally_.has_value() || !tally_->range.Contains(key)) return;
  Add(tally_->change, stats_);
  Subtract(tally_->change, before);
}

void ShardCore::Run(BeginSurvey&& command, ShardTurn& turn) {
  if (command.purpose == SurveyPurpose::kCount) {
    tally_ = Tally{command.operation, command.range, ShardStats()};
  }
  turn.effects.push_back(SurveyOrder{command.operation, route_.shard, command.purpose, route_.home,
                                     command.range, stats_});
}

void ShardCore::Run(EndSurvey&& command, ShardTurn& turn) {
  if (tally_.has_value() && tally_->operation == command.operation) tally_.reset();
  turn.effects.push_back(CancelJob{command.operation});
}

void ShardCore::Run(SplitOff&& command, ShardTurn& turn) {
  SHARDD_CHECK(tally_.has_value() && tally_->operation == command.operation);
  SHARDD_CHECK(tally_->range == command.child.range);
  SHARDD_CHECK(command.child.range.end == route_.range.end);
  AddAll(command.records, turn.batch);
  ShardStats counted;
  counted.account_count = command.counted.account_count;
  counted.entry_count = command.counted.entry_count;
  counted.byte_count = command.counted.byte_count;
  Add(counted, tally_->change);
  tally_.reset();
  auto state = std::make_shared<HandOver>(Release(command.child.range));
  state->stats = counted;
  state->stats.revision_floor = stats_.revision_floor;
  Subtract(stats_, counted);
  turn.batch.Put(storage::kMeta, ShardStatsKey(command.child.shard), state->stats.Encode());
  state->cache_bytes = std::max(cache_->bytes_max() / 2, limits::kRecordCacheBytesPerShardMin);
  cache_->SetBytesMax(state->cache_bytes);
  cache_->Forget(BoundsOf(command.child.range));  // should it come back, it has changed
  route_.range.end = command.child.range.start;
  closed_namespaces_ = ClosedNamespaces(route_.range);
  epoch_ = command.epoch;
  turn.effects.push_back(StartShard{command.child, command.epoch, std::move(state)});
  turn.effects.push_back(
      ShardReport(TableFlipped{command.operation, route_.shard, turn.now, absl::ZeroDuration()}));
}

std::map<std::string, uint64_t, std::less<>> ShardCore::ClosedNamespaces(
    const KeyRange& range) const {
  auto closed = closed_namespaces_;
  std::erase_if(closed, [&](const auto& name) {
    return !range.Overlaps(RangeOfNamespace(name.first));
  });
  return closed;
}

HandOver ShardCore::Release(const KeyRange& range) {
  fresh_messages_.Clear();  // the next owner reads
  const auto moves = [&](absl::string_view name) { return range.Contains(KeyOfName(name)); };
  HandOver state{.stats = {},
                 .watches = {},
                 .history = history_.Extract(moves),
                 .closed_namespaces = ClosedNamespaces(range),
                 .outbox = outbox_.Release(range),
                 .mailboxes = mailboxes_.Release(range),
                 .next_lease = next_lease_,
                 .undeliverables = undeliverables_.Release(range),
                 .redriven = {},
                 .orphaned = {},
                 .cache_bytes = 0,
                 .since = {},
                 .paused_until = paused_until_};
  if (mailbox_search_.has_value()) state.mailboxes.SetIncomplete();
  MoveRange(range, redriven_, state.redriven);
  MoveRange(range, orphaned_, state.orphaned);
  std::erase_if(watches_, [&](auto& watch) {
    if (!range.Contains(watch.second.key)) return false;
    watches_of_account_.erase(watch.second.account);
    state.watches.emplace(watch.first, std::move(watch.second));
    return true;
  });
  return state;
}

void ShardCore::Take(HandOver state) {
  for (auto& [call, watch] : state.watches) AddWatch(call, std::move(watch));
  history_.Append(std::move(state.history));
  for (const auto& [name, order] : state.closed_namespaces) {
    uint64_t& closed = closed_namespaces_[name];
    closed = std::max(closed, order);
    next_closed_ = std::max(next_closed_, order + 1);
  }
  outbox_.Take(std::move(state.outbox));
  mailboxes_.Take(std::move(state.mailboxes));
  // An account that comes back must not see a token again.
  next_lease_ = std::max(next_lease_, state.next_lease);
  undeliverables_.Take(std::move(state.undeliverables));
  redriven_.merge(state.redriven);
  orphaned_.merge(state.orphaned);
  cache_->SetBytesMax(std::max(cache_->bytes_max(), state.cache_bytes));
  paused_until_ = std::max(paused_until_, state.paused_until);
}

void ShardCore::AddWatch(CallId call, Watch watch) {
  watches_of_account_[watch.account].insert(call);
  watches_.emplace(call, std::move(watch));
}

void ShardCore::Run(Retire&& command, ShardTurn& turn) {
  SHARDD_CHECK(!retired_ && !rehome_.has_value() && !tally_.has_value());
  FinishTurn(turn);
  auto state = std::make_shared<HandOver>(Release(route_.range));
  state->stats = stats_;
  state->since = turn.now;
  state->cache_bytes = cache_->bytes_max();
  TellWhatIsReady(turn);  // nothing here any more
  retired_ = true;
  turn.wake_at = absl::InfiniteFuture();
  turn.effects.push_back(
      ShardReport(ShardRetired{command.operation, route_.shard, std::move(state)}));
}

void ShardCore::Run(Unretire&& command, ShardTurn&) {
  SHARDD_CHECK(retired_);
  retired_ = false;
  Take(std::move(*command.state));
}

void ShardCore::Run(Absorb&& command, ShardTurn& turn) {
  SHARDD_CHECK(!retired_ && !rehome_.has_value() && !tally_.has_value());
  AddAll(command.records, turn.batch);
  cache_->SetBytesMax(cache_->bytes_max() + command.state->cache_bytes);
  const absl::Time since = command.state->since;
  Add(stats_, command.state->stats);
  stats_.revision_floor = std::max(stats_.revision_floor, command.state->stats.revision_floor);
  turn.batch.Delete(storage::kMeta, ShardStatsKey(command.ended.shard));
  Take(std::move(*command.state));
  if (command.ended.range.start < route_.range.start) {
    route_.range.start = command.ended.range.start;
  } else {
    route_.range.end = command.ended.range.end;
  }
  epoch_ = command.epoch;
  turn.effects.push_back(EndShard{command.ended.shard, command.epoch});
  turn.effects.push_back(
      ShardReport(TableFlipped{command.operation, route_.shard, since, absl::ZeroDuration()}));
}

void ShardCore::Run(BeginRehome&& command, ShardTurn&) {
  SHARDD_CHECK(!rehome_.has_value());
  RehomeRecord record;
  record.operation = command.operation;
  record.from = route_.home;
  record.to = command.to;
  TakeUp(std::move(record));
}

void ShardCore::TakeUp(RehomeRecord rehome) {
  rehome_.emplace(route_.shard, route_.range, std::move(rehome));
}

void ShardCore::Run(SwitchHome&& command, ShardTurn& turn) {
  SHARDD_CHECK(rehome_.has_value() && rehome_->way.record().operation == command.operation);
  AddAll(command.records, turn.batch);
  rehome_->way.Switch(turn.batch);
  route_.home = rehome_->way.record().to;
  turn.effects.push_back(
      ShardReport(TableFlipped{command.operation, route_.shard, turn.now, absl::ZeroDuration()}));
}

void ShardCore::Run(HomePublished&& command, ShardTurn&) {
  SHARDD_CHECK(rehome_.has_value() && rehome_->way.record().operation == command.operation);
  rehome_->way.TablePublished(command.clear);
}

void ShardCore::Run(AbandonRehome&& command, ShardTurn& turn) {
  SHARDD_CHECK(rehome_.has_value() && rehome_->way.record().operation == command.operation);
  rehome_->way.Abandon(command.clear, turn.batch);
}

void ShardCore::CountGrowth(int64_t records) {
  if (rehome_.has_value()) rehome_->grown += records;
}

absl::Time ShardCore::NextRehomeStep() const {
  // Twice as fast as the shard grows, or there may be no end to a copy; and what it leaves behind
  // is cleared no slower than it was copied.
  if (2 * rehome_->grown > static_cast<int64_t>(rehome_->copied)) return rehome_->retry_at;
  const absl::Time idle = idle_since_ + limits::kRehomeIdleAfter;
  return std::max(rehome_->retry_at, std::min(rehome_->rests_until, idle));
}

absl::Duration ShardCore::RestAfter(const storage::WriteSet& step, absl::Time now) const {
  const size_t rate = options_.rehome_pace.bytes_per_second;
  if (rate == 0) return absl::ZeroDuration();
  const size_t done = step.bytes() + step.count() * limits::kRehomeBytesPerRecord;
  const double doublings = absl::FDivDuration(now - rehome_->since, limits::kRehomeDoublesEach);
  const double speed_up = 1 + (limits::kRehomeSpeedUp - 1) * CopiedShare();
  return absl::Seconds(static_cast<double>(done) /
                       (static_cast<double>(rate) * std::exp2(doublings) * speed_up));
}

double ShardCore::CopiedShare() const {
  if (rehome_->way.record().stage != RehomeStage::kCopying) return 1;
  const auto copied = static_cast<double>(rehome_->copied_in_all);
  const auto records = static_cast<double>(stats_.account_count + stats_.entry_count);
  return copied < records ? copied / records : 1;
}

void ShardCore::RehomeStep(ShardTurn& turn) {
  RehomeUnderWay& rehome = *rehome_;
  const OperationId operation = rehome.way.record().operation;
  if (rehome.way.HasWork()) {
    if (turn.now < NextRehomeStep()) return;
    if (rehome.since == absl::InfinitePast()) rehome.since = turn.now;
    const storage::OverlayReader view(*turn.committed, turn.batch);
    storage::WriteSet step;
    const bool copies = rehome.way.record().stage == RehomeStage::kCopying;
    const absl::StatusOr<size_t> moved = rehome.way.Step(view, options_.rehome_pace, step);
    if (!moved.ok()) {
      rehome.retry_at = turn.now + limits::kRehomeRetryInterval;
      // Reported once: the coordinator gives the rehome up, and the shard serves on where it is.
      // What is left behind is cleared when it can be read again.
      if (copies && !std::exchange(rehome.reported, true)) {
        turn.effects.push_back(ShardReport(HomeCopied{operation, route_.shard, moved.status()}));
      }
      return;
    }
    rehome.copied = *moved;
    rehome.copied_in_all += *moved;
    rehome.rests_until = turn.now + RestAfter(step, turn.now);
    rehome.grown = 0;
    AddAll(step, turn.batch);
    if (copies) {
      const bool all = rehome.way.record().copied;
      const uint64_t steps = rehome.progress.Add(*moved, all, turn.now);
      if (steps > 0) turn.effects.push_back(ShardReport(OperationAdvanced{operation, steps}));
    }
  }
  if (rehome.way.ended()) {
    rehome_.reset();
    turn.effects.push_back(ShardReport(HomeCleared{operation, route_.shard}));
  } else if (rehome.way.record().copied && !std::exchange(rehome.reported, true)) {
    turn.effects.push_back(ShardReport(HomeCopied{operation, route_.shard, absl::OkStatus()}));
  }
}

void ShardCore::Run(PauseRequests&& command, ShardTurn&) { paused_until_ = command.until; }

}  // namespace shardd
