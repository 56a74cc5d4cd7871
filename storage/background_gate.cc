#include "storage/background_gate.h"

#include <algorithm>
#include <limits>

namespace shardd::storage {
namespace {

constexpr int64_t kAnyBytes = std::numeric_limits<int64_t>::max();

}  // namespace

BackgroundGate::BackgroundGate(const Clock& clock, absl::Duration hold_max)
    : RateLimiter(Mode::kAllIo), clock_(clock), hold_max_(hold_max) {}

void BackgroundGate::Hold() {
  MutexLock lock(mutex_);
  const absl::Time now = clock_.Now();
  if (now < held_until_ + hold_max_) return;
  held_until_ = now + hold_max_;
  held_.store(true);
}

void BackgroundGate::Release() {
  MutexLock lock(mutex_);
  held_until_ = std::min(held_until_, clock_.Now());
  held_.store(false);
  changed_.NotifyAll();
}

int BackgroundGate::waiting() const {
  MutexLock lock(mutex_);
  return waiting_;
}

void BackgroundGate::Request(int64_t, rocksdb::Env::IOPriority priority, rocksdb::Statistics*) {
  if (!held_.load(std::memory_order_relaxed) || priority == rocksdb::Env::IO_USER) return;
  MutexLock lock(mutex_);
  ++waiting_;
  for (;;) {
    const absl::Duration left = held_until_ - clock_.Now();
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(mutex_, left);
  }
  --waiting_;
  held_.store(false);  // it is over for all
}

int64_t BackgroundGate::GetBytesPerSecond() const { return kAnyBytes; }
int64_t BackgroundGate::GetSingleBurstBytes() const { return kAnyBytes; }

}  // namespace shardd::storage
