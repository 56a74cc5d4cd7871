// Plan: hold a worker's commit and look at the record of its thread; split a shard and look at that
// of the new one; hold a compaction and have the watch look at all threads.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/runtime/shard_mailbox.h"
#include "server/threads_tracking_service/limits.h"
#include "server/threads_tracking_service/thread_watch.h"
#include "tests/support/runtime_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

const AccountRef kRecordedAccount{"", "account"};

class WorkerRecordTest : public RuntimeFixture {
 protected:
  ThreadStatus Named(const std::string& name) {
    std::vector<ThreadStatus> list = threads_.List();
    for (ThreadStatus& thread : list) {
      if (thread.name == name) return std::move(thread);
    }
    ADD_FAILURE() << "no thread " << name;
    return {};
  }
  // What the watchdog sees of it.
  ThreadSample SampleOf(const std::string& name) {
    uint64_t version = 0;
    ThreadRegistry::Records records;
    // Brings nothing while another thread registers or leaves.
    while (version == 0) threads_.TryUpdate(version, records);
    for (const auto& record : records) {
      if (record->Sample().name == name) return record->Sample();
    }
    ADD_FAILURE() << "no thread " << name;
    return {};
  }
  ThreadStatus RecordOf(ShardId shard) { return Named("worker/" + ToText(shard)); }
};

TEST_F(WorkerRecordTest, SaysWhatItIsAtAndHowLongItsQueueWaits) {
  Start({.shard_count = 1});
  store_.Shut();
  Submit(AddOne(kRecordedAccount));
  store_.WaitForArrivals(1);
  Submit(AddOne(kRecordedAccount));
  clock_.Advance(absl::Seconds(3));
  ThreadStatus worker = RecordOf(ShardId{1});
  EXPECT_EQ(worker.phase, ThreadPhase::kCommitting);
  EXPECT_EQ(worker.phase_age, absl::Seconds(3));
  EXPECT_EQ(worker.operation, "apply");
  EXPECT_EQ(worker.operation_age, absl::Seconds(3));
  EXPECT_EQ(worker.queue_depth, 1u);
  EXPECT_EQ(worker.queue_oldest_age, absl::Seconds(3));
  EXPECT_EQ(SampleOf(worker.name).work_since, clock_.Now() - absl::Seconds(3));
  store_.Open();
  Stop();
}

TEST_F(WorkerRecordTest, KnowsTheShardItWasSplitFrom) {
  Start({.shard_count = 1});
  EXPECT_EQ(RecordOf(ShardId{1}).parent_shard, std::nullopt);
  ASSERT_OK_AND_ASSIGN(const CoordinatorAnswer begun,
                       AskCoordinator(SplitShardRequest{ShardId{1}, RoutingKey{1, 0}, {}}));
  const OperationId operation = std::get<OperationRecord>(begun).id;
  ASSERT_THAT(AskCoordinator(WaitOperationRequest{operation}), IsOk());
  EXPECT_EQ(RecordOf(ShardId{2}).parent_shard, ShardId{1});
  Stop();
}

// Plan: a mailbox whose thread does not come for what is in it, with nobody to hold its lock; then
// a shard that is paused, and so takes nothing.
TEST_F(WorkerRecordTest, AThreadThatSleepsThoughRequestsWaitIsStalled) {
  auto mailbox = std::make_shared<ShardMailbox>(QueueLimits{10, 1000}, TableEpoch{1}, clock_);
  const auto record = threads_.Register(
      "sleeper", ThreadRole::kWorker, ShardId{1}, [] { return 0; }, mailbox->waiting_work());
  std::vector<std::string> texts;
  ThreadWatch watch(threads_, StallLimits::After(limits::kStallAfterDefault),
                    [&texts](const ThreadEvent& event) { texts.push_back(ToText(event)); });
  const auto look_for = [&](absl::Duration duration) {
    for (absl::Duration spent; spent < duration; spent += limits::kThreadLookInterval) {
      clock_.Advance(limits::kThreadLookInterval);
      watch.Look(clock_.Now());
    }
  };
  const auto push = [&] {
    ShardMailbox::Item item(1);
    item[0].body = AddOne(kRecordedAccount);
    ASSERT_EQ(mailbox->Push(std::move(item), TableEpoch{1}), ShardMailbox::PushResult::kAccepted);
  };
  record->EnterPhase(ThreadPhase::kIdle);
  look_for(absl::Minutes(1));
  push();
  look_for(absl::Seconds(3));
  EXPECT_THAT(texts, testing::ElementsAre(
                         "thread sleeper started",
                         "thread sleeper has been idle for 2s while requests wait; it was not "
                         "woken"));
  EXPECT_EQ(record->Read().state, ThreadState::kStalled);

  ShardMailbox::Mail mail;
  ASSERT_TRUE(mailbox->Pop(mail, /*take_items=*/true, clock_.Now()));
  record->EnterPhase(ThreadPhase::kRunning);
  record->EnterPhase(ThreadPhase::kIdle);
  mail = ShardMailbox::Mail();
  ASSERT_TRUE(mailbox->Pop(mail, /*take_items=*/false, clock_.Now()));
  push();
  texts.clear();
  look_for(absl::Minutes(1));
  EXPECT_THAT(texts, testing::ElementsAre("thread sleeper was idle for 3s while requests waited"));
  EXPECT_EQ(record->Read().state, ThreadState::kRunning);
  record->Stop();
}

// Plan: a compaction takes an hour, in which the watch looks as often as ever. (Other threads may
// be caught in the middle of their work while the clock jumps: they are not judged here.)
TEST_F(WorkerRecordTest, ALongCompactionIsListedAndIsNoStall) {
  Start({.shard_count = 1});
  std::vector<std::string> stalls;
  ThreadWatch watch(threads_, StallLimits::After(limits::kStallAfterDefault),
                    [&stalls](const ThreadEvent& event) {
                      const bool stalled = event.kind == ThreadEventKind::kStalled;
                      if (stalled && event.name == "compactions") stalls.push_back(ToText(event));
                    });
  store_.ShutCompactions();
  ASSERT_OK_AND_ASSIGN(const CoordinatorAnswer begun,
                       AskCoordinator(CompactShardRequest{ShardId{1}}));
  store_.WaitForCompaction();
  const ThreadStatus before = Named("compactions");
  for (absl::Duration spent; spent < absl::Hours(1); spent += limits::kThreadLookGapMax) {
    clock_.Advance(limits::kThreadLookGapMax);
    watch.Look(clock_.Now());
  }
  EXPECT_THAT(stalls, testing::IsEmpty());
  const ThreadStatus after = Named("compactions");
  EXPECT_EQ(after.state, ThreadState::kRunning);
  EXPECT_EQ(after.phase, ThreadPhase::kCompacting);
  EXPECT_EQ(after.phase_age - before.phase_age, absl::Hours(1));
  store_.OpenCompactions();
  const OperationId operation = std::get<OperationRecord>(begun).id;
  ASSERT_THAT(AskCoordinator(WaitOperationRequest{operation}), IsOk());
  Stop();
}

// Plan: it is cancelled while it works in storage; the next one waits for nothing but that.
TEST_F(WorkerRecordTest, ACancelledCompactionMakesRoom) {
  Start({.shard_count = 1});
  store_.ShutCompactions();
  ASSERT_OK_AND_ASSIGN(const CoordinatorAnswer begun,
                       AskCoordinator(CompactShardRequest{ShardId{1}}));
  store_.WaitForCompaction();
  const OperationId operation = std::get<OperationRecord>(begun).id;
  ASSERT_OK_AND_ASSIGN(const CoordinatorAnswer answer,
                       AskCoordinator(CancelOperationRequest{operation}));
  EXPECT_EQ(std::get<OperationRecord>(answer).state, OperationState::kCancelled);
  ASSERT_OK_AND_ASSIGN(const CoordinatorAnswer next,
                       AskCoordinator(CompactShardRequest{ShardId{1}}));
  store_.OpenCompactions();
  ASSERT_OK_AND_ASSIGN(const CoordinatorAnswer ended,
                       AskCoordinator(WaitOperationRequest{std::get<OperationRecord>(next).id}));
  EXPECT_EQ(std::get<OperationRecord>(ended).state, OperationState::kSucceeded);
  Stop();
}

}  // namespace
}  // namespace shardd
