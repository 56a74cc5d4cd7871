#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/runtime/service_thread.h"
#include "server/threads_tracking_service/limits.h"
#include "server/threads_tracking_service/thread_watch.h"

namespace shardd {

// The thread that watches the others. See ThreadWatch for what it shares with them, which is
// nothing it would wait for.
//
// Thread safety: construction and destruction from one thread.
class ThreadWatchdog {
 public:
  struct Options {
    absl::Duration stall_after = limits::kStallAfterDefault;  // zero: nothing is ever a stall
    absl::Duration look_interval = limits::kThreadLookInterval;
    ThreadWatch::Report report;  // called on the watchdog's thread
  };

  // Begins to look. `threads` and `clock` must outlive it.
  ThreadWatchdog(ThreadRegistry& threads, const Clock& clock, Options options);
  // Looks a last time.
  ~ThreadWatchdog();
  ThreadWatchdog(const ThreadWatchdog&) = delete;
  ThreadWatchdog& operator=(const ThreadWatchdog&) = delete;

 private:
  void Loop();

  const Clock& clock_;
  const absl::Duration look_interval_;
  const std::shared_ptr<ThreadRecord> record_;
  ThreadWatch watch_;  // of the thread

  Mutex mutex_;
  CondVar stop_changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  ServiceThread thread_;  // last: it uses the rest
};

}  // namespace shardd
