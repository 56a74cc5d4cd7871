#pragma once

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "rocksdb/rate_limiter.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace shardd::storage {

// Makes flushes and compactions wait while a commit comes that must be quick. RocksDB asks its rate
// limiter before each piece that background work reads or writes, and never for a commit or a read
// of ours; so this is where they can be stopped, and no rate is limited. Work that writers wait for
// already passes (RocksDB says so by its priority, IO_USER).
//
// Thread safety: safe.
class BackgroundGate final : public rocksdb::RateLimiter {
 public:
  // One hold lasts for `hold_max` at most; as long after its end none begins, so that however often
  // somebody asks, background work has half of the time. `clock` must outlive the gate.
  BackgroundGate(const Clock& clock, absl::Duration hold_max);

  void Hold();
  void Release();
  // How many threads stand before it.
  int waiting() const;

  void Request(int64_t bytes, rocksdb::Env::IOPriority priority,
               rocksdb::Statistics* statistics) override;
  // There is no rate, and nothing is counted.
  void SetBytesPerSecond(int64_t) override {}
  int64_t GetBytesPerSecond() const override;
  int64_t GetSingleBurstBytes() const override;
  int64_t GetTotalBytesThrough(rocksdb::Env::IOPriority) const override { return 0; }
  int64_t GetTotalRequests(rocksdb::Env::IOPriority) const override { return 0; }

 private:
  const Clock& clock_;
  const absl::Duration hold_max_;
  // Whether it may be worth to take the lock: a compaction asks for every block.
  std::atomic<bool> held_{false};
  mutable Mutex mutex_;
  CondVar changed_;
  absl::Time held_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace shardd::storage
