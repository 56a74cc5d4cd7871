#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace shardd {

// What this process takes of the machine.
struct ProcessUsage {
  absl::Duration cpu_time;  // user and system
  uint64_t resident_bytes = 0;
  uint64_t open_files = 0;
  absl::Time start_time;  // when the daemon began, by its own clock; filled by the caller
};

// Zeros for what the system does not tell.
ProcessUsage ReadProcessUsage();

}  // namespace shardd
