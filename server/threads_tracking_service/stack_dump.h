#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/threads_tracking_service/thread_registry.h"

namespace shardd {

// One place in the code.
struct StackFrame {
  uint64_t address = 0;
  std::string function;        // demangled; empty if not known
  std::string module;          // the program or library
  uint64_t module_offset = 0;  // for addr2line
};

struct ThreadStack {
  ThreadStatus thread;
  bool answered = false;
  std::string silent_because;  // why there are no frames, if it has not answered
  std::vector<StackFrame> frames;
};

// Threads that have no record, such as those of RocksDB and gRPC: what the operating system tells
// of them, with the role kExternal. Their id is kExternalIdBit plus the system's.
std::vector<ThreadStatus> ListExternal(const std::vector<ThreadStatus>& recorded);
inline constexpr uint64_t kExternalIdBit = uint64_t{1} << 62;

// The stacks of all threads but the one that asks, or of the thread `only`; recorded threads first,
// by id. Takes as long as limits::kStackDumpTimeout, and then some for finding names. Errors:
// kThreadNotFound, kTooManyCalls.
absl::StatusOr<std::vector<ThreadStack>> DumpStacks(const ThreadRegistry& threads,
                                                    std::optional<ThreadId> only,
                                                    const Clock& clock);

// For people: a line for each frame.
std::string ToText(const ThreadStack& stack);

}  // namespace shardd
