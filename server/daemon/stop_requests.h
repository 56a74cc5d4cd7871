#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace shardd {

// Counts how often the daemon was asked to stop. The first time begins the drain, the second one
// hurries it.
//
// Thread safety: safe. A lock, because a signal thread only raises a number that the main thread
// waits for; there is nothing to hand over.
class StopRequests {
 public:
  void Add() {
    MutexLock lock(mutex_);
    ++count_;
    changed_.NotifyAll();
  }

  // Whether there were at least `count` requests; waits for them, at most for `timeout`.
  bool AwaitAtLeast(int count, absl::Duration timeout) {
    MutexLock lock(mutex_);
    if (count_ < count && timeout > absl::ZeroDuration()) changed_.WaitFor(mutex_, timeout);
    return count_ >= count;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace shardd
