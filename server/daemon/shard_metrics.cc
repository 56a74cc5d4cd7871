#include "server/daemon/shard_metrics.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "server/base/histogram_bucket.h"
#include "server/http/metric_text.h"

namespace shardd {
namespace {

using http::MetricFamily;

// The kinds and ends that have series from the start, so that a first one is a step and not a new
// series.
constexpr OperationKind kKinds[] = {OperationKind::kDeleteNamespace, OperationKind::kSplit,
                                    OperationKind::kMerge,           OperationKind::kRehome,
                                    OperationKind::kVerify,          OperationKind::kCompact};
constexpr OperationKind kChanges[] = {OperationKind::kSplit, OperationKind::kMerge,
                                      OperationKind::kRehome};
constexpr OperationState kEnds[] = {OperationState::kSucceeded, OperationState::kFailed,
                                    OperationState::kCancelled};

std::string Word(OperationKind kind) {
  switch (kind) {
    case OperationKind::kDeleteNamespace:
      return "delete_namespace";
    case OperationKind::kSplit:
      return "split";
    case OperationKind::kMerge:
      return "merge";
    case OperationKind::kRehome:
      return "rehome";
    case OperationKind::kImport:
      return "import";
    case OperationKind::kBackup:
      return "backup";
    case OperationKind::kDrain:
      return "drain";
    case OperationKind::kVerify:
      return "verify";
    case OperationKind::kCompact:
      return "compact";
  }
  return "";
}

std::string Word(OperationState state) {
  switch (state) {
    case OperationState::kRunning:
      return "running";
    case OperationState::kCancelling:
      return "cancelling";
    case OperationState::kSucceeded:
      return "succeeded";
    case OperationState::kFailed:
      return "failed";
    case OperationState::kCancelled:
      return "cancelled";
  }
  return "";
}

void CountState(const ShardNote& note, absl::Time now, ShardSeries& series) {
  if (note.pinned_until > now) ++series.pinned;
  if (note.paused_until > now) {
    ++series.paused;
  } else if (note.operation.value == 0) {
    return;
  } else if (note.operation_kind == OperationKind::kSplit) {
    ++series.splitting;
  } else if (note.operation_kind == OperationKind::kMerge) {
    ++series.merging;
  } else if (note.operation_kind == OperationKind::kRehome) {
    ++series.moving_home;
  }
}

template <typename Map, typename Key>
double ValueAt(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? 0 : static_cast<double>(found->second);
}

MetricFamily StatesOf(const ShardSeries& series, size_t shards) {
  MetricFamily family = MetricFamily::Gauge("shardd_shards", "Shards by state.");
  const uint64_t others = series.paused + series.splitting + series.merging + series.moving_home;
  const auto add = [&family](const char* state, uint64_t count) {
    family.Add(static_cast<double>(count), {{"state", state}});
  };
  // The two were read one after the other.
  add("active", shards - std::min<uint64_t>(others, shards));
  add("paused", series.paused);
  add("splitting", series.splitting);
  add("merging", series.merging);
  add("moving_home", series.moving_home);
  return family;
}

MetricFamily TimesOf(const EndedOperations& ended) {
  MetricFamily family = MetricFamily::Histogram(
      "shardd_shard_change_seconds",
      "How long changes of shards took from their record to their end, by kind and end.");
  for (const OperationKind kind : kChanges) {
    for (const OperationState state : kEnds) {
      const auto found = ended.times.find({kind, state});
      const ChangeTimes times = found == ended.times.end() ? ChangeTimes() : found->second;
      family.Add(http::HistogramOf(kChangeBuckets, times.buckets, times.sum),
                 {{"kind", Word(kind)}, {"state", Word(state)}});
    }
  }
  return family;
}

MetricFamily PausesOf(const EndedOperations& ended) {
  MetricFamily family = MetricFamily::Histogram(
      "shardd_shard_change_pause_seconds",
      "How long requests to a range had to wait for a change of its shard, by what changed it.");
  for (const OperationKind kind : kChanges) {
    const auto found = ended.pauses.find(kind);
    const PauseSeries pauses = found == ended.pauses.end() ? PauseSeries() : found->second;
    family.Add(http::HistogramOf(kPauseBuckets, pauses.buckets, pauses.sum),
               {{"kind", Word(kind)}});
  }
  return family;
}

MetricFamily NewestPausesOf(const EndedOperations& ended) {
  MetricFamily family =
      MetricFamily::Gauge("shardd_shard_change_newest_pause_seconds",
                          "How long requests had to wait for the newest change of each kind.");
  for (const OperationKind kind : kChanges) {
    const auto found = ended.pauses.find(kind);
    family.Add(found == ended.pauses.end() ? 0 : absl::ToDoubleSeconds(found->second.newest),
               {{"kind", Word(kind)}});
  }
  return family;
}

}  // namespace

EndedOperations OperationTally::Look(const OperationTable& operations) {
  MutexLock lock(mutex_);
  for (const auto& [id, operation] : operations) {
    const bool counts = !operation.running() && operation.end_time >= since_;
    if (counts && counted_.insert(id).second) Count(operation);
  }
  std::erase_if(counted_, [&](OperationId id) { return !operations.contains(id); });
  return ended_;
}

void OperationTally::Count(const OperationRecord& operation) {
  const std::pair end(operation.kind, operation.state);
  ++ended_.counts[end];
  // A clock that was set back must not take from the sum.
  const absl::Duration time =
      std::max(operation.end_time - operation.create_time, absl::ZeroDuration());
  ChangeTimes& times = ended_.times[end];
  ++times.buckets[BucketOf(kChangeBuckets, time)];
  times.sum += time;
  // One that failed or was cancelled may have changed the table all the same.
  if (!operation.change.has_value() || operation.change->epoch.value == 0) return;
  const absl::Duration pause = operation.change->pause;
  PauseSeries& series = ended_.pauses[operation.kind];
  ++series.buckets[BucketOf(kPauseBuckets, pause)];
  series.sum += pause;
  series.newest = pause;
}

ShardSeries ShardSeriesOf(const Runtime& runtime, EndedOperations ended, absl::Time now) {
  ShardSeries series;
  series.ended = std::move(ended);
  const std::shared_ptr<const ShardNotes> notes = runtime.notes();
  for (const auto& [shard, note] : *notes) CountState(note, now, series);
  std::set<storage::Family> homes;
  const std::shared_ptr<const TableHistory> tables = runtime.tables();
  for (const Route& route : tables->current()->routes()) homes.insert(route.home);
  series.homes = homes.size();
  std::map<ShardId, uint64_t> errors;
  const std::shared_ptr<const OperationTable> operations = runtime.operations();
  for (const auto& [id, operation] : *operations) {
    if (operation.running()) ++series.running[operation.kind];
    if (operation.verification.has_value() && operation.change.has_value()) {
      errors[operation.change->shard] = operation.verification->error_count;
    }
  }
  for (const auto& [shard, count] : errors) series.contradictions += count;
  return series;
}

void PutShardSeries(const ShardSeries& series, size_t shards,
                    std::vector<prometheus::MetricFamily>* families) {
  const auto put = [families](MetricFamily family) {
    families->push_back(std::move(family).Take());
  };
  const auto gauge = [&put](const char* name, const char* help, uint64_t value) {
    MetricFamily family = MetricFamily::Gauge(name, help);
    family.Add(static_cast<double>(value));
    put(std::move(family));
  };
  put(StatesOf(series, shards));
  gauge("shardd_shards_pinned", "Shards that may not be split, merged or moved.", series.pinned);
  gauge("shardd_homes", "Column families that hold shards.", series.homes);
  gauge("shardd_shard_contradictions",
        "Contradictions that the newest verification of each shard has found.",
        series.contradictions);
  MetricFamily running =
      MetricFamily::Gauge("shardd_operations_running", "Operations under way, by kind.");
  MetricFamily ended = MetricFamily::Counter("shardd_operations_ended_total",
                                             "Operations that have ended, by kind and end.");
  for (const OperationKind kind : kKinds) {
    running.Add(ValueAt(series.running, kind), {{"kind", Word(kind)}});
    for (const OperationState state : kEnds) {
      ended.Add(ValueAt(series.ended.counts, std::pair(kind, state)),
                {{"kind", Word(kind)}, {"state", Word(state)}});
    }
  }
  put(std::move(running));
  put(std::move(ended));
  put(TimesOf(series.ended));
  put(PausesOf(series.ended));
  put(NewestPausesOf(series.ended));
}

}  // namespace shardd
