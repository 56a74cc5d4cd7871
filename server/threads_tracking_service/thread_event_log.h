#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/threads_tracking_service/thread_event.h"

namespace shardd {

// The last limits::kThreadEventsKept life-cycle events, numbered from 1 in the order in which the
// watchdog found them.
//
// Thread safety: safe. A lock, which the watchdog never waits for: what it has to say stays with it
// until the lock is free.
class ThreadEventLog {
 public:
  struct Page {
    std::vector<std::shared_ptr<const ThreadEvent>> events;
    uint64_t last_revision = 0;  // of the log
  };
  using StallCounts = std::map<std::pair<ThreadRole, ThreadPhase>, uint64_t>;

  // Appends and clears `events`, unless the lock is held at this moment; returns whether it did.
  bool TryAppend(std::vector<ThreadEvent>& events);

  // At most `events_max` events from revision `start` on. Errors: kRevisionCompacted if `start` is
  // no longer kept, or not reached yet because it is of an earlier run of the daemon; the oldest
  // revision that can be asked for is in the metadata "oldest_revision".
  absl::StatusOr<Page> From(uint64_t start, size_t events_max) const;

  uint64_t last_revision() const;

  // How often threads have stalled, of each role and in each phase.
  StallCounts stalls() const;

 private:
  uint64_t oldest_revision() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return last_revision_ - events_.size() + 1;
  }

  mutable Mutex mutex_;
  std::deque<std::shared_ptr<const ThreadEvent>> events_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_revision_ ABSL_GUARDED_BY(mutex_) = 0;
  StallCounts stalls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd
