#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace shardd {

// A clock that stands still until a test moves it. It wakes nobody: whoever waits for a time must
// be given something to do after the move.
//
// Thread safety: safe.
class FakeClock final : public Clock {
 public:
  // Begins at 2001-09-09 01:46:40 UTC, a whole number of seconds.
  FakeClock();

  absl::Time Now() const override;
  void Advance(absl::Duration by);

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd
