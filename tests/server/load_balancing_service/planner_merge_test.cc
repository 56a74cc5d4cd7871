// Plan: two cold neighbours that the planner merges, and the same with one rule broken.

#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/load_balancing_service/planner.h"
#include "tests/server/load_balancing_service/snapshot_builder.h"

namespace shardd {
namespace {

using ::testing::HasSubstr;

// Mean 0.62, split above 0.868: shards 1 and 2 may be merged below 0.434.
BalancingSnapshot ColdPair() { return SnapshotOf({10, 20, 78, 78, 78, 78, 78, 76}); }

TEST(MergeTest, TwoColdNeighboursAreMerged) {
  const std::vector<Decision> decisions = PlanOf(ColdPair());
  EXPECT_EQ(Acting(decisions), 1u);
  EXPECT_EQ(decisions[0].kind, DecisionKind::kMerge);
  EXPECT_EQ(decisions[0].reason, DecisionReason::kBothCold);
  EXPECT_EQ(decisions[0].shard, ShardId{1});
  EXPECT_EQ(decisions[0].partner, ShardId{2});
  EXPECT_EQ(DecisionOn(decisions, 2).reason, DecisionReason::kPartOfMerge);
}

struct MergePlant {
  const char* name;
  std::function<void(BalancingSnapshot&)> plant;
  DecisionReason reason;  // of shard 1
};

const MergePlant kMergePlants[] = {
    {"peaks together too high", [](auto& s) { s.shards[1].load.peak = Operations(34); },
     DecisionReason::kWithinThreshold},
    {"peak of four minutes",
     [](auto& s) {
       s.shards[1].load.since = kNow - absl::Minutes(4);
       s.shards[1].last_change = kNow - absl::Minutes(4);
     },
     DecisionReason::kPeakNotKnown},
    {"split nine minutes ago", [](auto& s) { s.shards[1].last_split = kNow - absl::Minutes(9); },
     DecisionReason::kTooYoungToMerge},
    {"restarted nine minutes ago", [](auto& s) { s.started_at = kNow - absl::Minutes(9); },
     DecisionReason::kJustStarted},
    {"measured before the change",
     [](auto& s) { s.shards[0].last_change = s.shards[0].load.since + absl::Seconds(1); },
     DecisionReason::kMeasuredBeforeChange},
    {"neighbour measured before its change",
     [](auto& s) { s.shards[1].last_change = s.shards[1].load.since + absl::Seconds(1); },
     DecisionReason::kNeighbourNotReady},
    {"neighbour cooling down", [](auto& s) { s.shards[1].last_change = kNow - absl::Seconds(30); },
     DecisionReason::kNeighbourNotReady},
    {"neighbour pinned", [](auto& s) { s.shards[1].pinned_until = absl::InfiniteFuture(); },
     DecisionReason::kNeighbourNotReady},
    {"neighbour changing", [](auto& s) { s.shards[1].changing = true; },
     DecisionReason::kNeighbourNotReady},
    {"too large together", [](auto& s) { s.shards[1].bytes_stored = s.config.shard_bytes_max / 2; },
     DecisionReason::kTooLargeTogether},
    {"fewest shards", [](auto& s) { s.config.shards_min = 8; }, DecisionReason::kFewestShards},
    {"fewest shards after what runs",
     [](auto& s) {
       s.config.shards_min = 7;
       s.config.changes_max = 2;
       s.changes_running = 1;
     },
     DecisionReason::kFewestShards},
    {"budget", [](auto& s) { s.changes_running = 1; }, DecisionReason::kBudgetSpent},
    {"paused", [](auto& s) { s.paused_until = absl::InfiniteFuture(); }, DecisionReason::kPaused},
    {"manual", [](auto& s) { s.config.policy = "manual"; }, DecisionReason::kManualPolicy},
};

TEST(MergeTest, EachRuleHoldsBackAndIsNamed) {
  for (const MergePlant& row : kMergePlants) {
    BalancingSnapshot snapshot = ColdPair();
    row.plant(snapshot);
    const std::vector<Decision> decisions = PlanOf(snapshot);
    EXPECT_EQ(DecisionOn(decisions, 1).kind, DecisionKind::kNothing) << row.name;
    EXPECT_EQ(ToText(DecisionOn(decisions, 1).reason), ToText(row.reason)) << row.name;
    EXPECT_NE(DecisionOn(decisions, 2).kind, DecisionKind::kMerge) << row.name;
  }
}

// Plan: two times begin with the daemon; whoever asks is told which one it is and when it has
// passed. The clock of these tests begins at 1970-01-12 13:46:40.
TEST(MergeTest, WhatIsNotDoneAfterTheStartNamesItsSettingAndItsEnd) {
  BalancingSnapshot snapshot = ColdPair();
  snapshot.config.merge_age_min = absl::Minutes(10);
  snapshot.config.warm_up = absl::Minutes(2);
  snapshot.started_at = kNow - absl::Minutes(9);
  EXPECT_THAT(DecisionOn(PlanOf(snapshot), 1).text,
              HasSubstr(": nothing is merged until 1970-01-12T13:47:40+00:00, merge_age_min (10m) "
                        "after the daemon started"));
  snapshot.started_at = kNow - absl::Minutes(1);
  EXPECT_EQ(DecisionOn(PlanOf(snapshot), 1).text,
            "nothing is changed until 1970-01-12T13:47:40+00:00, warm_up (2m) after the daemon "
            "started");
}

// Plan: a burst of one check in another shard lifts the mean; it must not make this pair cold.
TEST(MergeTest, ABurstElsewhereDoesNotMakeAPairCold) {
  BalancingSnapshot snapshot = SnapshotOf({20, 20, 45, 45});
  EXPECT_EQ(Acting(PlanOf(snapshot)), 0u);
  LoadCheck& newest = snapshot.shards[3].load.checks.back();
  newest.own = newest.smoothed = Operations(10'000);
  EXPECT_EQ(Acting(PlanOf(snapshot)), 0u);
}

// Plan: six idle shards, three changes at once: three pairs, nobody in two of them.
TEST(MergeTest, AShardIsInOneMergeOnly) {
  BalancingSnapshot snapshot = SnapshotOf({0, 0, 0, 0, 0, 0});
  snapshot.config.changes_max = 5;
  const std::vector<Decision> decisions = PlanOf(snapshot);
  EXPECT_EQ(Acting(decisions), 3u);
  std::vector<int> uses(7, 0);
  for (const Decision& decision : decisions) {
    if (!decision.acts()) continue;
    ++uses[decision.shard.value];
    ++uses[decision.partner->value];
  }
  EXPECT_EQ(uses, (std::vector<int>{0, 1, 1, 1, 1, 1, 1}));
}

TEST(MergeTest, NeverBelowTheFewestShards) {
  BalancingSnapshot snapshot = SnapshotOf({0, 0, 0, 0, 0, 0});
  snapshot.config.changes_max = 5;
  snapshot.config.shards_min = 5;
  EXPECT_EQ(Acting(PlanOf(snapshot)), 1u);
}

// Plan: neighbours in two homes: the smaller one moves to the other's home, whichever side it is.
TEST(MergeTest, OneHomeComesFirst) {
  BalancingSnapshot snapshot = ColdPair();
  snapshot.shards[0].route.home = storage::Family{2};
  const Decision right = DecisionOn(PlanOf(snapshot), 2);
  EXPECT_EQ(right.kind, DecisionKind::kMoveHome);
  EXPECT_EQ(right.reason, DecisionReason::kNeedsOneHome);
  EXPECT_EQ(right.home, storage::Family{2});
  snapshot.shards[0].bytes_stored = 10;
  const Decision left = DecisionOn(PlanOf(snapshot), 1);
  EXPECT_EQ(left.kind, DecisionKind::kMoveHome);
  EXPECT_EQ(left.home, storage::Family{1});
  EXPECT_EQ(DecisionOn(PlanOf(snapshot), 2).reason, DecisionReason::kPartOfMerge);
}

// Plan: a hot shard and a cold pair, one change at once: relief goes first.
TEST(MergeTest, SplitsGoBeforeMerges) {
  BalancingSnapshot snapshot = SnapshotOf({1, 1, 150, 60});
  const std::vector<Decision> decisions = PlanOf(snapshot);
  EXPECT_EQ(decisions[0].kind, DecisionKind::kSplit);
  EXPECT_EQ(DecisionOn(decisions, 1).reason, DecisionReason::kBudgetSpent);
  EXPECT_EQ(DecisionOn(decisions, 1).wanted, DecisionKind::kMerge);
}

}  // namespace
}  // namespace shardd
