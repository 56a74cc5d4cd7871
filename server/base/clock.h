#pragma once

#include "absl/time/time.h"

namespace shardd {

// The time. Passed in, so that tests and the simulator own it.
//
// Thread safety: safe.
// Invariant: Now() never goes back while the daemon runs, not even when the machine's clock is set.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

// The machine's clock as it was at the first call, moved on by the monotonic clock: deadlines,
// leases and record times can share one clock that is never set back or forward under them. Lives
// for ever.
const Clock& RealClock();

}  // namespace shardd
