#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/base/ids.h"
#include "server/threads_tracking_service/busy_window.h"
#include "server/threads_tracking_service/thread_event.h"
#include "server/threads_tracking_service/thread_record.h"

namespace shardd {

// How long a thread may stay in a phase. Waiting for work is no stall, unless there is some; nor is
// a compaction: how long that takes depends on how much is stored.
struct StallLimits {
  absl::Duration running;
  absl::Duration committing;
  absl::Duration replying;
  absl::Duration syncing;
  absl::Duration waiting;
  absl::Duration not_woken;  // idle while work waits

  // All the same, but for `waiting`: the thread that is waited for should be named first. Zero:
  // nothing is ever a stall.
  static StallLimits After(absl::Duration stall_after);

  absl::Duration Of(ThreadPhase phase) const;
};

// Judges threads by looking at them now and then: samples in, events out.
//
// A look that comes late says that the process itself was held up (it was paused, or the machine is
// overloaded). The time beyond limits::kThreadLookGapMax is nobody's fault and does not count
// towards a stall.
//
// Thread safety: none. No clock, no I/O: the same looks give the same findings.
class ThreadMonitor {
 public:
  struct Verdict {
    std::optional<absl::Time> stalled_since;  // when it was found to be stalled
    double busy_ratio = 0;
  };
  struct Findings {
    std::vector<ThreadEvent> events;
    std::vector<Verdict> verdicts;  // one for each sample
  };

  explicit ThreadMonitor(const StallLimits& limits) : limits_(limits) {}

  // All threads as of `now`; one that is not among them is forgotten. REQUIRES: `now` is not before
  // the `now` of the previous look.
  Findings Look(absl::Time now, absl::Span<const ThreadSample> samples);

 private:
  // A phase that may become a stall; of an idle thread, only the time in which work waited.
  struct Stay {
    ThreadPhase phase = ThreadPhase::kIdle;
    bool not_woken = false;
    absl::Time since = absl::InfinitePast();
    friend bool operator==(const Stay&, const Stay&) = default;
  };
  static Stay StayOf(const ThreadSample& sample);
  absl::Duration LimitOf(const Stay& stay) const;

  struct Watched {
    bool started = false;
    bool stopped = false;
    Stay stay;
    absl::Duration stay_time;  // counted towards a stall
    std::string operation;     // when it stalled
    absl::Duration cpu_before;
    absl::Duration cpu_time;
    std::optional<absl::Time> stalled_since;
    BusyWindow busy;
    uint64_t look = 0;
  };

  Verdict LookAt(absl::Time now, absl::Duration step, const ThreadSample& sample,
                 std::vector<ThreadEvent>& events);
  void LookAtPhase(absl::Time now, absl::Duration step, const ThreadSample& sample,
                   Watched& watched, std::vector<ThreadEvent>& events) const;
  static void EndStall(absl::Time time, const ThreadSample& sample, Watched& watched,
                       std::vector<ThreadEvent>& events);

  const StallLimits limits_;
  std::map<ThreadId, Watched> watched_;
  std::optional<absl::Time> last_look_;
  uint64_t looks_ = 0;
};

}  // namespace shardd
