#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace shardd {

// The bounds of a queue. An item that is larger than bytes_max by itself is never admitted.
struct QueueLimits {
  size_t items_max = 0;
  size_t bytes_max = 0;
};

// Hands items from many threads to one, in order, within bounds. The one way to cross threads.
//
// A push into a full queue is refused, never delayed: the caller tells its own caller to come back.
// The consumer takes everything that waits at once, so that one batch can cover it.
//
// Thread safety: Push, Wake, Close, depth from any thread; PopAll from one thread at a time.
// A lock rather than a lock-free queue: producers must be seen in one order (two calls on one
// connection), and the lock is held for a vector push.
template <typename T>
class BoundedQueue {
 public:
  enum class PushResult { kAccepted, kFull, kClosed };

  explicit BoundedQueue(QueueLimits limits) : limits_(limits) {}

  // Appends `item`, which counts as `items` items and `bytes` bytes. On refusal `item` is left as
  // it was.
  PushResult Push(T&& item, size_t items, size_t bytes) {
    MutexLock lock(mutex_);
    if (closed_) return PushResult::kClosed;
    if (depth_ + items > limits_.items_max || bytes_ + bytes > limits_.bytes_max) {
      return PushResult::kFull;
    }
    depth_ += items;
    bytes_ += bytes;
    items_.push_back(std::move(item));
    if (waiting_) ready_.NotifyOne();
    return PushResult::kAccepted;
  }

  // Moves everything that waits into `out`, which must be empty. Waits until there is something,
  // the queue is closed, Wake was called, or `wake_at` by `clock`. Returns false when the queue is
  // closed and empty: then no more will come.
  bool PopAll(std::vector<T>& out, absl::Time wake_at, const Clock& clock) {
    MutexLock lock(mutex_);
    while (items_.empty() && !closed_ && !woken_) {
      const absl::Duration left =
          wake_at == absl::InfiniteFuture() ? absl::InfiniteDuration() : wake_at - clock.Now();
      if (left <= absl::ZeroDuration()) break;
      waiting_ = true;
      ready_.WaitFor(mutex_, left);
      waiting_ = false;
    }
    woken_ = false;
    out.swap(items_);
    depth_ = 0;
    bytes_ = 0;
    return !(out.empty() && closed_);
  }

  // Makes a waiting PopAll return, or the next one return at once.
  void Wake() {
    MutexLock lock(mutex_);
    woken_ = true;
    ready_.NotifyOne();
  }

  // Refuses further pushes. What waits is still handed out.
  void Close() {
    MutexLock lock(mutex_);
    closed_ = true;
    ready_.NotifyOne();
  }

  // How many items wait, by the count given to Push.
  size_t depth() const {
    MutexLock lock(mutex_);
    return depth_;
  }

 private:
  const QueueLimits limits_;
  mutable Mutex mutex_;
  CondVar ready_;
  std::vector<T> items_ ABSL_GUARDED_BY(mutex_);
  size_t depth_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace shardd
