#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "server/base/mutex.h"

namespace shardd {

// An immutable value that changes rarely and is read for every request.
//
// A reader keeps its own share per thread and renews it only after a change, so that reading costs
// one atomic load. (std::atomic<std::shared_ptr> takes a lock inside and moves a shared counter
// between cores for every read.)
//
// Thread safety: safe. Lifetime: a thread's share may live on until that thread reads another value
// of the same type.
template <typename T>
class Published {
 public:
  void Publish(std::shared_ptr<const T> value) {
    MutexLock lock(mutex_);
    value_ = std::move(value);
    // Numbers are never reused, not even by another object: a thread's share is current if the
    // number is.
    generation_.store(next_generation_.fetch_add(1, std::memory_order_relaxed),
                      std::memory_order_release);
  }

  // The value; valid until this thread calls Read again. nullptr before the first Publish.
  const std::shared_ptr<const T>& Read() const {
    thread_local Share share;
    const uint64_t generation = generation_.load(std::memory_order_acquire);
    if (share.generation != generation) {
      MutexLock lock(mutex_);
      share.value = value_;
      share.generation = generation_.load(std::memory_order_relaxed);
    }
    return share.value;
  }

 private:
  struct Share {
    uint64_t generation = 0;
    std::shared_ptr<const T> value;
  };
  static inline std::atomic<uint64_t> next_generation_{1};

  // A lock: taken by a thread only once after each change.
  mutable Mutex mutex_;
  std::shared_ptr<const T> value_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> generation_{0};
};

}  // namespace shardd
