#pragma once

#include <optional>

#include "absl/time/time.h"

namespace shardd {

// The operating system's id of the calling thread, as `top -H` and debuggers show it.
int OsThreadId();

// Processor time used so far by the thread of this id, of this process; nullopt if there is none.
// An id is used again after its thread has ended: whoever asks must know that it has not.
std::optional<absl::Duration> CpuTimeOf(int os_thread_id);

}  // namespace shardd
