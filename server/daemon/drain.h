#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/logging/log.h"

namespace shardd {

// What a drain acts on. Called from one thread, in this order.
class DrainSteps {
 public:
  virtual ~DrainSteps() = default;
  // Says "not ready" to whoever asks, and goes on taking calls.
  virtual void StopBeingReady() = 0;
  virtual void RefuseNewWork() = 0;
  // How much of what was accepted is not finished yet.
  virtual uint64_t Unfinished() = 0;
  // Waits until `deadline` for the rest, then ends all work. Not OK: some was given up.
  virtual absl::Status EndWork(absl::Time deadline) = 0;
  // Syncs and closes what is stored. Not OK: something acknowledged may be at risk.
  virtual absl::Status Close() = 0;
};

// The time, and the operator's patience.
class DrainTimer {
 public:
  virtual ~DrainTimer() = default;
  virtual absl::Time Now() = 0;
  // Returns at `time`, or earlier if the operator is in a hurry; says whether that is so.
  virtual bool WaitUntil(absl::Time time) = 0;
};

struct DrainOptions {
  absl::Duration wait;     // how long to serve on while not ready
  absl::Duration timeout;  // how long accepted work may take
};

// Stops the daemon in phases: not ready but serving (for `wait`), no new work, finish what was
// accepted (within `timeout`), sync and close. An operator in a hurry skips both waits, never the
// sync. Returns what Close returned: work that was given up is logged and is no failure, since
// nobody was told that it was done.
absl::Status Drain(const DrainOptions& options, DrainSteps& steps, DrainTimer& timer, Log& log);

}  // namespace shardd
