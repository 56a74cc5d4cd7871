#include "tests/support/fake_clock.h"

#include "server/base/check.h"

namespace shardd {

FakeClock::FakeClock() : now_(absl::FromUnixSeconds(1'000'000'000)) {}

absl::Time FakeClock::Now() const {
  MutexLock lock(mutex_);
  return now_;
}

void FakeClock::Advance(absl::Duration by) {
  SHARDD_CHECK(by >= absl::ZeroDuration());
  MutexLock lock(mutex_);
  now_ += by;
}

}  // namespace shardd
