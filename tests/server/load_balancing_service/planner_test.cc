// Plan: one snapshot in which the planner acts, and the same with one rule broken: it must not act,
// and say which rule.

#include "server/load_balancing_service/planner.h"

#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/load_balancing_service/snapshot_builder.h"

namespace shardd {
namespace {

using ::testing::HasSubstr;

TEST(PlannerTest, SplitsTheHotShardAtItsSampledKey) {
  const std::vector<Decision> decisions = PlanOf(SnapshotOf({150, 60, 60}));
  ASSERT_EQ(decisions.size(), 3u);
  const Decision& split = decisions[0];
  EXPECT_EQ(split.kind, DecisionKind::kSplit);
  EXPECT_EQ(split.wanted, DecisionKind::kSplit);
  EXPECT_EQ(split.reason, DecisionReason::kTooHot);
  EXPECT_EQ(split.shard, ShardId{1});
  EXPECT_EQ(split.epoch, TableEpoch{7});
  EXPECT_EQ(split.policy, "load");
  EXPECT_EQ(split.split_keys.size(), 1u);
  EXPECT_EQ(split.candidates.size(), 1u);
  EXPECT_DOUBLE_EQ(split.inputs.load, 1.5);
  EXPECT_DOUBLE_EQ(split.inputs.mean, 0.9);
  EXPECT_EQ(split.inputs.breaches, 8u);
  EXPECT_THAT(split.text, HasSubstr("load 1.50 of 1.00 (150 operations/s)"));
  EXPECT_EQ(Acting(decisions), 1u);
}

TEST(PlannerTest, SaysWhyItDoesNothing) {
  const std::vector<Decision> decisions = PlanOf(SnapshotOf({60, 60}));
  ASSERT_EQ(decisions.size(), 2u);
  for (const Decision& decision : decisions) {
    EXPECT_EQ(decision.reason, DecisionReason::kWithinThreshold);
    EXPECT_THAT(decision.text, HasSubstr("nothing to do"));
  }
}

// Plan: a shard whose window has begun and holds no check yet; who reads its load of 0 must be able
// to tell that from an idle shard.
TEST(PlannerTest, OnlyAMeasuredShardSaysSinceWhen) {
  BalancingSnapshot snapshot = SnapshotOf({60, 60});
  snapshot.shards[1].load.checks.clear();
  const std::vector<Decision> decisions = PlanOf(snapshot);
  EXPECT_EQ(DecisionOn(decisions, 1).inputs.measured_since, snapshot.shards[0].load.since);
  EXPECT_EQ(DecisionOn(decisions, 2).inputs.measured_since, absl::InfinitePast());
}

// Plan: far below full, but well above the others; then so little that the floor decides.
TEST(PlannerTest, ComparesWithTheMeanAboveAFloor) {
  EXPECT_EQ(DecisionOn(PlanOf(SnapshotOf({30, 10, 10})), 1).kind, DecisionKind::kSplit);
  EXPECT_EQ(DecisionOn(PlanOf(SnapshotOf({12, 10, 10})), 1).kind, DecisionKind::kNothing);
  EXPECT_EQ(DecisionOn(PlanOf(SnapshotOf({4.9, 1, 1})), 1).kind, DecisionKind::kNothing);
}

// The floor is a load of 0.05.
TEST(PlannerTest, IdleShardsHardlyCountIntoTheMean) {
  const auto mean = [](const std::vector<double>& operations) {
    return DecisionOn(PlanOf(SnapshotOf(operations)), 1).inputs.mean;
  };
  EXPECT_DOUBLE_EQ(mean({30, 0, 0, 0}), 0.3);
  EXPECT_DOUBLE_EQ(mean({30, 5, 5}), 0.4 / 3);
  EXPECT_DOUBLE_EQ(mean({30, 2.5, 2.5}), (0.3 + 0.025) / 2) << "two halves";
  EXPECT_EQ(mean({0, 0}), 0);
}

TEST(PlannerTest, AFullShardIsSplitEvenIfAllAreFull) {
  EXPECT_EQ(DecisionOn(PlanOf(SnapshotOf({110, 110})), 1).wanted, DecisionKind::kSplit);
}

struct Plant {
  const char* name;
  std::function<void(BalancingSnapshot&)> plant;
  DecisionReason reason;
  DecisionKind wanted;
};

ShardSnapshot& Hot(BalancingSnapshot& snapshot) { return snapshot.shards[0]; }

const Plant kPlants[] = {
    {"paused", [](auto& s) { s.paused_until = kNow + absl::Seconds(1); }, DecisionReason::kPaused,
     DecisionKind::kSplit},
    {"manual", [](auto& s) { s.config.policy = "manual"; }, DecisionReason::kManualPolicy,
     DecisionKind::kNothing},
    {"pinned", [](auto& s) { Hot(s).pinned_until = kNow + absl::Seconds(1); },
     DecisionReason::kPinned, DecisionKind::kNothing},
    {"changing", [](auto& s) { Hot(s).changing = true; }, DecisionReason::kChangeRunning,
     DecisionKind::kNothing},
    {"restarted", [](auto& s) { s.started_at = kNow - absl::Seconds(59); },
     DecisionReason::kJustStarted, DecisionKind::kNothing},
    {"just changed", [](auto& s) { Hot(s).last_change = kNow - absl::Seconds(59); },
     DecisionReason::kCoolingDown, DecisionKind::kNothing},
    {"load of before the change",
     [](auto& s) { Hot(s).last_change = Hot(s).load.since + absl::Nanoseconds(1); },
     DecisionReason::kMeasuredBeforeChange, DecisionKind::kNothing},
    {"sample of before the change",
     [](auto& s) {
       Hot(s).last_change = kNow - absl::Minutes(2);
       Hot(s).load.since = kNow - absl::Minutes(2);
       Hot(s).sample.since = kNow - absl::Minutes(3);
     },
     DecisionReason::kMeasuredBeforeChange, DecisionKind::kNothing},
    {"never measured",
     [](auto& s) {
       Hot(s).load = LoadSummary{kNow - absl::Hours(1), {}, {}};
     },
     DecisionReason::kNotMeasured, DecisionKind::kNothing},
    {"measured long ago", [](auto& s) { s.now += absl::Seconds(16); }, DecisionReason::kNotMeasured,
     DecisionKind::kNothing},
    {"two checks only", [](auto& s) { Hot(s).load.checks[5].own.operations_per_second = 99; },
     DecisionReason::kNotSustained, DecisionKind::kNothing},
    {"budget", [](auto& s) { s.changes_running = 1; }, DecisionReason::kBudgetSpent,
     DecisionKind::kSplit},
    {"no budget at all", [](auto& s) { s.config.changes_max = 0; }, DecisionReason::kBudgetSpent,
     DecisionKind::kSplit},
    {"shards", [](auto& s) { s.config.shards_max = 3; }, DecisionReason::kTooManyShards,
     DecisionKind::kSplit},
    {"not sampled", [](auto& s) { Hot(s).sample = SplitSample{}; }, DecisionReason::kNotRecorded,
     DecisionKind::kNothing},
    {"no balanced key",
     [](auto& s) {
       Hot(s).sample = SampleOf({Candidate({400, 0}, 900)});
     },
     DecisionReason::kNoBalancedKey, DecisionKind::kNothing},
    {"spans", [](auto& s) { Hot(s).sample.candidates[0].contained = 900; },
     DecisionReason::kRequestsSpanCuts, DecisionKind::kNothing},
    {"one account",
     [](auto& s) {
       Hot(s).sample = SampleOf({Candidate({400, 0}, 20, 960)});
     },
     DecisionReason::kSplitWillNotHelp, DecisionKind::kNothing},
};

TEST(PlannerTest, EachRuleHoldsBackAndIsNamed) {
  for (const Plant& row : kPlants) {
    BalancingSnapshot snapshot = SnapshotOf({150, 60, 60});
    row.plant(snapshot);
    const std::vector<Decision> decisions = PlanOf(snapshot);
    const Decision decision = DecisionOn(decisions, 1);
    EXPECT_EQ(Acting(decisions), 0u) << row.name;
    EXPECT_EQ(ToText(decision.reason), ToText(row.reason)) << row.name;
    EXPECT_EQ(decision.wanted, row.wanted) << row.name;
    EXPECT_FALSE(decision.text.empty()) << row.name;
  }
}

// Plan: each rule at its very bound, all at once; the planner still acts.
TEST(PlannerTest, ActsAtTheBoundOfEachRule) {
  BalancingSnapshot snapshot = SnapshotOf({150, 60, 60});
  const BalancingConfig& config = snapshot.config;
  snapshot.now += limits::kChecksMissedMax * config.check_interval;
  snapshot.paused_until = snapshot.now;
  snapshot.started_at = snapshot.now - config.warm_up;
  snapshot.config.shards_max = 4;
  Hot(snapshot).pinned_until = snapshot.now;
  Hot(snapshot).last_change = snapshot.now - config.cool_down;
  Hot(snapshot).load.since = Hot(snapshot).sample.since = Hot(snapshot).last_change;
  EXPECT_EQ(DecisionOn(PlanOf(snapshot), 1).kind, DecisionKind::kSplit);
}

TEST(PlannerTest, IsolatesAHotAccountAndNamesIt) {
  BalancingSnapshot snapshot = SnapshotOf({150, 60, 60});
  Hot(snapshot).sample = SampleOf({Candidate({400, 0}, 100, 800)});
  const Decision decision = DecisionOn(PlanOf(snapshot), 1);
  EXPECT_EQ(decision.kind, DecisionKind::kIsolateAccount);
  EXPECT_EQ(decision.reason, DecisionReason::kHotAccount);
  EXPECT_EQ(decision.split_keys, (std::vector<RoutingKey>{{400, 0}, {400, 1}}));
  EXPECT_EQ(decision.hot_account->account.id, "a-400");
  EXPECT_THAT(decision.text, HasSubstr("\"shop/a-400\" makes 80 %"));
}

// Plan: the account has its shard already; the daemon can only say so.
TEST(PlannerTest, SaysThatASplitWillNotHelp) {
  BalancingSnapshot snapshot = SnapshotOf({60, 500});
  snapshot.shards[0].route.range.end = snapshot.shards[1].route.range.start =
      RoutingKey{UINT64_MAX, UINT64_MAX};
  snapshot.shards[1].sample = SampleOf({Candidate(kLastRoutingKey, 0, 1000)});
  const Decision decision = DecisionOn(PlanOf(snapshot), 2);
  EXPECT_EQ(decision.reason, DecisionReason::kSplitWillNotHelp);
  EXPECT_THAT(decision.text, HasSubstr("a split will not help"));
  ASSERT_TRUE(decision.hot_account.has_value());
  EXPECT_DOUBLE_EQ(decision.inputs.mean, 0.6);  // without the shard that cannot be split
}

TEST(PlannerTest, TheHottestGoesFirst) {
  BalancingSnapshot snapshot = SnapshotOf({150, 300, 200});
  snapshot.config.changes_max = 2;
  const std::vector<Decision> decisions = PlanOf(snapshot);
  ASSERT_EQ(Acting(decisions), 2u);
  EXPECT_EQ(decisions[0].shard, ShardId{2});
  EXPECT_EQ(decisions[1].shard, ShardId{3});
  EXPECT_EQ(DecisionOn(decisions, 1).reason, DecisionReason::kBudgetSpent);
}

TEST(PlannerTest, SplitsOfOnePlanCountTogether) {
  BalancingSnapshot snapshot = SnapshotOf({150, 300, 200});
  snapshot.config.changes_max = 3;
  snapshot.config.shards_max = 4;
  const std::vector<Decision> decisions = PlanOf(snapshot);
  EXPECT_EQ(Acting(decisions), 1u);
  EXPECT_EQ(DecisionOn(decisions, 3).reason, DecisionReason::kTooManyShards);
}

TEST(PlannerTest, ATextIsNeverLongerThanItsLimit) {
  BalancingSnapshot snapshot = SnapshotOf({150, 60});
  SplitCandidate candidate = Candidate({400, 0}, 100, 800);
  candidate.account = {std::string(limits::kNamespaceBytesMax, 'a'),
                       std::string(limits::kAccountIdBytesMax, '\1')};
  Hot(snapshot).sample = SampleOf({candidate});
  snapshot.paused_until = absl::InfiniteFuture();
  const Decision decision = DecisionOn(PlanOf(snapshot), 1);
  EXPECT_EQ(decision.wanted, DecisionKind::kIsolateAccount);
  EXPECT_LE(decision.text.size(), limits::kDecisionTextBytesMax);
}

BalancingSnapshot LargeShard() {
  BalancingSnapshot snapshot = SnapshotOf({60, 60});
  snapshot.shards[0].bytes_stored = snapshot.config.shard_bytes_max + 1;
  snapshot.config.policy = "size";
  return snapshot;
}

TEST(SizePolicyTest, SplitsALargeShardAtItsMedian) {
  const Decision decision = DecisionOn(PlanOf(LargeShard()), 1);
  EXPECT_EQ(decision.kind, DecisionKind::kSplit);
  EXPECT_EQ(decision.reason, DecisionReason::kTooLarge);
  // Which the split itself finds out.
  EXPECT_TRUE(decision.split_keys.empty());
}

TEST(SizePolicyTest, IgnoresLoadAndLeavesASingleKeyAlone) {
  BalancingSnapshot snapshot = LargeShard();
  snapshot.shards[1].load = Steady(Operations(500));
  EXPECT_EQ(DecisionOn(PlanOf(snapshot), 2).reason, DecisionReason::kWithinThreshold);
  KeyRange& range = snapshot.shards[0].route.range;
  snapshot.shards[1].route.range.start = RoutingKey{0, 1};
  range.end = RoutingKey{0, 1};
  ASSERT_TRUE(IsSingleKey(range));
  EXPECT_EQ(DecisionOn(PlanOf(snapshot), 1).reason, DecisionReason::kSplitWillNotHelp);
}

TEST(SizePolicyTest, ASplitAtTheMedianCountsAsAShard) {
  BalancingSnapshot snapshot = LargeShard();
  snapshot.config.shards_max = 2;
  EXPECT_EQ(DecisionOn(PlanOf(snapshot), 1).reason, DecisionReason::kTooManyShards);
}

TEST(HomeTest, NewHomesOfOnePlanCountTogether) {
  BalancingSnapshot snapshot = SnapshotOf({60, 60, 60});
  for (ShardSnapshot& shard : snapshot.shards) {
    shard.bytes_stored = snapshot.config.own_home_bytes_min;
  }
  snapshot.config.changes_max = 3;
  snapshot.config.homes_max = 2;
  EXPECT_EQ(Acting(PlanOf(snapshot)), 1u);
}

TEST(HomeTest, ALargeShardLeavesASharedHome) {
  BalancingSnapshot snapshot = SnapshotOf({60, 60});
  snapshot.shards[1].bytes_stored = snapshot.config.own_home_bytes_min;
  const Decision decision = DecisionOn(PlanOf(snapshot), 2);
  EXPECT_EQ(decision.kind, DecisionKind::kMoveHome);
  EXPECT_EQ(decision.reason, DecisionReason::kNeedsOwnHome);
  EXPECT_FALSE(decision.home.has_value());

  snapshot.config.homes_max = 1;
  EXPECT_EQ(DecisionOn(PlanOf(snapshot), 2).reason, DecisionReason::kTooManyHomes);
  snapshot.config.homes_max = 2;
  snapshot.shards[1].route.home = storage::Family{2};
  EXPECT_EQ(DecisionOn(PlanOf(snapshot), 2).reason, DecisionReason::kWithinThreshold);
}

}  // namespace
}  // namespace shardd
