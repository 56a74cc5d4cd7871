#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/account/routing_key.h"
#include "server/base/mutex.h"
#include "server/base/random.h"
#include "server/core/event.h"

namespace shardd {

// What a shard is asked for, measured where requests run: by its worker, by whoever refuses what
// does not fit its mailbox, and by the threads that read without the worker.
//
// It only ever counts up; whoever reads it twice knows what was between. So a change of the shard
// needs no meter of its own, only a first reading after it.
//
// Thread safety: safe. The counters are atomics; a lock guards the requests looked at, which are
// one in limits::kRequestsPerSample, and is held for a few instructions: a message for each would
// cost more.
class ShardLoadMeter {
 public:
  // Since the meter was made.
  struct Reading {
    uint64_t operations = 0;  // also refused ones: shed load is load
    absl::Duration busy;
    absl::Duration mailbox_wait;  // of all operations together
    uint64_t bytes = 0;           // read and written
  };
  // A request that was looked at.
  struct Sample {
    AccountRef account;
    RoutingKey key;
  };
  // What a worker did in one go.
  struct Work {
    uint64_t operations = 0;
    absl::Duration busy;
    absl::Duration mailbox_wait;
    uint64_t bytes = 0;
  };

  // `seed` chooses which requests are looked at.
  explicit ShardLoadMeter(uint64_t seed) : random_(seed) {}

  // For the worker: of these requests, some are looked at; and what was done with them.
  void LookAt(const std::vector<std::vector<ShardRequest>>& items);
  void Add(const Work& work);

  // For the worker: the bytes that the shard holds.
  void SetStored(uint64_t bytes) { stored_.store(bytes, kRelaxed); }
  uint64_t stored() const { return stored_.load(kRelaxed); }

  // Requests that found the mailbox full.
  void AddRefused(uint64_t requests) { operations_.fetch_add(requests, kRelaxed); }

  // A read without the worker that stands for kRequestsPerSample of them.
  void AddRead(const AccountRef& account, uint64_t bytes);

  Reading Read() const;
  // What was looked at since the last call: evenly drawn, at most limits::kMeterSamplesMax.
  std::vector<Sample> TakeSamples();

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;

  void Keep(const AccountRef& account);
  // How many requests until the next one that is looked at; kRequestsPerSample on average, and
  // never in step with what callers do.
  uint64_t NextGap();

  std::atomic<uint64_t> operations_{0};
  std::atomic<int64_t> busy_ns_{0};
  std::atomic<int64_t> mailbox_wait_ns_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> stored_{0};

  // Below: the worker's thread only.
  Random random_;
  uint64_t requests_to_next_ = 0;

  Mutex mutex_;
  std::vector<Sample> samples_ ABSL_GUARDED_BY(mutex_);
  uint64_t offered_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t stride_ ABSL_GUARDED_BY(mutex_) = 1;  // every so manieth that is offered is kept
};

// For a thread that reads without workers: whether it is this read's turn to be measured, which is
// one in limits::kRequestsPerSample.
bool IsReadMeasured();

}  // namespace shardd
