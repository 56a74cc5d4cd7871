// Plan: run the watchdog's and the dumper's threads against others that are stuck, and wait for
// what they find.
#include "server/runtime/thread_watchdog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/base/error.h"
#include "server/runtime/stack_dumper.h"
#include "tests/support/fake_clock.h"

namespace shardd {
namespace {

// What was found, for the test's thread to wait for.
class Findings {
 public:
  void Add(std::string text) {
    MutexLock lock(mutex_);
    texts_.push_back(std::move(text));
    changed_.NotifyAll();
  }
  void Await(const std::string& text) {
    MutexLock lock(mutex_);
    while (std::find(texts_.begin(), texts_.end(), text) == texts_.end()) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> texts_ ABSL_GUARDED_BY(mutex_);
};

std::string TextOf(const ThreadEvent& event) {
  return std::string(NameOf(event.kind)) + " " + event.name;
}

// Plan: the clock stands still but for the test, so the watchdog's looks come as fast as they may,
// and only the test makes time for a stall.
TEST(ThreadWatchdogTest, FindsAStallAndItsEnd) {
  FakeClock clock;
  ThreadRegistry threads(clock);
  Findings findings;
  ThreadWatchdog::Options options;
  options.stall_after = absl::Milliseconds(500);
  options.look_interval = absl::Milliseconds(1);
  options.report = [&findings](const ThreadEvent& event) { findings.Add(TextOf(event)); };
  auto watchdog = std::make_unique<ThreadWatchdog>(threads, clock, std::move(options));
  findings.Await("started watchdog");
  const auto record = threads.Register("stuck", ThreadRole::kWorker, ShardId{1}, nullptr);
  record->EnterPhase(ThreadPhase::kCommitting);
  findings.Await("started stuck");
  clock.Advance(absl::Seconds(1));
  findings.Await("stalled stuck");
  EXPECT_EQ(record->Read().state, ThreadState::kStalled);
  record->EnterPhase(ThreadPhase::kIdle);
  findings.Await("recovered stuck");
  record->Stop();
  watchdog.reset();
  findings.Await("stopped stuck");
  findings.Await("stopped watchdog");
}

TEST(StackDumperTest, MakesOneDumpAtATimeAndThenTheNext) {
  ThreadRegistry threads(RealClock());
  const auto record = threads.Register("self", ThreadRole::kBackground, std::nullopt, nullptr);
  record->EnterPhase(ThreadPhase::kRunning);
  Findings findings;
  StackDumper dumper(threads, RealClock());
  const auto done = [&findings](absl::StatusOr<std::vector<ThreadStack>> stacks) {
    ASSERT_TRUE(stacks.ok()) << stacks.status();
    for (const ThreadStack& stack : *stacks) {
      if (stack.answered) findings.Add(stack.thread.name);
    }
    findings.Add("done");
  };
  // More at once than can be made: some are refused, and those that are not are made.
  size_t refused = 0;
  for (int i = 0; i < 100; ++i) {
    const absl::Status started = dumper.Start(std::nullopt, done);
    if (started.ok()) continue;
    ++refused;
    EXPECT_EQ(ReasonOf(started), Reason::kTooManyCalls);
    EXPECT_TRUE(RetryAfterOf(started).has_value());
  }
  EXPECT_GT(refused, 0u);
  findings.Await("self");
  findings.Await("done");
  Findings second;
  while (!dumper.Start(record->id(), [&second](auto) { second.Add("done"); }).ok()) {
  }
  second.Await("done");
  bool answered = false;
  while (!dumper
              .Start(ThreadId{99},
                     [&](auto stacks) {
                       answered = ReasonOf(stacks.status()) == Reason::kThreadNotFound;
                       second.Add("not found");
                     })
              .ok()) {
  }
  second.Await("not found");
  EXPECT_TRUE(answered);
}

}  // namespace
}  // namespace shardd
