// Plan: run many seeds, which must violate nothing and together meet every rare thing; run some
// twice, which must give the same trace.

#include <set>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "tests/sim/world.h"

namespace shardd::sim {
namespace {

constexpr uint64_t kSeeds = 300;
constexpr uint64_t kSeedsReplayed = 20;

TEST(SimulatorTest, NothingIsViolatedAndEverythingIsMet) {
  std::set<absl::string_view> met;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    RunResult result = RunSeed(seed, Bug::kNone, /*verbose=*/false);
    EXPECT_EQ(result.violation, "") << "seed " << seed;
    met.merge(result.met);
  }
  for (const absl::string_view thing : RareThings()) {
    EXPECT_TRUE(met.contains(thing)) << "no seed met " << thing;
  }
}

TEST(SimulatorTest, ASeedReplaysBitForBit) {
  for (uint64_t seed = 1; seed <= kSeedsReplayed; ++seed) {
    const RunResult first = RunSeed(seed, Bug::kNone, /*verbose=*/false);
    const RunResult second = RunSeed(seed, Bug::kNone, /*verbose=*/false);
    EXPECT_EQ(first.trace_hash, second.trace_hash) << "seed " << seed;
    EXPECT_EQ(first.steps, second.steps) << "seed " << seed;
  }
}

TEST(SimulatorTest, SeedsDiffer) {
  EXPECT_NE(RunSeed(1, Bug::kNone, /*verbose=*/false).trace_hash,
            RunSeed(2, Bug::kNone, /*verbose=*/false).trace_hash);
}

}  // namespace
}  // namespace shardd::sim
