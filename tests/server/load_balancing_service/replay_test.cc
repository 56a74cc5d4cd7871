// Plan: replay short traces as recorded, with another configuration, and past a recorded pause.

#include "server/load_balancing_service/replay.h"

#include "gtest/gtest.h"
#include "tests/server/load_balancing_service/snapshot_builder.h"

namespace shardd {
namespace {

// A round `seconds` after kNow; `acted` is what the planner does.
TraceRecord Round(BalancingSnapshot snapshot, int seconds) {
  const absl::Duration later = absl::Seconds(seconds);
  snapshot.now += later;
  for (ShardSnapshot& shard : snapshot.shards) {
    shard.sample.until += later;
    for (LoadCheck& check : shard.load.checks) check.at += later;
  }
  TraceRecord record{snapshot, {}};
  for (Decision& decision : PlanOf(snapshot)) {
    if (decision.acts()) record.acted.push_back(std::move(decision));
  }
  return record;
}

TEST(ReplayTest, AsRecordedItDoesWhatWasDone) {
  const LoadTrace trace{{Round(SnapshotOf({60, 60}), 0), Round(SnapshotOf({150, 60}), 5)}, false};
  ASSERT_OK_AND_ASSIGN(const std::vector<ReplayStep> steps, Replay(trace, ReplayOptions{}));
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_TRUE(steps[0].would_do.empty());
  EXPECT_EQ(steps[1].would_do.size(), 1u);
  EXPECT_EQ(steps[1].would_do, steps[1].did);
  EXPECT_EQ(steps[1].time, kNow + absl::Seconds(5));
}

// Plan: the recorded split failed and was decided again: so it is in the replay.
TEST(ReplayTest, AChangeThatWasTriedAgainIsReplayedAgain) {
  const LoadTrace trace{{Round(SnapshotOf({150, 60}), 0), Round(SnapshotOf({150, 60}), 90)}, false};
  ASSERT_OK_AND_ASSIGN(const std::vector<ReplayStep> steps, Replay(trace, ReplayOptions{}));
  for (const ReplayStep& step : steps) {
    EXPECT_EQ(step.did.size(), 1u);
    EXPECT_EQ(step.would_do, step.did);
  }
}

// Plan: nothing was done in ten minutes; with a lower threshold one split would have been, once.
TEST(ReplayTest, AShardThatOnlyTheReplaySplitsIsLeftAloneFromThenOn) {
  LoadTrace trace;
  for (int i = 0; i < 120; ++i) trace.records.push_back(Round(SnapshotOf({60, 50}), 5 * i));
  ReplayOptions options;
  options.config = TestConfig();
  options.config->thresholds.operations_per_second = 55;
  ASSERT_OK_AND_ASSIGN(const std::vector<ReplayStep> steps, Replay(trace, options));
  size_t changes = 0;
  for (const ReplayStep& step : steps) {
    EXPECT_TRUE(step.did.empty());
    changes += step.would_do.size();
  }
  EXPECT_EQ(changes, 1u);
  EXPECT_EQ(steps[0].would_do[0].shard, ShardId{1});
}

TEST(ReplayTest, PausesCanBeIgnored) {
  BalancingSnapshot paused = SnapshotOf({150, 60});
  paused.paused_until = absl::InfiniteFuture();
  const LoadTrace trace{{Round(paused, 0)}, false};
  ASSERT_OK_AND_ASSIGN(const auto as_recorded, Replay(trace, ReplayOptions{}));
  EXPECT_TRUE(as_recorded[0].would_do.empty());
  ReplayOptions options;
  options.ignore_pauses = true;
  ASSERT_OK_AND_ASSIGN(const auto unpaused, Replay(trace, options));
  EXPECT_EQ(unpaused[0].would_do.size(), 1u);
}

TEST(ReplayTest, ABadConfigurationIsRefused) {
  ReplayOptions options;
  options.config = BalancingConfig{};
  options.config->policy = "none";
  EXPECT_THAT(Replay(LoadTrace{}, options), HasReason(Reason::kInvalidField));
}

}  // namespace
}  // namespace shardd
