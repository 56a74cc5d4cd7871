#include "server/threads_tracking_service/stack_capture.h"

#include <execinfo.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/mutex.h"
#include "server/threads_tracking_service/limits.h"

namespace shardd {
namespace {

// Where a slot is in its life; together with the number of the capture, so that an answer that
// comes late finds that it is not wanted any more.
enum Step : uint64_t { kFree = 0, kAsked = 1, kWriting = 2, kWritten = 3 };
constexpr uint64_t StateOf(uint64_t capture, Step step) { return capture << 2 | step; }
constexpr Step StepOf(uint64_t state) { return static_cast<Step>(state & 3); }

// Room for one answer. Whoever moves it from kAsked to kWriting, which the handler does, may write
// the rest; whoever sees kWritten may read it.
struct Slot {
  std::atomic<uint64_t> state{0};
  int depth = 0;
  std::array<void*, limits::kStackFramesMax> frames;
};

// In static memory, untouched until it is used: a handler may run late, so it is never freed.
std::array<Slot, limits::kStackThreadsMax> slots;
std::atomic<int> answer_fd{-1};  // readable when somebody has answered

static_assert(sizeof(void*) == sizeof(uint64_t), "a signal carries a slot and a capture");
constexpr uint64_t kSlotBits = 16;
static_assert(limits::kStackThreadsMax <= uint64_t{1} << kSlotBits);

// Where the signal has met the thread; nullptr if this machine's registers are not known to us.
void* InterruptedAt(void* context) {
#if defined(__x86_64__)
  return reinterpret_cast<void*>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(static_cast<ucontext_t*>(context)->uc_mcontext.pc);
#else
  static_cast<void>(context);
  return nullptr;
#endif
}

// Leaves out the frames of the signal itself.
void DropHandlerFrames(void* interrupted_at, Slot& slot) {
  void** const end = slot.frames.data() + slot.depth;
  void** const first = std::find(slot.frames.data(), end, interrupted_at);
  if (first == end) return;
  slot.depth = static_cast<int>(std::copy(first, end, slot.frames.data()) - slot.frames.data());
}

// Runs on the thread that is asked, anywhere in its code: async-signal-safe calls only. backtrace()
// is one since the unwinder finds its tables without a lock (glibc 2.35, GCC 12), and once it has
// been called before.
void Answer(int, siginfo_t* info, void* context) {
  const int errno_before = errno;
  const auto value = reinterpret_cast<uintptr_t>(info->si_value.sival_ptr);
  const uint64_t capture = value >> kSlotBits;
  const uint64_t index = value & ((uint64_t{1} << kSlotBits) - 1);
  if (index < slots.size()) {
    Slot& slot = slots[index];
    uint64_t expected = StateOf(capture, kAsked);
    if (slot.state.compare_exchange_strong(expected, StateOf(capture, kWriting),
                                           std::memory_order_acquire)) {
      slot.depth = backtrace(slot.frames.data(), static_cast<int>(slot.frames.size()));
      DropHandlerFrames(InterruptedAt(context), slot);
      slot.state.store(StateOf(capture, kWritten), std::memory_order_release);
      const uint64_t one = 1;
      static_cast<void>(!write(answer_fd.load(), &one, sizeof(one)));
    }
  }
  errno = errno_before;
}

// The first real-time signal that nobody handles.
int Install() {
  void* frame = nullptr;
  backtrace(&frame, 1);  // loads the unwinder, which a handler must not do
  answer_fd.store(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  struct sigaction handler {};
  handler.sa_sigaction = &Answer;
  handler.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&handler.sa_mask);
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
    struct sigaction present {};
    if (sigaction(number, nullptr, &present) != 0 || present.sa_handler != SIG_DFL) continue;
    SHARDD_CHECK(sigaction(number, &handler, nullptr) == 0);
    return number;
  }
  return 0;
}

bool Ask(int os_id, size_t index, uint64_t capture) {
  slots[index].state.store(StateOf(capture, kAsked), std::memory_order_release);
  siginfo_t info = {};
  info.si_signo = StackSignal();
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_ptr = reinterpret_cast<void*>(capture << kSlotBits | index);
  return syscall(SYS_rt_tgsigqueueinfo, getpid(), os_id, info.si_signo, &info) == 0;
}

// Waits until all of them have answered, or for `timeout`.
void AwaitAnswers(absl::Span<const size_t> indexes, uint64_t capture, const Clock& clock,
                  absl::Duration timeout) {
  const absl::Time deadline = clock.Now() + timeout;
  const auto answered = [capture](size_t index) {
    return slots[index].state.load(std::memory_order_acquire) == StateOf(capture, kWritten);
  };
  while (!std::all_of(indexes.begin(), indexes.end(), answered)) {
    const absl::Duration left = deadline - clock.Now();
    if (left <= absl::ZeroDuration()) return;
    pollfd fd = {.fd = answer_fd.load(), .events = POLLIN, .revents = 0};
    poll(&fd, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    uint64_t answers = 0;
    static_cast<void>(!read(fd.fd, &answers, sizeof(answers)));
  }
}

// What the slot holds; an answer that has not begun is not wanted any more.
CapturedStack Take(int os_id, size_t index, uint64_t capture) {
  CapturedStack stack;
  stack.os_id = os_id;
  Slot& slot = slots[index];
  uint64_t expected = StateOf(capture, kAsked);
  if (slot.state.compare_exchange_strong(expected, StateOf(capture, kFree))) return stack;
  stack.answered = slot.state.load(std::memory_order_acquire) == StateOf(capture, kWritten);
  if (stack.answered) {
    stack.frames.assign(slot.frames.begin(), slot.frames.begin() + slot.depth);
  }
  return stack;
}

}  // namespace

int StackSignal() {
  static const int number = Install();
  return number;
}

absl::StatusOr<std::vector<CapturedStack>> CaptureStacks(absl::Span<const int> os_ids,
                                                         const Clock& clock,
                                                         absl::Duration timeout) {
  static Mutex one_at_a_time;
  static uint64_t captures = 0;
  if (!one_at_a_time.TryLock()) {
    return Error(Reason::kTooManyCalls, "stacks are being taken already; one dump at a time");
  }
  const uint64_t capture = ++captures;
  std::vector<CapturedStack> stacks;
  std::vector<size_t> indexes;  // of the slots of those that were asked
  std::vector<int> asked;
  size_t index = 0;
  for (const int os_id : os_ids) {
    // A slot that is still written to belongs to an answer that was given up.
    while (index < slots.size() && StepOf(slots[index].state.load()) == kWriting) ++index;
    if (StackSignal() == 0 || index == slots.size() || !Ask(os_id, index, capture)) {
      stacks.push_back({.os_id = os_id, .answered = false, .frames = {}});
      continue;
    }
    asked.push_back(os_id);
    indexes.push_back(index++);
  }
  AwaitAnswers(indexes, capture, clock, timeout);
  for (size_t i = 0; i < asked.size(); ++i) {
    stacks.push_back(Take(asked[i], indexes[i], capture));
  }
  one_at_a_time.Unlock();
  return stacks;
}

}  // namespace shardd
