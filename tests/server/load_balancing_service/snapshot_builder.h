#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/load_balancing_service/balancing_snapshot.h"
#include "server/load_balancing_service/planner.h"
#include "tests/support/status_matchers.h"

namespace shardd {

inline constexpr absl::Time kNow = absl::FromUnixSeconds(1'000'000);

// Small numbers, so that a test can do them in the head: a shard is full at 100 operations a
// second.
inline BalancingConfig TestConfig() {
  BalancingConfig config;
  config.thresholds.operations_per_second = 100;
  config.changes_max = 1;
  config.cool_down = absl::Minutes(1);
  return config;
}

inline LoadRate Operations(double per_second) { return LoadRate{per_second, 0, {}, 0}; }

// Measured for an hour, always the same.
inline LoadSummary Steady(const LoadRate& rate) {
  LoadSummary load;
  load.since = kNow - absl::Hours(1);
  for (int i = 7; i >= 0; --i) {
    load.checks.push_back(LoadCheck{kNow - i * absl::Seconds(5), rate, rate});
  }
  load.peak = rate;
  return load;
}

// `at` of 1000 requests are for the key itself and `left` for keys below it.
inline SplitCandidate Candidate(RoutingKey key, uint64_t left, uint64_t at = 2) {
  SplitCandidate candidate;
  candidate.account = AccountRef{"shop", absl::StrCat("a-", key.high)};
  candidate.key = key;
  candidate.left = 2 * left;
  candidate.at = 2 * at;
  candidate.right = 2 * (1000 - left - at);
  return candidate;
}

inline SplitSample SampleOf(std::vector<SplitCandidate> candidates) {
  return SplitSample{kNow - absl::Minutes(1), kNow, 1000, std::move(candidates)};
}

// Shards of 1000 upper halves each, from 0 on, in one home: old, measured for long, with
// `operations[i]` a second each, and a sample that is balanced in the middle.
inline BalancingSnapshot SnapshotOf(const std::vector<double>& operations) {
  BalancingSnapshot snapshot;
  snapshot.now = kNow;
  snapshot.started_at = kNow - absl::Hours(10);
  snapshot.epoch = TableEpoch{7};
  snapshot.config = TestConfig();
  for (size_t i = 0; i < operations.size(); ++i) {
    ShardSnapshot shard;
    shard.route = Route{ShardId{i + 1}, {RoutingKey{1000 * i, 0}, std::nullopt}, {1}};
    if (i > 0) snapshot.shards.back().route.range.end = shard.route.range.start;
    shard.load = Steady(Operations(operations[i]));
    shard.sample = SampleOf({Candidate(RoutingKey{1000 * i + 400, 0}, 480)});
    shard.bytes_stored = 1000;
    shard.last_change = kNow - absl::Hours(2);
    shard.last_split = kNow - absl::Hours(2);
    snapshot.shards.push_back(shard);
  }
  return snapshot;
}

inline std::vector<Decision> PlanOf(const BalancingSnapshot& snapshot) {
  EXPECT_THAT(Validate(snapshot), IsOk());
  const auto policy = FindBalancingPolicy(snapshot.config.policy);
  EXPECT_THAT(policy, IsOk());
  return Plan(snapshot, **policy);
}

inline Decision DecisionOn(const std::vector<Decision>& decisions, uint64_t shard) {
  for (const Decision& decision : decisions) {
    if (decision.shard == ShardId{shard}) return decision;
  }
  ADD_FAILURE() << "no decision on " << shard;
  return Decision{};
}

inline size_t Acting(const std::vector<Decision>& decisions) {
  size_t acting = 0;
  for (const Decision& decision : decisions) acting += decision.acts() ? 1 : 0;
  return acting;
}

}  // namespace shardd
