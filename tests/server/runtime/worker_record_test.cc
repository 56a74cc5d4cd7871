// Plan: hold a worker's commit and look at the record of its thread; split a shard and look at that
// of the new one.

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/runtime_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

const AccountRef kRecordedAccount{"", "account"};

class WorkerRecordTest : public RuntimeFixture {
 protected:
  ThreadStatus RecordOf(ShardId shard) {
    std::vector<ThreadStatus> list = threads_.List();
    for (ThreadStatus& thread : list) {
      if (thread.role == ThreadRole::kWorker && thread.shard == shard) return std::move(thread);
    }
    ADD_FAILURE() << "no worker of " << ToText(shard);
    return {};
  }
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

}  // namespace
}  // namespace shardd
