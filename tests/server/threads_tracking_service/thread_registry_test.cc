// Plan: move a record through its phases by a fake clock and compare what a reader sees.

#include "server/threads_tracking_service/thread_registry.h"

#include <thread>

#include "gtest/gtest.h"
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
