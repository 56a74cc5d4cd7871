#include "server/runtime/load_book.h"

#include <algorithm>
#include <utility>

#include "server/base/check.h"

namespace shardd {
namespace {

const ShardNote& NoteOf(const ShardNotes& notes, ShardId shard) {
  static const ShardNote kNone;
  const auto found = notes.find(shard);
  return found == notes.end() ? kNone : found->second;
}

bool IsChange(OperationKind kind) {
  return kind == OperationKind::kSplit || kind == OperationKind::kMerge ||
         kind == OperationKind::kRehome;
}

}  // namespace

LoadBook::Entry::Entry(const Route& its_route, absl::Time now, LoadWindow::Pace pace)
    : route(its_route),
      read_at(now),
      window(now, pace),
      // Which keys are drawn differs from shard to shard and from time to time, and says nothing.
      sampler(its_route.range,
              its_route.shard.value + static_cast<uint64_t>(absl::ToUnixNanos(now)), now) {}

void LoadBook::Begin(absl::Time now, const Route& route, const ShardNote& note,
                     ShardLoadMeter& meter) {
  Entry entry(route, now, pace_);
  entry.last_change = note.last_change;
  entry.reading = meter.Read();
  // They may be from before the change.
  static_cast<void>(meter.TakeSamples());
  const auto before = entries_.find(route.shard);
  if (before != entries_.end()) entry.last_failure = before->second.last_failure;
  entries_.insert_or_assign(route.shard, std::move(entry));
}

void LoadBook::Read(absl::Time now, ShardLoadMeter& meter, Entry& entry) {
  const ShardLoadMeter::Reading reading = meter.Read();
  LoadSample sample;
  sample.length = now - entry.read_at;
  if (sample.length <= absl::ZeroDuration()) return;
  sample.operations = reading.operations - entry.reading.operations;
  sample.busy = reading.busy - entry.reading.busy;
  sample.mailbox_wait = reading.mailbox_wait - entry.reading.mailbox_wait;
  sample.bytes = reading.bytes - entry.reading.bytes;
  entry.window.Add(now, sample);
  entry.reading = reading;
  entry.read_at = now;
  for (const ShardLoadMeter::Sample& request : meter.TakeSamples()) {
    entry.sampler.Record(now, {request.account, request.key});
  }
}

void LoadBook::Observe(absl::Time now, const BalancingView& view) {
  const std::vector<Route>& routes = view.table->routes();
  SHARDD_CHECK(view.meters.size() == routes.size());
  for (size_t i = 0; i < routes.size(); ++i) {
    ShardLoadMeter& meter = *view.meters[i];
    const ShardNote& note = NoteOf(*view.notes, routes[i].shard);
    const auto entry = entries_.find(routes[i].shard);
    if (entry == entries_.end() || entry->second.begin_anew || entry->second.route != routes[i] ||
        entry->second.last_change != note.last_change) {
      Begin(now, routes[i], note, meter);
    } else {
      Read(now, meter, entry->second);
    }
  }
  std::erase_if(entries_,
                [&](const auto& entry) { return view.table->FindShard(entry.first) == nullptr; });
}

void LoadBook::SetPace(LoadWindow::Pace pace) {
  pace_ = pace;
  entries_.clear();
}

void LoadBook::NoteFailure(ShardId shard, absl::Time now) {
  const auto entry = entries_.find(shard);
  if (entry == entries_.end()) return;
  entry->second.last_failure = now;
  entry->second.begin_anew = true;
}

BalancingSnapshot LoadBook::Snapshot(absl::Time now, const BalancingView& view,
                                     const BalancingConfig& config) const {
  BalancingSnapshot snapshot;
  snapshot.now = now;
  snapshot.started_at = started_at_;
  snapshot.epoch = view.table->epoch();
  snapshot.changes_running = ChangesRunning(*view.operations);
  snapshot.config = config;
  const std::vector<Route>& routes = view.table->routes();
  for (size_t i = 0; i < routes.size(); ++i) {
    const Entry& entry = entries_.at(routes[i].shard);
    const ShardNote& note = NoteOf(*view.notes, routes[i].shard);
    ShardSnapshot shard;
    shard.route = routes[i];
    shard.load = entry.window.Summary();
    shard.sample = entry.sampler.sample();
    shard.bytes_stored = view.meters[i]->stored();
    shard.last_change = std::max(note.last_change, entry.last_failure);
    shard.last_split = note.last_split;
    shard.pinned_until = note.pinned_until;
    shard.changing = note.operation.value != 0;
    snapshot.shards.push_back(std::move(shard));
  }
  return snapshot;
}

uint32_t ChangesRunning(const OperationTable& operations) {
  return static_cast<uint32_t>(
      std::count_if(operations.begin(), operations.end(), [](const auto& operation) {
        return operation.second.running() && IsChange(operation.second.kind);
      }));
}

}  // namespace shardd
