// Plan: run planner, windows and samplers against simulated traffic of known shape, for as long as
// it takes to settle and half an hour more, and look at the balance that is left and at what was
// done.

#include "tests/server/load_balancing_service/simulated_load.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/load_balancing_service/replay.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr double kMaxOverMean = 1.5;

// 32 shards have a mean load of 0.06.
SimulatedLoad::Options ZipfOptions() {
  SimulatedLoad::Options options;
  options.config.thresholds.operations_per_second = 1000;
  return options;
}

// The mean share of the shards of more than one key, weighted as the planner does.
double MeanShare(const SimulatedLoad& load, const SimulatedLoad::Options& options) {
  const double floor = options.config.load_floor * options.config.thresholds.operations_per_second /
                       static_cast<double>(options.operations_per_second);
  double sum = 0;
  double count = 0;
  for (const SimulatedLoad::Shard& shard : load.shards()) {
    const double share = load.TrueShare(shard);
    if (IsSingleKey(shard.known.route.range)) continue;
    const double weight = std::min(1.0, share / floor);
    sum += weight * share;
    count += weight;
  }
  return sum / count;
}

// Every shard has at most kMaxOverMean times the mean, or the newest decision on it names the
// account that is why.
void ExpectBalancedOrExplained(const SimulatedLoad& load, const SimulatedLoad::Options& options) {
  const double mean = MeanShare(load, options);
  size_t named = 0;
  for (const SimulatedLoad::Shard& shard : load.shards()) {
    const double over_mean = load.TrueShare(shard) / mean;
    if (over_mean <= kMaxOverMean) continue;
    const LoggedDecision* latest = load.log().Latest(shard.known.route.shard);
    ASSERT_NE(latest, nullptr);
    EXPECT_EQ(ToText(latest->decision.reason), "SPLIT_WILL_NOT_HELP")
        << over_mean << " " << latest->decision.text;
    EXPECT_TRUE(latest->decision.hot_account.has_value()) << latest->decision.text;
    ++named;
  }
  EXPECT_LT(named, load.shards().size() / 5);
}

// What was merged is not split again.
std::optional<std::string> FindCycle(const SimulatedLoad& load) {
  for (size_t i = 0; i < load.changes().size(); ++i) {
    const SimulatedLoad::Change& merge = load.changes()[i];
    if (merge.kind != DecisionKind::kMerge) continue;
    for (size_t j = i + 1; j < load.changes().size(); ++j) {
      const SimulatedLoad::Change& split = load.changes()[j];
      if (split.kind == DecisionKind::kMerge || !split.range.Overlaps(merge.range)) continue;
      return absl::StrCat("merged at ", ToHex(merge.cuts[0]), ", split ",
                          absl::FormatDuration(split.time - merge.time), " later");
    }
  }
  return std::nullopt;
}

size_t ChangesSince(const SimulatedLoad& load, absl::Time since) {
  return static_cast<size_t>(
      std::count_if(load.changes().begin(), load.changes().end(),
                    [since](const SimulatedLoad::Change& change) { return change.time > since; }));
}

TEST(SimulatedLoadTest, ZipfOver32ShardsIsBalancedOrExplainedAndStaysSo) {
  const SimulatedLoad::Options options = ZipfOptions();
  SimulatedLoad load(options);
  load.Run(absl::Minutes(15));
  ExpectBalancedOrExplained(load, options);
  EXPECT_GT(load.changes().size(), 0u);
  const absl::Time settled = load.now();
  load.Run(absl::Minutes(30));
  ExpectBalancedOrExplained(load, options);
  EXPECT_EQ(FindCycle(load), std::nullopt);
  RecordProperty("changes", static_cast<int>(load.changes().size()));
  EXPECT_LE(ChangesSince(load, settled), 8u);
}

// Plan: one namespace lies in one shard of 32, so all load, of twice what a shard may have, begins
// there. The shards that stay idle do not count: if they did, each split would lower the mean, and
// so call for the next, down to the floor.
TEST(SimulatedLoadTest, OneNamespaceIsSpreadUntilBalanced) {
  SimulatedLoad::Options options = ZipfOptions();
  options.name_space = "debian";
  SimulatedLoad load(options);
  load.Run(absl::Minutes(45));
  ExpectBalancedOrExplained(load, options);
  EXPECT_EQ(FindCycle(load), std::nullopt);
  RecordProperty("changes", static_cast<int>(load.changes().size()));
  const auto splits =
      std::count_if(load.changes().begin(), load.changes().end(),
                    [](const auto& change) { return change.kind != DecisionKind::kMerge; });
  EXPECT_LE(splits, 8);
}

TEST(SimulatedLoadTest, MergesBackWhenTheLoadStops) {
  SimulatedLoad::Options options = ZipfOptions();
  options.config.shards_min = 4;
  SimulatedLoad load(options);
  load.Run(absl::Minutes(5));
  const size_t busy = load.shards().size();
  EXPECT_GT(busy, options.shards);
  load.SetOperationsPerSecond(0);
  load.Run(absl::Minutes(5));
  EXPECT_GE(load.shards().size(), busy) << "the peak of the last five minutes forbids merges";
  load.Run(absl::Minutes(60));
  EXPECT_EQ(load.shards().size(), options.config.shards_min);
  EXPECT_EQ(FindCycle(load), std::nullopt);
}

// Plan: the trace of a run, read back from its bytes, gives the same decisions to the last bit.
TEST(SimulatedLoadTest, AReplayDoesWhatTheRunDid) {
  SimulatedLoad load(ZipfOptions());
  load.Run(absl::Minutes(4));
  ASSERT_OK_AND_ASSIGN(const LoadTrace trace,
                       LoadTrace::Decode(absl::StrCat(TraceHeader(), load.trace())));
  ASSERT_OK_AND_ASSIGN(const std::vector<ReplayStep> steps, Replay(trace, ReplayOptions{}));
  EXPECT_EQ(steps.size(), 48u);
  size_t changes = 0;
  for (const ReplayStep& step : steps) {
    EXPECT_EQ(step.would_do, step.did) << step.time;
    changes += step.did.size();
  }
  EXPECT_EQ(changes, load.changes().size());
  EXPECT_GT(changes, 0u);
}

// Plan: merge what is still hot, which no valid configuration does: the search for cycles finds
// one.
TEST(SimulatedLoadTest, WithoutHysteresisThereAreCycles) {
  SimulatedLoad::Options options = ZipfOptions();
  options.config.merge_share_max = 3;
  options.config.merge_age_min = absl::ZeroDuration();
  options.validate = false;
  SimulatedLoad load(options);
  load.Run(absl::Minutes(15));
  EXPECT_NE(FindCycle(load), std::nullopt);
}

}  // namespace
}  // namespace shardd
