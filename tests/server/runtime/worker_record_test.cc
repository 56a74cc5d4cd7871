// Plan: hold a worker's commit and look at the record of its thread; split a shard and look at that
// of the new one; hold a compaction and have the watch look at all threads.

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
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

}  // namespace
}  // namespace shardd
