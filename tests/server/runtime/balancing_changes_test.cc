// Plan: give decisions of each kind, look at what is asked of the coordinator, answer it in every
// way, and look at what has become of the change.

#include "server/runtime/balancing_changes.h"

#include "gtest/gtest.h"
#include "server/base/error.h"
#include "tests/server/runtime/balancing_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr ShardId kChangedShard{1};
constexpr RoutingKey kLow{100, 0};
constexpr RoutingKey kHigh{200, 0};

Decision DecisionTo(DecisionKind kind, std::vector<RoutingKey> keys = {}) {
  Decision decision;
  decision.shard = kChangedShard;
  decision.kind = kind;
  decision.epoch = TableEpoch{1};
  decision.split_keys = std::move(keys);
  return decision;
}

class BalancingChangesTest : public testing::Test {
 protected:
  std::vector<BalancingChanges::Step> Advance() {
    return changes_.Advance(shards_.table(), shards_.operations());
  }
  // The one request that is made now.
  BalancingChanges::Step Only() {
    std::vector<BalancingChanges::Step> steps = Advance();
    EXPECT_EQ(steps.size(), 1u);
    return steps.empty() ? BalancingChanges::Step() : steps.front();
  }
  void Answer(uint32_t change, uint64_t operation) {
    OperationRecord record;
    record.id = OperationId{operation};
    record.kind = OperationKind::kSplit;
    shards_.operation(operation) = record;
    changes_.OnAnswer(change, CoordinatorAnswer(record));
  }
  // How the only change ended.
  absl::Status Outcome() {
    EXPECT_TRUE(changes_.idle());
    const std::vector<BalancingChanges::Ended> ended = changes_.TakeEnded();
    EXPECT_EQ(ended.size(), 1u);
    return ended.empty() ? absl::InternalError("none") : ended.front().status;
  }

  FakeShards shards_{2};
  BalancingChanges changes_;
};

TEST_F(BalancingChangesTest, EachKindAsksForWhatItMeans) {
  changes_.Begin(DecisionTo(DecisionKind::kSplit, {kLow}));
  const auto split = std::get<SplitShardRequest>(Only().request);
  EXPECT_EQ(split.shard, kChangedShard);
  EXPECT_EQ(split.at, kLow);
  EXPECT_EQ(split.guard.expected_epoch, 1u);
  EXPECT_FALSE(split.guard.dry_run);

  Decision merge = DecisionTo(DecisionKind::kMerge);
  merge.partner = ShardId{2};
  changes_.Begin(merge);
  const auto merged = std::get<MergeShardsRequest>(Only().request);
  EXPECT_EQ(merged.survivor, kChangedShard);
  EXPECT_EQ(merged.ended, ShardId{2});
  EXPECT_EQ(merged.guard.expected_epoch, 1u);

  Decision move = DecisionTo(DecisionKind::kMoveHome);
  move.home = storage::Family{3};
  changes_.Begin(move);
  const auto moved = std::get<MoveHomeRequest>(Only().request);
  EXPECT_EQ(moved.shard, kChangedShard);
  EXPECT_EQ(moved.home, storage::Family{3});
  EXPECT_EQ(moved.guard.expected_epoch, 1u);
  EXPECT_EQ(changes_.unanswered(), 3u);
}

TEST_F(BalancingChangesTest, AChangeIsAskedForOnceAndEndsWithItsOperation) {
  changes_.Begin(DecisionTo(DecisionKind::kSplit, {kLow}));
  const uint32_t change = Only().change;
  EXPECT_TRUE(Advance().empty());
  Answer(change, 7);
  EXPECT_EQ(changes_.unanswered(), 0u);
  EXPECT_TRUE(Advance().empty());
  ASSERT_EQ(changes_.running().size(), 1u);
  EXPECT_EQ(changes_.running()[0].operation, OperationId{7});
  shards_.operation(7).state = OperationState::kSucceeded;
  EXPECT_TRUE(Advance().empty());
  EXPECT_THAT(Outcome(), IsOk());
}

TEST_F(BalancingChangesTest, ASplitWithoutAKeyLeavesItToTheOperation) {
  changes_.Begin(DecisionTo(DecisionKind::kSplit));
  const BalancingChanges::Step step = Only();
  EXPECT_EQ(std::get<SplitShardRequest>(step.request).at, std::nullopt);
  Answer(step.change, 7);
  shards_.operation(7).state = OperationState::kSucceeded;
  EXPECT_TRUE(Advance().empty());
  EXPECT_THAT(Outcome(), IsOk());
}

TEST_F(BalancingChangesTest, AnAccountInTheMiddleTakesTwoSplitsTheRightOneFirst) {
  changes_.Begin(DecisionTo(DecisionKind::kIsolateAccount, {kLow, kHigh}));
  BalancingChanges::Step step = Only();
  EXPECT_EQ(std::get<SplitShardRequest>(step.request).at, kHigh);
  Answer(step.change, 7);
  EXPECT_TRUE(Advance().empty());
  shards_.Split(kChangedShard, kHigh, absl::UnixEpoch());
  shards_.operation(7).state = OperationState::kSucceeded;
  step = Only();
  const auto second = std::get<SplitShardRequest>(step.request);
  EXPECT_EQ(second.shard, kChangedShard);
  EXPECT_EQ(second.at, kLow);
  EXPECT_EQ(second.guard.expected_epoch, 2u);
  Answer(step.change, 8);
  shards_.operation(8).state = OperationState::kSucceeded;
  EXPECT_TRUE(Advance().empty());
  EXPECT_THAT(Outcome(), IsOk());
}

TEST_F(BalancingChangesTest, TheSecondSplitIsLeftOutIfSomebodyElseChangedTheShard) {
  changes_.Begin(DecisionTo(DecisionKind::kIsolateAccount, {kLow, kHigh}));
  Answer(Only().change, 7);
  shards_.Split(kChangedShard, kHigh, absl::UnixEpoch());
  shards_.Split(kChangedShard, RoutingKey{150, 0}, absl::UnixEpoch());
  shards_.operation(7).state = OperationState::kSucceeded;
  EXPECT_TRUE(Advance().empty());
  EXPECT_TRUE(absl::IsAborted(Outcome()));
}

TEST_F(BalancingChangesTest, RefusalsAndFailuresEndIt) {
  changes_.Begin(DecisionTo(DecisionKind::kSplit, {kLow}));
  changes_.OnAnswer(Only().change, Error(Reason::kShardPinned, "pinned"));
  EXPECT_THAT(Outcome(), HasReason(Reason::kShardPinned));

  changes_.Begin(DecisionTo(DecisionKind::kSplit, {kLow}));
  Answer(Only().change, 7);
  shards_.operation(7).state = OperationState::kFailed;
  shards_.operation(7).error_reason = Reason::kTooManyShards;
  Advance();
  EXPECT_THAT(Outcome(), HasReason(Reason::kTooManyShards));

  changes_.Begin(DecisionTo(DecisionKind::kSplit, {kLow}));
  Answer(Only().change, 8);
  shards_.operation(8).state = OperationState::kCancelled;
  Advance();
  EXPECT_TRUE(absl::IsCancelled(Outcome()));
}

TEST_F(BalancingChangesTest, AnswersToNothingAreIgnored) {
  changes_.OnAnswer(1, absl::InternalError("late"));
  EXPECT_TRUE(changes_.TakeEnded().empty());
}

TEST_F(BalancingChangesTest, WhatPassesByItselfIsToldFromTheRest) {
  for (const Reason reason : {Reason::kStaleEpoch, Reason::kShardBusy, Reason::kShardNotFound,
                              Reason::kMailboxFull, Reason::kDraining}) {
    EXPECT_TRUE(IsPassing(Error(reason, "x")));
  }
  for (const Reason reason : {Reason::kShardPinned, Reason::kCannotSplit, Reason::kTooManyShards}) {
    EXPECT_FALSE(IsPassing(Error(reason, "x")));
  }
  EXPECT_FALSE(IsPassing(absl::CancelledError("x")));
}

}  // namespace
}  // namespace shardd
