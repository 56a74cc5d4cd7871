// Plan: look at real records under a clock of our own, and read what the watch wrote down.
#include "server/threads_tracking_service/thread_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "server/threads_tracking_service/limits.h"
#include "tests/support/fake_clock.h"

namespace shardd {
namespace {

class ThreadWatchTest : public testing::Test {
 protected:
  void LookFor(absl::Duration duration) {
    for (absl::Duration spent; spent < duration; spent += limits::kThreadLookInterval) {
      clock_.Advance(limits::kThreadLookInterval);
      watch_.Look(clock_.Now());
    }
  }

  std::vector<ThreadEventKind> Kinds() const {
    std::vector<ThreadEventKind> kinds;
    const auto page = registry_.events().From(1, 1000);
    for (const auto& event : page->events) kinds.push_back(event->kind);
    return kinds;
  }

  FakeClock clock_;
  ThreadRegistry registry_{clock_};
  std::vector<std::string> reports_;
  ThreadWatch watch_{registry_, StallLimits::After(absl::Seconds(2)),
                     [this](const ThreadEvent& event) { reports_.push_back(ToText(event)); }};
};

TEST_F(ThreadWatchTest, WritesAStallIntoTheRecordTheLogAndTheReport) {
  const auto record = registry_.Register("a", ThreadRole::kWorker, ShardId{3}, nullptr);
  record->EnterPhase(ThreadPhase::kCommitting);
  LookFor(absl::Seconds(3));
  ThreadStatus status = record->Read();
  EXPECT_EQ(status.state, ThreadState::kStalled);
  EXPECT_EQ(status.state_age, absl::Seconds(1));
  EXPECT_EQ(status.phase, ThreadPhase::kCommitting);
  EXPECT_EQ(status.stalls_total, 1u);
  EXPECT_EQ(status.busy_ratio, 1);
  EXPECT_EQ(Kinds(), (std::vector{ThreadEventKind::kStarted, ThreadEventKind::kStalled}));

  record->EnterPhase(ThreadPhase::kIdle);
  LookFor(absl::Seconds(1));
  status = record->Read();
  EXPECT_EQ(status.state, ThreadState::kRunning);
  EXPECT_LE(status.state_age, absl::Seconds(1));
  EXPECT_EQ(status.stalls_total, 1u);
  record->Stop();
  LookFor(absl::Seconds(1));
  EXPECT_EQ(record->Read().state, ThreadState::kStopped);
  EXPECT_EQ(Kinds(), (std::vector{ThreadEventKind::kStarted, ThreadEventKind::kStalled,
                                  ThreadEventKind::kRecovered, ThreadEventKind::kStopped}));
  ASSERT_EQ(reports_.size(), 4u);
  EXPECT_EQ(reports_[1], "thread a has been committing for 2s; storage has not answered");
}

TEST_F(ThreadWatchTest, NewThreadsAreSeen) {
  LookFor(absl::Seconds(1));
  const auto record = registry_.Register("a", ThreadRole::kWorker, ShardId{9}, nullptr);
  record->SetParentShard(ShardId{3});
  record->EnterPhase(ThreadPhase::kIdle);
  LookFor(absl::Seconds(1));
  const auto page = registry_.events().From(1, 10);
  ASSERT_EQ(page->events.size(), 1u);
  EXPECT_EQ(page->events[0]->shard, ShardId{9});
  EXPECT_EQ(page->events[0]->parent_shard, ShardId{3});
}

// Plan: from within a reader's question to a queue, while that thread is stuck with its queue's
// lock, look: the watch must neither wait for it nor ask.
TEST_F(ThreadWatchTest, AsksNoQueue) {
  bool asked = false;
  const auto record = registry_.Register("a", ThreadRole::kWorker, ShardId{3}, [&] {
    asked = true;
    LookFor(absl::Seconds(3));
    return size_t{1};
  });
  record->SetQueueOldestAge([] { return absl::Seconds(4); });
  record->EnterPhase(ThreadPhase::kRunning);
  LookFor(absl::Seconds(1));
  EXPECT_FALSE(asked);
  EXPECT_EQ(record->Read().queue_depth, 1u);
  EXPECT_EQ(Kinds().size(), 2u);
  record->Stop();
}

// Plan: a stalled thread enters its next phase, and is looked at before the watch does.
TEST_F(ThreadWatchTest, AThreadThatGoesOnIsNotShownAsStalled) {
  const auto record = registry_.Register("a", ThreadRole::kWorker, ShardId{3}, nullptr);
  record->EnterPhase(ThreadPhase::kCommitting);
  LookFor(absl::Seconds(3));
  EXPECT_EQ(record->Read().state, ThreadState::kStalled);
  clock_.Advance(absl::Milliseconds(100));
  record->EnterPhase(ThreadPhase::kIdle);
  clock_.Advance(absl::Milliseconds(50));
  EXPECT_EQ(record->Read().state, ThreadState::kRunning);
  EXPECT_EQ(record->Read().state_age, absl::Milliseconds(50));
  record->Stop();
}

// Plan: readers hold the locks as often as they can while threads come and go: the watch never
// waits for them, and in the end no event is missing.
TEST_F(ThreadWatchTest, WhatCannotBeHandedOverIsKept) {
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) {
      registry_.List();
      EXPECT_TRUE(registry_.events().From(1, 1000).ok());
    }
  });
  constexpr size_t kThreads = 200;
  for (size_t i = 0; i < kThreads; ++i) {
    const auto record = registry_.Register("a", ThreadRole::kWorker, ShardId{i + 1}, nullptr);
    record->EnterPhase(ThreadPhase::kIdle);
    LookFor(absl::Seconds(1));
    record->Stop();
  }
  stop = true;
  reader.join();
  LookFor(absl::Seconds(1));
  const auto page = registry_.events().From(1, 1000);
  EXPECT_EQ(page->events.size(), 2 * kThreads);
  EXPECT_EQ(reports_.size(), 2 * kThreads);
}

// Plan: half of the time busy, in turns of 100 ms.
TEST_F(ThreadWatchTest, MeasuresHowBusyAThreadIs) {
  const auto record = registry_.Register("a", ThreadRole::kWorker, ShardId{3}, nullptr);
  for (int i = 0; i < 150; ++i) {
    record->EnterPhase(ThreadPhase::kRunning);
    clock_.Advance(absl::Milliseconds(50));
    record->EnterPhase(ThreadPhase::kIdle);
    clock_.Advance(absl::Milliseconds(50));
    watch_.Look(clock_.Now());
  }
  EXPECT_NEAR(record->Read().busy_ratio, 0.5, 0.01);
  record->Stop();
  EXPECT_EQ(record->Read().busy_ratio, 0);
}

}  // namespace
}  // namespace shardd
