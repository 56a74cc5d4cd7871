#pragma once

#include <cstddef>

#include "absl/time/time.h"

// The bounds of the threads tracking service, each with its reason.
namespace shardd::limits {

// The watchdog looks so often; a later look than this counts for no more than this towards
// a stall, so that a paused process does not find all of its threads stalled.
inline constexpr absl::Duration kThreadLookInterval = absl::Milliseconds(250);
inline constexpr absl::Duration kThreadLookGapMax = absl::Seconds(1);
// How long a thread may stay in one phase, unless configured: beyond what a slow disk takes for a
// sync, and short enough to be named within three seconds.
inline constexpr absl::Duration kStallAfterDefault = absl::Seconds(2);
static_assert(kStallAfterDefault < absl::Seconds(3));
// One that waits for another thread has so many times as long: the other should be named first.
inline constexpr int kStallWaitingFactor = 15;
// Records of stopped threads, for operators who come late: a storm of splits and merges must not
// fill the memory.
inline constexpr size_t kThreadsStoppedKept = 256;
inline constexpr size_t kThreadEventsKept = 4096;
// Events in one message of a watch: some 100 KiB.
inline constexpr size_t kThreadEventsPerMessage = 512;
// Stacks: so many threads, so deep, each symbol so long; what does not answer in time does not.
inline constexpr size_t kStackThreadsMax = 2048;
inline constexpr size_t kStackFramesMax = 64;
inline constexpr size_t kStackSymbolBytesMax = 256;
inline constexpr absl::Duration kStackDumpTimeout = absl::Seconds(1);

}  // namespace shardd::limits
