#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"

namespace shardd::storage {

// A value that is replaced rarely and read all the time. A replaced one is destroyed as soon as
// nobody reads it any more, by the last reader or by Replace, whichever comes later; no one waits.
//
// A reader counts itself in, in one of many counters so that readers on different cores do not meet
// in one cache line, and out again: two atomic additions per read. Pins may be held for long and
// let go on another thread.
//
// Why it is safe. Values lie in slots, which are used again but never freed, so a reader may touch
// the counters of any slot at any time. All operations on `newest_` and on the counters are
// sequentially consistent: there is one order of them that everyone sees.
//  (1) What is pinned is not destroyed. A reader adds to a counter of slot S, then sees
//      newest_ == S, and only then looks at the value. To be destroyed, S must not be newest_ and
//      then all its counters must be seen at zero. If newest_ moved away from S before the reader
//      looked, the reader saw that, or saw S holding a later value, which is the one it then reads.
//      If it moved after, the counters were read later still, and the one the reader added to stays
//      above zero until the reader takes off what it added to that same counter.
//  (2) What nobody reads is destroyed. A reader that leaves subtracts, then looks at newest_. If S
//      was replaced by then, the reader reclaims; if not, Replace, which reclaims after moving
//      newest_, sees the subtraction. Of all who leave, the last to subtract sees only zeros, for
//      reclaiming takes turns.
//  (3) Filling a slot meets no reader: it holds no value then, and a reader that came late to it,
//      having loaded an old newest_, looks at no value before newest_ says S again, which is set
//      after filling.
//
// Thread safety: all methods from any thread. Values are destroyed under no lock. Lifetime:
// REQUIRES no pin when it is destroyed.
template <typename T>
class PinnedValue {
  // As many as threads may meet on; a cache line each.
  static constexpr size_t kCounters = 32;
  struct alignas(64) Counter {
    std::atomic<int64_t> pins = 0;
  };
  struct Slot {
    std::optional<T> value;
    std::array<Counter, kCounters> counters;
  };

 public:
  // Keeps one value alive.
  class Pin {
   public:
    explicit Pin(const PinnedValue& owner) : owner_(owner), counter_(owner.MyCounter()) {
      slot_ = owner_.newest_.load();
      while (true) {
        slot_->counters[counter_].pins.fetch_add(1);
        Slot* const newest = owner_.newest_.load();
        if (newest == slot_) return;
        owner_.Leave(*slot_, counter_);
        slot_ = newest;
      }
    }
    ~Pin() { owner_.Leave(*slot_, counter_); }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

    const T& operator*() const { return *slot_->value; }
    const T* operator->() const { return &*slot_->value; }
    // Whether it has not been replaced since it was pinned. (A pinned slot is not used again.)
    bool is_newest() const { return owner_.newest_.load() == slot_; }

   private:
    const PinnedValue& owner_;
    const size_t counter_;
    Slot* slot_ = nullptr;
  };

  explicit PinnedValue(T first) { Replace(std::move(first)); }
  PinnedValue(const PinnedValue&) = delete;
  PinnedValue& operator=(const PinnedValue&) = delete;

  void Replace(T value) {
    {
      MutexLock lock(mutex_);
      Slot& slot = EmptySlot();
      slot.value.emplace(std::move(value));
      newest_.store(&slot);
    }
    Reclaim();
  }

  // Whether there is any pin at all. Exact once nobody makes new ones.
  bool pinned() const {
    MutexLock lock(mutex_);
    return std::any_of(slots_.begin(), slots_.end(), [](const auto& slot) { return Used(*slot); });
  }

 private:
  static bool Used(const Slot& slot) {
    return std::any_of(slot.counters.begin(), slot.counters.end(),
                       [](const Counter& counter) { return counter.pins.load() != 0; });
  }

  static size_t MyCounter() {
    static std::atomic<size_t> threads = 0;
    thread_local const size_t mine = threads.fetch_add(1, std::memory_order_relaxed) % kCounters;
    return mine;
  }

  void Leave(Slot& slot, size_t counter) const {
    slot.counters[counter].pins.fetch_sub(1);
    if (newest_.load() != &slot) Reclaim();
  }

  Slot& EmptySlot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const auto& slot : slots_) {
      if (!slot->value.has_value()) return *slot;
    }
    slots_.push_back(std::make_unique<Slot>());
    return *slots_.back();
  }

  // Destroys what was replaced and is not pinned.
  void Reclaim() const {
    std::vector<T> dead;
    MutexLock lock(mutex_);
    for (const auto& slot : slots_) {
      if (!slot->value.has_value() || slot.get() == newest_.load() || Used(*slot)) continue;
      dead.push_back(*std::move(slot->value));
      slot->value.reset();
    }
  }

  std::atomic<Slot*> newest_ = nullptr;
  // A lock: taken only by Replace and by who leaves a replaced value; readers take none.
  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Slot>> slots_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd::storage
