#pragma once

#include "absl/time/time.h"

namespace shardd::client {

// Time as the client sees it; a test brings its own.
//
// Thread safety: all methods may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // The wall-clock time.
  virtual absl::Time Now() const = 0;

  // Returns after `duration`; at once if it is zero or less.
  virtual void Wait(absl::Duration duration) = 0;
};

// The machine's clock. Never destroyed.
Clock& RealClock();

}  // namespace shardd::client
