#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/runtime/runtime.h"

namespace shardd {

// Upper bounds of the histogram of pauses; above the last there is one more.
inline constexpr std::array<absl::Duration, 10> kPauseBuckets = {
    absl::Microseconds(250), absl::Milliseconds(1),   absl::Microseconds(2500),
    absl::Milliseconds(5),   absl::Milliseconds(10),  absl::Milliseconds(25),
    absl::Milliseconds(50),  absl::Milliseconds(100), absl::Milliseconds(500),
    absl::Seconds(2)};

// How long requests to a range had to wait for changes of one kind.
struct PauseSeries {
  std::array<uint64_t, kPauseBuckets.size() + 1> buckets{};  // each by itself
  absl::Duration sum;
  absl::Duration newest;
};

// Upper bounds of the histogram of how long whole changes take; likewise.
inline constexpr std::array<absl::Duration, 12> kChangeBuckets = {
    absl::Milliseconds(10), absl::Milliseconds(50), absl::Milliseconds(250), absl::Seconds(1),
    absl::Seconds(5),       absl::Seconds(15),      absl::Minutes(1),        absl::Minutes(5),
    absl::Minutes(15),      absl::Hours(1),         absl::Hours(4),          absl::Hours(24)};

// How long operations of one kind took that ended in one way, from their record to their end.
struct ChangeTimes {
  std::array<uint64_t, kChangeBuckets.size() + 1> buckets{};  // each by itself
  absl::Duration sum;
};

// Operations that have ended since the daemon started.
struct EndedOperations {
  std::map<std::pair<OperationKind, OperationState>, uint64_t> counts;
  std::map<std::pair<OperationKind, OperationState>, ChangeTimes> times;
  std::map<OperationKind, PauseSeries> pauses;
};

// Counts operations as they end: the table of operations forgets old ones, a counter must not.
//
// Looks when it is asked. Of operations that begin, end and are forgotten between two looks (1000
// are kept) it does not know.
// Thread safety: safe. A lock, since any HTTP thread may ask.
class OperationTally {
 public:
  // Those that ended before `since` do not count: an earlier run did.
  explicit OperationTally(absl::Time since) : since_(since) {}

  EndedOperations Look(const OperationTable& operations);

 private:
  void Count(const OperationRecord& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const absl::Time since_;
  Mutex mutex_;
  std::set<OperationId> counted_ ABSL_GUARDED_BY(mutex_);
  EndedOperations ended_ ABSL_GUARDED_BY(mutex_);
};

// What /metrics tells of the shards as a whole, and of what changes them.
struct ShardSeries {
  // Shards that do something else than serve.
  uint64_t paused = 0;
  uint64_t splitting = 0;
  uint64_t merging = 0;
  uint64_t moving_home = 0;
  uint64_t pinned = 0;
  uint64_t homes = 0;
  std::map<OperationKind, uint64_t> running;
  EndedOperations ended;
  // What the newest verification of each shard has found.
  uint64_t contradictions = 0;
};

ShardSeries ShardSeriesOf(const Runtime& runtime, EndedOperations ended, absl::Time now);

// `shards`: how many there are.
void PutShardSeries(const ShardSeries& series, size_t shards,
                    std::vector<prometheus::MetricFamily>* families);

}  // namespace shardd
