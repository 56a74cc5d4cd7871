#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "server/base/limits.h"

// Every bound of this room, with its reason. A test reaches each.
namespace shardd::limits {

// Keys in a sampler's reservoir: field experience (CockroachDB, TiKV) is that 20 are enough to find
// a cut within a quarter of the middle, and a request is compared with each of them.
inline constexpr size_t kSplitCandidates = 20;
// After this a sampler begins anew, so that it speaks of the traffic of today.
inline constexpr absl::Duration kSampleAgeMax = absl::Minutes(2);

// Checks a window remembers: how many breaches in a row can be asked for, and no more.
inline constexpr size_t kLoadChecksKept = 8;
// The peak of five minutes: five full slots, and the one that is being filled.
inline constexpr size_t kPeakSlots = 6;
inline constexpr int64_t kPeakSlotMinutes = 1;
inline constexpr absl::Duration kPeakSlotLength = absl::Minutes(kPeakSlotMinutes);
inline constexpr absl::Duration kPeakWindow =
    absl::Minutes(kPeakSlotMinutes * (int64_t{kPeakSlots} - 1));
// A window that missed so many checks, or a summary so old, says nothing about now.
inline constexpr int kChecksMissedMax = 3;

// What a configuration may ask for. A shard costs a thread; a change at once costs a pause of the
// range it touches; a home is a column family, and hundreds of those are known to hurt.
inline constexpr uint32_t kBalancedShardsMax = 4096;
inline constexpr uint32_t kChangesAtOnceMax = 16;
inline constexpr uint32_t kBalancedHomesMax = 512;
inline constexpr absl::Duration kBalancingWaitMax = absl::Hours(168);

// Of the requests that a shard is asked for, one in so many is looked at, so that looking costs
// nothing: at the load from which shards are split, that is a hundred in some seconds.
inline constexpr uint64_t kRequestsPerSample = 16;
// Requests looked at between two rounds; past that every second one is forgotten, evenly.
inline constexpr size_t kMeterSamplesMax = 1024;
static_assert(kMeterSamplesMax % 2 == 0, "it is halved");

// Rounds kept in memory for a trace: three hours of a small daemon, a quarter of an hour of one
// with a hundred busy shards.
inline constexpr size_t kTraceRoundsKept = 2160;
inline constexpr size_t kTraceBytesKept = size_t{32} << 20;
// With more shards than this a recorded round has no samples: with full ones it would be too large.
inline constexpr size_t kTraceShardsSampled = 1024;

// A pause that was forgotten ends by itself.
inline constexpr absl::Duration kBalancerPauseDefault = absl::Minutes(10);
inline constexpr absl::Duration kBalancerPauseMax = kBalancingWaitMax;
// Changes of the policy and pauses that wait for the balancer.
inline constexpr size_t kBalancerChangesQueuedMax = 64;

// Decisions kept. Repeated "nothing" is one entry, so this is some per shard for the largest table.
inline constexpr size_t kDecisionsKept = 8192;
static_assert(kDecisionsKept >= 2 * kBalancedShardsMax);
// One sentence for people, with one account's escaped name; the numbers stand beside it.
inline constexpr size_t kDecisionTextBytesMax = 2048;
static_assert(kDecisionTextBytesMax > 4 * (kNamespaceBytesMax + kAccountIdBytesMax) + 256);

// A trace of a day at one record in ten seconds; one record holds the largest table, each shard
// with 2 KiB, or fewer shards with full samplers.
inline constexpr size_t kTraceRecordsMax = 10'000;
inline constexpr size_t kTraceRecordBytesMax = size_t{16} << 20;
static_assert(kTraceRecordBytesMax >= kBalancedShardsMax * 2048);
static_assert(kTraceRecordBytesMax >=
              kTraceShardsSampled *
                  (kSplitCandidates * (kNamespaceBytesMax + kAccountIdBytesMax + 64) + 2048));
static_assert(kTraceRoundsKept <= kTraceRecordsMax);
static_assert(kTraceBytesKept >= 2 * kTraceRecordBytesMax);

}  // namespace shardd::limits
