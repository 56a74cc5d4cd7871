// Plan: plant each mistake and run seeds until one shows it; all must be found.

#include <cstdio>
#include <string>

#include "gtest/gtest.h"
#include "tests/sim/world.h"

namespace shardd::sim {
namespace {

constexpr uint64_t kSeedsMax = 3000;

class PlantedBugsTest : public testing::TestWithParam<BugInfo> {};

TEST_P(PlantedBugsTest, IsFound) {
  const std::string name(GetParam().name);
  for (uint64_t seed = 1; seed <= kSeedsMax; ++seed) {
    const std::string violation = RunSeed(seed, GetParam().bug, /*verbose=*/false).violation;
    if (violation.empty()) continue;
    std::printf("%s: found by seed %llu: %s\n", name.c_str(), static_cast<unsigned long long>(seed),
                violation.c_str());
    return;
  }
  FAIL() << name << " is not found by " << kSeedsMax << " seeds";
}

std::string TestName(const testing::TestParamInfo<BugInfo>& info) {
  std::string name(info.param.name);
  for (char& letter : name) letter = letter == '-' ? '_' : letter;
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBugsTest, testing::ValuesIn(AllBugs()), TestName);

}  // namespace
}  // namespace shardd::sim
