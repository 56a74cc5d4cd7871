#include "server/threads_tracking_service/stack_dump.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "absl/debugging/symbolize.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/threads_tracking_service/limits.h"
#include "server/threads_tracking_service/os_threads.h"
#include "server/threads_tracking_service/stack_capture.h"
#include "server/threads_tracking_service/thread_clock.h"

namespace shardd {
namespace {

// Names of places, each looked up once: most threads are in the same few.
class Symbols {
 public:
  // A return address may be the first of the next function; the call is before it.
  const StackFrame& Find(const void* address, bool is_return_address) {
    const auto [found, added] = frames_.try_emplace({address, is_return_address});
    if (added) found->second = LookUp(address, is_return_address ? 1 : 0);
    return found->second;
  }

 private:
  static StackFrame LookUp(const void* address, uint64_t back) {
    StackFrame frame;
    frame.address = reinterpret_cast<uintptr_t>(address);
    const void* const place = static_cast<const char*>(address) - back;
    std::array<char, limits::kStackSymbolBytesMax> name{};
    if (absl::Symbolize(place, name.data(), static_cast<int>(name.size()))) {
      frame.function = name.data();
    }
    Dl_info info;
    if (dladdr(place, &info) != 0 && info.dli_fname != nullptr) {
      const std::string path = info.dli_fname;
      frame.module = path.substr(path.rfind('/') + 1);
      frame.module_offset =
          reinterpret_cast<uintptr_t>(place) - reinterpret_cast<uintptr_t>(info.dli_fbase);
    }
    return frame;
  }

  std::map<std::pair<const void*, bool>, StackFrame> frames_;
};

ThreadPhase PhaseOf(char os_state) {
  switch (os_state) {
    case 'R':
      return ThreadPhase::kRunning;
    case 'D':
      return ThreadPhase::kSyncing;
    default:
      return ThreadPhase::kIdle;
  }
}

ThreadStatus StatusOf(const OsThread& os_thread) {
  ThreadStatus status;
  status.id = ThreadId{kExternalIdBit + static_cast<uint64_t>(os_thread.id)};
  status.name = os_thread.name;
  status.role = ThreadRole::kExternal;
  status.state = ThreadState::kRunning;
  status.phase = PhaseOf(os_thread.state);
  status.cpu_time = os_thread.cpu_time;
  status.os_id = os_thread.id;
  return status;
}

// The threads whose stacks are wanted.
absl::StatusOr<std::vector<ThreadStatus>> Wanted(const ThreadRegistry& threads,
                                                 std::optional<ThreadId> only) {
  std::vector<ThreadStatus> wanted = threads.List();
  const std::vector<ThreadStatus> external = ListExternal(wanted);
  wanted.insert(wanted.end(), external.begin(), external.end());
  const auto unwanted = [&](const ThreadStatus& thread) {
    if (only.has_value()) return thread.id != *only;
    return thread.os_id == 0 || thread.os_id == OsThreadId();
  };
  wanted.erase(std::remove_if(wanted.begin(), wanted.end(), unwanted), wanted.end());
  if (only.has_value() && wanted.empty()) {
    return Error(Reason::kThreadNotFound, "there is no such thread");
  }
  return wanted;
}

bool HasStackSignal(uint64_t signals) { return (signals >> (StackSignal() - 1) & 1) != 0; }

std::string WhySilent(const ThreadStatus& thread, size_t asked) {
  if (thread.os_id == 0) return "it is not in its loop";
  const std::optional<OsThread> now = FindOsThread(thread.os_id);
  if (!now.has_value()) return "it has ended";
  if (HasStackSignal(now->signals_blocked)) return "it takes no signals";
  if (asked == limits::kStackThreadsMax) {
    return absl::StrCat("there are more than ", limits::kStackThreadsMax, " threads");
  }
  return absl::StrCat("it has not answered within ",
                      absl::FormatDuration(limits::kStackDumpTimeout),
                      now->state == 'D' ? ": it waits for a disk" : "");
}

// Those that are worth asking. One that blocks the signal may do so for a moment only, as everybody
// does while starting a thread; but if it still has not taken that of an earlier dump it never may,
// and signals would pile up.
std::vector<int> Askable(const std::vector<ThreadStatus>& threads) {
  std::vector<int> ids;
  for (const ThreadStatus& thread : threads) {
    const std::optional<OsThread> now = FindOsThread(thread.os_id);
    if (!now.has_value() || HasStackSignal(now->signals_pending)) continue;
    if (ids.size() < limits::kStackThreadsMax) ids.push_back(thread.os_id);
  }
  return ids;
}

}  // namespace

std::vector<ThreadStatus> ListExternal(const std::vector<ThreadStatus>& recorded) {
  std::set<int> known;
  for (const ThreadStatus& thread : recorded) known.insert(thread.os_id);
  std::vector<ThreadStatus> external;
  for (const OsThread& os_thread : ListOsThreads()) {
    if (known.count(os_thread.id) == 0) external.push_back(StatusOf(os_thread));
  }
  return external;
}

absl::StatusOr<std::vector<ThreadStack>> DumpStacks(const ThreadRegistry& threads,
                                                    std::optional<ThreadId> only,
                                                    const Clock& clock) {
  SHARDD_ASSIGN_OR_RETURN(std::vector<ThreadStatus> wanted, Wanted(threads, only));
  const std::vector<int> ids = Askable(wanted);
  SHARDD_ASSIGN_OR_RETURN(const std::vector<CapturedStack> captured,
                          CaptureStacks(ids, clock, limits::kStackDumpTimeout));
  std::map<int, const CapturedStack*> by_id;
  for (const CapturedStack& stack : captured) by_id[stack.os_id] = &stack;
  Symbols symbols;
  std::vector<ThreadStack> stacks;
  for (ThreadStatus& thread : wanted) {
    ThreadStack stack;
    stack.thread = std::move(thread);
    const auto found = by_id.find(stack.thread.os_id);
    stack.answered = found != by_id.end() && found->second->answered;
    if (!stack.answered) stack.silent_because = WhySilent(stack.thread, ids.size());
    for (size_t i = 0; stack.answered && i < found->second->frames.size(); ++i) {
      stack.frames.push_back(symbols.Find(found->second->frames[i], i > 0));
    }
    stacks.push_back(std::move(stack));
  }
  return stacks;
}

std::string ToText(const ThreadStack& stack) {
  if (!stack.answered) return absl::StrCat("no stack: ", stack.silent_because, "\n");
  std::string text;
  for (size_t i = 0; i < stack.frames.size(); ++i) {
    const StackFrame& frame = stack.frames[i];
    absl::StrAppendFormat(&text, "#%-2d %s  (%s+0x%x)\n", i,
                          frame.function.empty() ? "??" : frame.function, frame.module,
                          frame.module_offset);
  }
  return text;
}

}  // namespace shardd
