#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace shardd {

// Since when there is something in a queue that its thread would take. The queue says so whenever
// that changes; the watchdog reads it without asking the queue, whose lock may be held.
//
// Thread safety: Begin and End under the queue's lock; `since` from any thread.
class WaitingWork {
 public:
  void Begin(absl::Time now) { since_ns_.store(absl::ToUnixNanos(now), std::memory_order_relaxed); }
  void End() { since_ns_.store(0, std::memory_order_relaxed); }

  std::optional<absl::Time> since() const {
    const int64_t since = since_ns_.load(std::memory_order_relaxed);
    return since == 0 ? std::nullopt : std::optional(absl::FromUnixNanos(since));
  }

 private:
  std::atomic<int64_t> since_ns_{0};  // since 1970; 0: nothing waits
};

}  // namespace shardd
