#include "server/runtime/thread_watchdog.h"

#include <optional>
#include <utility>

namespace shardd {

ThreadWatchdog::ThreadWatchdog(ThreadRegistry& threads, const Clock& clock, Options options)
    : clock_(clock),
      look_interval_(options.look_interval),
      record_(threads.Register("watchdog", ThreadRole::kBackground, std::nullopt,
                               /*queue_depth=*/nullptr)),
      watch_(threads, StallLimits::After(options.stall_after), std::move(options.report)),
      thread_("watchdog", [this] { Loop(); }) {}

ThreadWatchdog::~ThreadWatchdog() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    stop_changed_.NotifyAll();
  }
  thread_.Join();
  watch_.Look(clock_.Now());
}

void ThreadWatchdog::Loop() {
  for (;;) {
    record_->EnterPhase(ThreadPhase::kRunning);
    watch_.Look(clock_.Now());
    record_->CountItems(1);
    record_->EnterPhase(ThreadPhase::kIdle);
    MutexLock lock(mutex_);
    if (stop_) break;
    stop_changed_.WaitFor(mutex_, look_interval_);
  }
  record_->Stop();
}

}  // namespace shardd
