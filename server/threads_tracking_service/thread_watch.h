#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "server/threads_tracking_service/thread_monitor.h"
#include "server/threads_tracking_service/thread_registry.h"

namespace shardd {

// One look at all threads after the other: reads their records, judges, and writes down what it
// found, in the records and in the log of events.
//
// It waits for nobody. Where a lock is held by somebody else it goes on without: new threads are
// seen with the next look, and events wait here until the log can take them. So a thread that is
// stuck, with whatever locks it may hold, cannot keep it from saying so.
//
// Thread safety: none; used by one thread.
class ThreadWatch {
 public:
  // Called with each event; must not wait for anybody either. May be empty.
  using Report = std::function<void(const ThreadEvent&)>;

  // `threads` must outlive it.
  ThreadWatch(ThreadRegistry& threads, const StallLimits& limits, Report report);

  // REQUIRES: `now` is not before the `now` of the previous call.
  void Look(absl::Time now);

 private:
  void Note(std::vector<ThreadEvent> events);

  ThreadRegistry& threads_;
  const Report report_;
  ThreadMonitor monitor_;
  uint64_t version_ = 0;
  ThreadRegistry::Records records_;
  std::vector<ThreadSample> samples_;
  std::vector<ThreadEvent> unlogged_;  // bounded: the oldest go, as they would from the log
};

}  // namespace shardd
