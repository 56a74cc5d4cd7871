#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/base/mutex.h"

namespace shardd::storage {

// Remembers the first failure for ever.
//
// Thread safety: all methods from any thread. Why a lock: a status is too large for an atomic, and
// the threads of RocksDB have no queue; it is taken only once something has failed.
class FailureLatch {
 public:
  explicit FailureLatch(std::function<void(const absl::Status&)> on_failure)
      : on_failure_(std::move(on_failure)) {}

  void Fail(const absl::Status& status) {
    {
      MutexLock lock(mutex_);
      if (failed_.load(std::memory_order_relaxed)) return;
      failure_ = status;
      failed_.store(true, std::memory_order_release);
    }
    if (on_failure_) on_failure_(status);
  }

  // OK, or the first failure.
  absl::Status Get() const {
    if (!failed_.load(std::memory_order_acquire)) return absl::OkStatus();
    MutexLock lock(mutex_);
    return failure_;
  }

 private:
  const std::function<void(const absl::Status&)> on_failure_;
  std::atomic<bool> failed_ = false;
  mutable Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd::storage
