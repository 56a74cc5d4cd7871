// Plan: run many seeds, which must violate nothing; run some twice, which must give the same trace.

#include "gtest/gtest.h"
#include "tests/sim/world.h"

namespace shardd::sim {
namespace {

constexpr uint64_t kSeeds = 300;
constexpr uint64_t kSeedsReplayed = 20;

TEST(SimulatorTest, NothingIsViolated) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    EXPECT_EQ(RunSeed(seed, Bug::kNone, /*verbose=*/false).violation, "") << "seed " << seed;
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
