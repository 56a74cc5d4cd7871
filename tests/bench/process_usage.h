#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace shardd::bench {

// What a process has used so far.
struct ProcessUsage {
  absl::Duration cpu;  // User and system, all threads; the kernel counts in steps of 10 ms.
  uint64_t resident_bytes = 0;
};

// Reads the usage of process `pid`; zeros if there is no such process.
ProcessUsage ReadProcessUsage(int pid);

}  // namespace shardd::bench
