// Plan: move a record through its phases by a fake clock and compare what a reader sees.

#include "server/threads_tracking_service/thread_registry.h"

#include <thread>

#include "gtest/gtest.h"
#include "server/threads_tracking_service/limits.h"
#include "tests/support/fake_clock.h"

namespace shardd {
namespace {

class ThreadRegistryTest : public testing::Test {
 protected:
  std::shared_ptr<ThreadRecord> Register(absl::string_view name) {
    return registry_.Register(name, ThreadRole::kWorker, ShardId{3}, [this] { return depth_; });
  }

  FakeClock clock_;
  ThreadRegistry registry_{clock_};
  size_t depth_ = 5;
};

TEST_F(ThreadRegistryTest, ShowsWhatWasRegistered) {
  const auto record = Register("worker/s-0003");
  const auto other =
      registry_.Register("space", ThreadRole::kBackground, std::nullopt, /*queue_depth=*/nullptr);
  EXPECT_EQ(record->id(), ThreadId{1});
  EXPECT_EQ(other->id(), ThreadId{2});
  const std::vector<ThreadStatus> all = registry_.List();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "worker/s-0003");
  EXPECT_EQ(all[0].role, ThreadRole::kWorker);
  EXPECT_EQ(all[0].state, ThreadState::kStarting);
  EXPECT_EQ(all[0].shard, ShardId{3});
  EXPECT_EQ(all[0].start_time, clock_.Now());
  EXPECT_EQ(all[0].queue_depth, 5u);
  EXPECT_EQ(all[1].queue_depth, 0u);
  EXPECT_FALSE(all[1].shard.has_value());
}

TEST_F(ThreadRegistryTest, FindsById) {
  Register("a");
  ASSERT_TRUE(registry_.Find(ThreadId{1}).has_value());
  EXPECT_EQ(registry_.Find(ThreadId{1})->name, "a");
  EXPECT_FALSE(registry_.Find(ThreadId{0}).has_value());
  EXPECT_FALSE(registry_.Find(ThreadId{2}).has_value());
}

// Plan: a turn of 1 + 2 + 3 s, then one of 4 s: two turns, 10 s busy, the longest 6 s.
TEST_F(ThreadRegistryTest, CountsTurnsFromIdleToIdle) {
  const auto record = Register("a");
  record->EnterPhase(ThreadPhase::kIdle);
  clock_.Advance(absl::Seconds(100));
  for (const auto& [phase, seconds] :
       {std::pair(ThreadPhase::kRunning, 1), std::pair(ThreadPhase::kCommitting, 2),
        std::pair(ThreadPhase::kReplying, 3)}) {
    record->EnterPhase(phase);
    clock_.Advance(absl::Seconds(seconds));
    const ThreadStatus status = record->Read();
    EXPECT_EQ(status.state, ThreadState::kRunning);
    EXPECT_EQ(status.phase, phase);
    EXPECT_EQ(status.phase_age, absl::Seconds(seconds));
    EXPECT_EQ(status.turns_total, 0u);
  }
  record->CountItems(7);
  record->EnterPhase(ThreadPhase::kIdle);
  record->EnterPhase(ThreadPhase::kRunning);
  clock_.Advance(absl::Seconds(4));
  record->EnterPhase(ThreadPhase::kIdle);
  record->EnterPhase(ThreadPhase::kIdle);  // idle again ends no turn
  const ThreadStatus status = record->Read();
  EXPECT_EQ(status.turns_total, 2u);
  EXPECT_EQ(status.items_total, 7u);
  EXPECT_EQ(status.busy_time, absl::Seconds(10));
  EXPECT_EQ(status.longest_turn, absl::Seconds(6));
}

// Plan: a stopped thread's queue may be gone, so it is asked no more.
TEST_F(ThreadRegistryTest, AStoppedThreadHasNoQueue) {
  const auto record = Register("a");
  record->Stop();
  EXPECT_EQ(record->Read().state, ThreadState::kStopped);
  EXPECT_EQ(record->Read().queue_depth, 0u);
  EXPECT_EQ(registry_.List().size(), 1u);
}

TEST_F(ThreadRegistryTest, TellsWhatTheThreadIsAtAndSinceWhen) {
  const auto record = Register("a");
  record->SetQueueOldestAge([] { return absl::Seconds(8); });
  record->SetParentShard(ShardId{2});
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(record->Read().state_age, absl::Seconds(5));
  record->EnterPhase(ThreadPhase::kRunning);
  record->BeginOperation("scan");
  clock_.Advance(absl::Seconds(2));
  ThreadStatus status = record->Read();
  EXPECT_EQ(status.state, ThreadState::kRunning);
  EXPECT_EQ(status.state_age, absl::Seconds(2));
  EXPECT_EQ(status.operation, "scan");
  EXPECT_EQ(status.operation_age, absl::Seconds(2));
  EXPECT_EQ(status.queue_oldest_age, absl::Seconds(8));
  EXPECT_EQ(status.parent_shard, ShardId{2});
  record->BeginOperation("apply", clock_.Now() - absl::Seconds(1));
  EXPECT_EQ(record->Read().operation, "apply");
  EXPECT_EQ(record->Read().operation_age, absl::Seconds(1));
  record->EnterPhase(ThreadPhase::kCommitting);
  EXPECT_EQ(record->Read().operation, "apply");  // a commit is part of it
  record->EnterPhase(ThreadPhase::kIdle);
  EXPECT_EQ(record->Read().operation, "");
}

// Plan: a thread works for a while and ends; its processor time rises, and stays what it was.
TEST_F(ThreadRegistryTest, ReadsTheProcessorTimeOfAThreadWhileItLivesAndAfter) {
  const auto record = Register("a");
  EXPECT_EQ(record->Read().cpu_time, absl::ZeroDuration());
  EXPECT_EQ(record->Read().os_id, 0);
  int os_id = 0;
  std::thread owner([&] {
    record->EnterPhase(ThreadPhase::kRunning);
    os_id = record->Read().os_id;
    while (record->Read().cpu_time < absl::Milliseconds(20)) {
    }
    record->EnterPhase(ThreadPhase::kIdle);
  });
  owner.join();
  EXPECT_GT(os_id, 0);
  const ThreadStatus status = record->Read();
  EXPECT_EQ(status.os_id, 0) << "the system may give the id to another thread";
  EXPECT_GE(status.cpu_time, absl::Milliseconds(20));
  EXPECT_EQ(registry_.CpuTime(ThreadRole::kWorker), status.cpu_time);
  EXPECT_EQ(registry_.CpuTime(ThreadRole::kPoller), absl::ZeroDuration());
}

// Plan: the first phase is entered by the one who starts the thread, as a coordinator's is.
TEST_F(ThreadRegistryTest, ARecordIsOfTheThreadThatLastEnteredAPhase) {
  const auto record = Register("a");
  record->EnterPhase(ThreadPhase::kRunning);
  const int starter = record->Read().os_id;
  std::thread owner([&] {
    record->EnterPhase(ThreadPhase::kIdle);
    EXPECT_NE(record->Read().os_id, starter);
  });
  owner.join();
  EXPECT_EQ(record->Read().os_id, 0);
}

// Plan: stop more threads than are kept: the oldest records go, those of living threads stay, and
// no processor time is lost.
TEST_F(ThreadRegistryTest, ForgetsTheOldestStoppedThreads) {
  const auto living = Register("living");
  std::thread([record = Register("first")] {
    record->EnterPhase(ThreadPhase::kRunning);
    while (record->Read().cpu_time < absl::Milliseconds(5)) {
    }
    record->Stop();
  }).join();
  for (size_t i = 0; i < limits::kThreadsStoppedKept; ++i) Register("more")->Stop();
  Register("last");
  EXPECT_EQ(registry_.List().size(), limits::kThreadsStoppedKept + 2);
  EXPECT_TRUE(registry_.Find(living->id()).has_value());
  EXPECT_FALSE(registry_.Find(ThreadId{2}).has_value());
  EXPECT_TRUE(registry_.Find(ThreadId{3}).has_value());
  EXPECT_GE(registry_.CpuTime(ThreadRole::kWorker), absl::Milliseconds(5));
}

// Plan: a queue that is asked uses the registry itself, which would wait for ever if readers held
// its lock.
TEST_F(ThreadRegistryTest, QueuesAreAskedWithoutTheLock) {
  const auto record = registry_.Register("a", ThreadRole::kWorker, std::nullopt, [this] {
    registry_.Register("b", ThreadRole::kBackground, std::nullopt, nullptr);
    return size_t{3};
  });
  EXPECT_EQ(registry_.List()[0].queue_depth, 3u);
  EXPECT_EQ(registry_.Find(record->id())->queue_depth, 3u);
  record->Stop();
  EXPECT_EQ(registry_.List().size(), 3u);
}

TEST_F(ThreadRegistryTest, OwnersWriteWhileOthersRead) {
  const auto record = Register("a");
  std::thread owner([&] {
    for (int i = 0; i < 1000; ++i) {
      record->EnterPhase(ThreadPhase::kRunning);
      record->CountItems(1);
      record->EnterPhase(ThreadPhase::kIdle);
    }
  });
  for (uint64_t seen = 0; seen < 1000;) {
    const uint64_t items = registry_.List()[0].items_total;
    EXPECT_GE(items, seen);
    seen = items;
  }
  owner.join();
  EXPECT_EQ(record->Read().turns_total, 1000u);
}

}  // namespace
}  // namespace shardd
