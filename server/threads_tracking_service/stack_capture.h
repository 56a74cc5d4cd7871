#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/base/clock.h"

namespace shardd {

struct CapturedStack {
  int os_id = 0;
  bool answered = false;
  // Addresses, the innermost first: where it is, then return addresses.
  std::vector<const void*> frames;
};

// Where threads of this process are right now, whatever they are doing.
//
// Each is sent a signal, and its handler notes the return addresses in memory that was set aside
// for it: nothing in the handler allocates, locks or waits. Threads that block the signal, or get
// no processor until `timeout`, have not answered; an answer that comes later is dropped. A signal
// may end a system call early with EINTR where it cannot be restarted, which all of our libraries
// expect.
//
// One capture at a time in a process, of at most limits::kStackThreadsMax threads. Errors:
// kTooManyCalls.
absl::StatusOr<std::vector<CapturedStack>> CaptureStacks(absl::Span<const int> os_ids,
                                                         const Clock& clock,
                                                         absl::Duration timeout);

// The signal that is used. The first call says how it is handled; before that, a thread that got
// one would end the process.
int StackSignal();

}  // namespace shardd
