// Plan: take the stacks of threads that wait, work, refuse signals or end, and find them where they
// are.
#include "server/threads_tracking_service/stack_dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "server/base/error.h"
#include "server/base/mutex.h"
#include "server/threads_tracking_service/limits.h"
#include "server/threads_tracking_service/os_threads.h"
#include "server/threads_tracking_service/stack_capture.h"
#include "server/threads_tracking_service/thread_clock.h"

namespace shardd {

// Something to be found by its name.
class Landmark {
 public:
  // Waits until Leave. On the stack of its caller it is shardd::Landmark::WaitHere().
  __attribute__((noinline)) void WaitHere() {
    MutexLock lock(mutex_);
    inside_ = true;
    changed_.NotifyAll();
    while (!leave_) changed_.Wait(mutex_);
  }
  // Does not rest until Leave.
  __attribute__((noinline)) void SpinHere() {
    inside_atomic_ = true;
    while (!leave_atomic_) {
    }
  }
  void AwaitInside() {
    MutexLock lock(mutex_);
    while (!inside_ && !inside_atomic_) changed_.WaitFor(mutex_, absl::Milliseconds(1));
  }
  void Leave() {
    leave_atomic_ = true;
    MutexLock lock(mutex_);
    leave_ = true;
    changed_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool inside_ ABSL_GUARDED_BY(mutex_) = false;
  bool leave_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> inside_atomic_{false};
  std::atomic<bool> leave_atomic_{false};
};

// Functions whose names the linker knows by their length.
#define LETTERS_63 "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
void NameThatFits(Landmark& landmark) asm(LETTERS_63 LETTERS_63 LETTERS_63 LETTERS_63 "abc");
void NameThatIsCut(Landmark& landmark) asm("x" LETTERS_63 LETTERS_63 LETTERS_63 LETTERS_63 "abc");

__attribute__((noinline)) void NameThatFits(Landmark& landmark) {
  landmark.WaitHere();
  asm volatile("");  // no jump instead of a call
}
__attribute__((noinline)) void NameThatIsCut(Landmark& landmark) {
  landmark.WaitHere();
  asm volatile("");
}

namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

class StackDumpTest : public testing::Test {
 protected:
  ~StackDumpTest() override {
    landmark_.Leave();
    for (std::thread& thread : threads_) thread.join();
  }

  // A thread with a record, in the landmark.
  ThreadId Start(const std::string& name, void (Landmark::*stay)(), bool takes_signals = true) {
    const auto record =
        registry_.Register(name, ThreadRole::kBackground, std::nullopt, /*queue_depth=*/nullptr);
    threads_.emplace_back([this, record, stay, takes_signals] {
      if (!takes_signals) {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
      }
      record->EnterPhase(ThreadPhase::kRunning);
      (landmark_.*stay)();
    });
    landmark_.AwaitInside();
    while (record->Read().os_id == 0) std::this_thread::yield();
    return record->id();
  }

  ThreadRegistry registry_{RealClock()};
  Landmark landmark_;
  std::vector<std::thread> threads_;
};

TEST_F(StackDumpTest, FindsAThreadWhereItWaits) {
  const ThreadId id = Start("waiter", &Landmark::WaitHere);
  const auto stacks = DumpStacks(registry_, id, RealClock());
  ASSERT_TRUE(stacks.ok()) << stacks.status();
  ASSERT_EQ(stacks->size(), 1u);
  const ThreadStack& stack = stacks->front();
  EXPECT_EQ(stack.thread.name, "waiter");
  ASSERT_TRUE(stack.answered) << stack.silent_because;
  EXPECT_THAT(stack.frames,
              Contains(Field(&StackFrame::function, HasSubstr("shardd::Landmark::WaitHere"))));
  // The innermost is where it was, not the handler.
  EXPECT_THAT(stack.frames[0].function, Not(HasSubstr("Answer")));
  const auto here = std::find_if(stack.frames.begin(), stack.frames.end(), [](const auto& frame) {
    return frame.function.find("Landmark") != std::string::npos;
  });
  EXPECT_THAT(here->module, HasSubstr("server_thread_registry_test"));
  EXPECT_GT(here->module_offset, 0u);
  EXPECT_LT(here->module_offset, here->address);
  EXPECT_THAT(ToText(stack), HasSubstr("shardd::Landmark::WaitHere"));
}

TEST_F(StackDumpTest, FindsAThreadThatWorks) {
  const ThreadId id = Start("spinner", &Landmark::SpinHere);
  const auto stacks = DumpStacks(registry_, id, RealClock());
  ASSERT_TRUE(stacks.ok()) << stacks.status();
  EXPECT_THAT(stacks->at(0).frames,
              Contains(Field(&StackFrame::function, HasSubstr("Landmark::SpinHere"))));
}

// Plan: threads in functions with as long a name as there is room for, and with one letter more.
TEST_F(StackDumpTest, ALongNameIsCutOff) {
  const std::string fits = LETTERS_63 LETTERS_63 LETTERS_63 LETTERS_63 "abc";
  ASSERT_EQ(fits.size(), limits::kStackSymbolBytesMax - 1);
  const std::string cut = "x" + fits.substr(0, limits::kStackSymbolBytesMax - 5) + "...";
  for (const auto& [stay, name] :
       {std::pair(&NameThatFits, fits), std::pair(&NameThatIsCut, cut)}) {
    Landmark landmark;
    const auto record = registry_.Register("long", ThreadRole::kBackground, std::nullopt, nullptr);
    std::thread thread([&landmark, &record, stay = stay] {
      record->EnterPhase(ThreadPhase::kRunning);
      stay(landmark);
    });
    landmark.AwaitInside();
    const auto stacks = DumpStacks(registry_, record->id(), RealClock());
    landmark.Leave();
    thread.join();
    ASSERT_TRUE(stacks.ok()) << stacks.status();
    EXPECT_THAT(stacks->at(0).frames, Contains(Field(&StackFrame::function, name)));
  }
}

// Plan: of all threads, one with a record, one without, one that takes no signals; the one that
// asks is left out.
TEST_F(StackDumpTest, AllThreadsAreDumpedAndThoseThatDoNotAnswerAreNamed) {
  Start("waiter", &Landmark::WaitHere);
  Start("deaf", &Landmark::WaitHere, /*takes_signals=*/false);
  std::atomic<int> stranger_id{0};
  std::thread stranger([&] {
    stranger_id = OsThreadId();
    landmark_.WaitHere();
  });
  while (stranger_id == 0) std::this_thread::yield();
  const auto stacks = DumpStacks(registry_, std::nullopt, RealClock());
  ASSERT_TRUE(stacks.ok()) << stacks.status();
  const auto find = [&](auto matches) {
    return std::find_if(stacks->begin(), stacks->end(), matches);
  };
  const auto deaf = find([](const ThreadStack& s) { return s.thread.name == "deaf"; });
  ASSERT_NE(deaf, stacks->end());
  EXPECT_FALSE(deaf->answered);
  EXPECT_EQ(deaf->silent_because, "it takes no signals");
  EXPECT_EQ(ToText(*deaf), "no stack: it takes no signals\n");
  const auto outside = find([&](const ThreadStack& s) { return s.thread.os_id == stranger_id; });
  ASSERT_NE(outside, stacks->end());
  EXPECT_EQ(outside->thread.role, ThreadRole::kExternal);
  EXPECT_EQ(outside->thread.id.value, kExternalIdBit + static_cast<uint64_t>(stranger_id));
  EXPECT_TRUE(outside->answered);
  EXPECT_EQ(find([](const ThreadStack& s) { return s.thread.os_id == OsThreadId(); }),
            stacks->end());
  landmark_.Leave();
  stranger.join();
}

// Plan: dump a thread that takes no signals, twice: it is sent one, and no more pile up.
TEST_F(StackDumpTest, AThreadThatTakesNoSignalsIsAskedOnce) {
  const ThreadId id = Start("deaf", &Landmark::WaitHere, /*takes_signals=*/false);
  const int os_id = registry_.Find(id)->os_id;
  EXPECT_EQ(FindOsThread(os_id)->signals_pending, 0u);
  for (int i = 0; i < 2; ++i) {
    const absl::Time start = RealClock().Now();
    const auto stacks = DumpStacks(registry_, id, RealClock());
    ASSERT_TRUE(stacks.ok()) << stacks.status();
    EXPECT_EQ(stacks->at(0).silent_because, "it takes no signals");
    const bool waited = RealClock().Now() - start >= limits::kStackDumpTimeout;
    EXPECT_EQ(waited, i == 0) << "only one that was asked is waited for";
    EXPECT_EQ(FindOsThread(os_id)->signals_pending, uint64_t{1} << (StackSignal() - 1));
  }
}

// Plan: a thread blocks the signal when it is asked, and takes it a little later.
TEST_F(StackDumpTest, AThreadThatBlocksSignalsForAMomentAnswers) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, StackSignal());
  const auto record = registry_.Register("busy", ThreadRole::kBackground, std::nullopt, nullptr);
  std::thread thread([&] {
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    record->EnterPhase(ThreadPhase::kRunning);
    while (FindOsThread(OsThreadId())->signals_pending == 0) std::this_thread::yield();
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    landmark_.WaitHere();
  });
  while (record->Read().os_id == 0) std::this_thread::yield();
  const auto stacks = DumpStacks(registry_, record->id(), RealClock());
  ASSERT_TRUE(stacks.ok()) << stacks.status();
  EXPECT_TRUE(stacks->at(0).answered) << stacks->at(0).silent_because;
  landmark_.Leave();
  thread.join();
}

TEST_F(StackDumpTest, AThreadThatIsNotThereIsSaidSo) {
  EXPECT_EQ(ReasonOf(DumpStacks(registry_, ThreadId{77}, RealClock()).status()),
            Reason::kThreadNotFound);
  registry_.Register("late", ThreadRole::kBackground, std::nullopt, nullptr);
  const auto not_yet = DumpStacks(registry_, ThreadId{1}, RealClock());
  ASSERT_TRUE(not_yet.ok()) << not_yet.status();
  EXPECT_EQ(not_yet->at(0).silent_because, "it is not in its loop");
}

// Plan: ask a thread that keeps the signal from itself for a while. Its late answer goes nowhere,
// and the next capture gets its own.
TEST(StackCaptureTest, ALateAnswerIsDropped) {
  Landmark landmark;
  std::atomic<int> os_id{0};
  std::atomic<bool> listen{false};
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, StackSignal());
  std::thread thread([&] {
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    os_id = OsThreadId();
    while (!listen) std::this_thread::yield();
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    landmark.WaitHere();
  });
  while (os_id == 0) std::this_thread::yield();
  const std::vector<int> ids = {os_id};
  auto stacks = CaptureStacks(ids, RealClock(), absl::Milliseconds(20));
  ASSERT_TRUE(stacks.ok());
  EXPECT_FALSE(stacks->at(0).answered);
  EXPECT_TRUE(stacks->at(0).frames.empty());
  listen = true;
  landmark.AwaitInside();
  stacks = CaptureStacks(ids, RealClock(), limits::kStackDumpTimeout);
  ASSERT_TRUE(stacks.ok());
  EXPECT_TRUE(stacks->at(0).answered);
  EXPECT_LE(stacks->at(0).frames.size(), limits::kStackFramesMax);
  landmark.Leave();
  thread.join();
}

__attribute__((noinline)) int Descend(int levels, Landmark& landmark) {
  if (levels == 0) {
    landmark.WaitHere();
    return 0;
  }
  const int below = Descend(levels - 1, landmark);
  asm volatile("");  // no loop instead
  return 1 + below;
}

TEST(StackCaptureTest, ADeepStackIsCutOff) {
  Landmark landmark;
  std::atomic<int> os_id{0};
  std::thread thread([&] {
    os_id = OsThreadId();
    EXPECT_EQ(Descend(500, landmark), 500);
  });
  landmark.AwaitInside();
  const auto stacks =
      CaptureStacks(std::vector<int>{os_id}, RealClock(), limits::kStackDumpTimeout);
  landmark.Leave();
  thread.join();
  ASSERT_TRUE(stacks.ok());
  EXPECT_TRUE(stacks->at(0).answered);
  EXPECT_GT(stacks->at(0).frames.size(), limits::kStackFramesMax / 2);
  EXPECT_LE(stacks->at(0).frames.size(), limits::kStackFramesMax);
}

// Plan: ask one thread more often than there is room for: it answers as often as there is.
TEST(StackCaptureTest, NoMoreThreadsThanThereIsRoomFor) {
  Landmark landmark;
  std::atomic<int> os_id{0};
  std::thread thread([&] {
    os_id = OsThreadId();
    landmark.WaitHere();
  });
  landmark.AwaitInside();
  const std::vector<int> ids(limits::kStackThreadsMax + 10, os_id);
  const auto stacks = CaptureStacks(ids, RealClock(), absl::Minutes(1));
  landmark.Leave();
  thread.join();
  ASSERT_TRUE(stacks.ok());
  ASSERT_EQ(stacks->size(), ids.size());
  const auto answered = [](const CapturedStack& stack) { return stack.answered; };
  EXPECT_EQ(std::count_if(stacks->begin(), stacks->end(), answered),
            static_cast<std::ptrdiff_t>(limits::kStackThreadsMax));
}

// Plan: ask for threads none of which exist, more than there is room for.
TEST(StackCaptureTest, ThreadsThatAreGoneHaveNoStack) {
  const std::vector<int> ids(limits::kStackThreadsMax + 10, 0x7fffffff);
  const auto stacks = CaptureStacks(ids, RealClock(), absl::Milliseconds(1));
  ASSERT_TRUE(stacks.ok());
  EXPECT_EQ(stacks->size(), ids.size());
}

// Plan: two at once; one of them is told to come back.
TEST(StackCaptureTest, OneCaptureAtATime) {
  sigset_t all, before;
  sigfillset(&all);
  std::atomic<int> os_id{0};
  Landmark landmark;
  std::thread deaf([&] {
    pthread_sigmask(SIG_BLOCK, &all, &before);
    os_id = OsThreadId();
    landmark.WaitHere();
  });
  landmark.AwaitInside();
  std::atomic<bool> done{false};
  std::thread first([&] {
    // Until it is this one's turn; then it lasts a second.
    while (!CaptureStacks(std::vector<int>{os_id}, RealClock(), absl::Seconds(1)).ok()) {
    }
    done = true;
  });
  bool refused = false;
  while (!refused && !done) {
    refused = ReasonOf(CaptureStacks({}, RealClock(), absl::ZeroDuration()).status()) ==
              Reason::kTooManyCalls;
  }
  EXPECT_TRUE(refused);
  first.join();
  landmark.Leave();
  deaf.join();
}

}  // namespace
}  // namespace shardd
