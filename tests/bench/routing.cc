// Measures how long it takes to find the shard of a routing key, and to make the routing key of an
// account. Prints nanoseconds as one line of JSON.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "server/account/routing_key.h"
#include "server/base/random.h"
#include "server/routing/route_table.h"
#include "tests/bench/dataset.h"
#include "tests/bench/meter.h"

namespace shardd::bench {
namespace {

// More keys than a branch predictor can learn.
constexpr size_t kKeys = 1 << 14;
constexpr int kPasses = 50;
constexpr int kRepeats = 7;

// Nanoseconds of one `step` out of kKeys * kPasses. The best of a few repeats: whatever else ran on
// the machine only ever adds. Each step starts at what the one before answered, so that steps do
// not overlap in the processor.
template <typename Step>
double NanosecondsPerStep(Step step) {
  double best = std::numeric_limits<double>::max();
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const MeterClock::time_point started = MeterClock::now();
    size_t next = 0;
    for (size_t i = 0; i < kKeys * kPasses; ++i) next = step((next + i) % kKeys);
    const std::chrono::duration<double, std::nano> took = MeterClock::now() - started;
    best = std::min(best, took.count() / static_cast<double>(kKeys * kPasses + next));
  }
  return best;
}

std::vector<RoutingKey> RandomKeys() {
  Random random(1);
  std::vector<RoutingKey> keys(kKeys);
  for (RoutingKey& key : keys) key = {random.Next(), random.Next()};
  return keys;
}

double LookupNanoseconds(const std::vector<RoutingKey>& keys, size_t shards) {
  const RouteTable table = RouteTable::Uniform(shards, storage::Family{1});
  // Shard ids begin at 1, so the answer is always 0; the compiler does not know that.
  return NanosecondsPerStep(
      [&](size_t i) { return static_cast<size_t>(table.Find(keys[i]).shard.value == 0); });
}

double HashNanoseconds() {
  std::vector<std::string> ids;
  for (size_t i = 0; i < kKeys; ++i) ids.push_back(Dataset::Id(i));
  // No id has this hash; the compiler does not know that.
  return NanosecondsPerStep([&](size_t i) {
    return static_cast<size_t>(RoutingKeyOf("bench", ids[i]) == kLastRoutingKey);
  });
}

double Rounded(double value) { return std::round(value * 10) / 10; }

int Main() {
  const std::vector<RoutingKey> keys = RandomKeys();
  nlohmann::json lookup;
  for (const size_t shards : {4, 64, 1024}) {
    lookup[std::to_string(shards)] = Rounded(LookupNanoseconds(keys, shards));
  }
  std::cout << nlohmann::json{{"lookup_ns", lookup}, {"hash_ns", Rounded(HashNanoseconds())}}.dump()
            << "\n";
  return 0;
}

}  // namespace
}  // namespace shardd::bench

int main() { return shardd::bench::Main(); }
