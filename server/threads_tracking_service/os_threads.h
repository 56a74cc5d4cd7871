#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shardd {

// What the operating system tells of one thread.
struct OsThread {
  int id = 0;
  std::string name;
  char state = '?';  // R: runs or could run; S: waits; D: waits for a disk; and rarer ones
  absl::Duration cpu_time;
  // Bit N-1: signal N.
  uint64_t signals_blocked = 0;
  uint64_t signals_pending = 0;  // sent to this thread and not taken yet
};

// All threads of this process. One that ends meanwhile may be missing.
std::vector<OsThread> ListOsThreads();
// nullopt if there is no such thread.
std::optional<OsThread> FindOsThread(int id);

// An opened file of /proc/PID/task/TID, whole; empty if the thread ended before it was read.
std::string ReadTaskFile(std::istream& file);
// Reads /proc/PID/task/TID/status and .../schedstat; nullopt if the first is none.
std::optional<OsThread> ParseOsThread(absl::string_view status, absl::string_view schedstat);

}  // namespace shardd
