// Plan: fill a log beyond its bound, fold what repeats, and bring it back from its stored bytes.

#include "server/load_balancing_service/decision_log.h"

#include <set>

#include "gtest/gtest.h"
#include "server/load_balancing_service/limits.h"
#include "tests/server/load_balancing_service/snapshot_builder.h"
#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

Decision Nothing(uint64_t shard, DecisionReason reason, int seconds = 0) {
  Decision decision;
  decision.time = kNow + absl::Seconds(seconds);
  decision.shard = ShardId{shard};
  decision.reason = reason;
  return decision;
}

Decision Split(uint64_t shard) {
  Decision decision = Nothing(shard, DecisionReason::kTooHot);
  decision.kind = decision.wanted = DecisionKind::kSplit;
  return decision;
}

TEST(DecisionLogTest, NothingForTheSameReasonIsCounted) {
  DecisionLog log(10);
  log.Add(Nothing(1, DecisionReason::kWithinThreshold, 0));
  log.Add(Nothing(2, DecisionReason::kPinned, 0));
  const DecisionLog::Change change = log.Add(Nothing(1, DecisionReason::kWithinThreshold, 5));
  EXPECT_EQ(change.written->number, 1u);
  EXPECT_EQ(change.written->times, 2u);
  EXPECT_EQ(change.written->first_time, kNow);
  EXPECT_EQ(change.written->decision.time, kNow + absl::Seconds(5));
  EXPECT_EQ(log.entries().size(), 2u);
}

TEST(DecisionLogTest, WhatDiffersIsANewEntry) {
  DecisionLog log(10);
  log.Add(Nothing(1, DecisionReason::kWithinThreshold));
  log.Add(Nothing(1, DecisionReason::kPaused));
  Decision wanting = Nothing(1, DecisionReason::kPaused);
  wanting.wanted = DecisionKind::kSplit;
  log.Add(wanting);
  log.Add(Split(1));
  log.Add(Split(1));
  EXPECT_EQ(log.entries().size(), 5u);
  EXPECT_EQ(log.Latest(ShardId{1})->number, 5u);
  EXPECT_EQ(log.Latest(ShardId{2}), nullptr);
}

TEST(DecisionLogTest, IsBounded) {
  DecisionLog log(3);
  log.Add(Nothing(9, DecisionReason::kPinned));
  for (uint64_t i = 1; i <= 2; ++i) EXPECT_FALSE(log.Add(Split(i)).removed.has_value());
  EXPECT_EQ(log.Add(Split(3)).removed, 1u);
  EXPECT_EQ(log.entries().size(), 3u);
  EXPECT_EQ(log.Latest(ShardId{9}), nullptr);
  EXPECT_EQ(log.Latest(ShardId{1})->number, 2u);
  // What was removed cannot be counted on.
  log.Add(Nothing(9, DecisionReason::kPinned));
  EXPECT_EQ(log.Latest(ShardId{9})->number, 5u);
  EXPECT_EQ(log.Latest(ShardId{9})->times, 1u);
}

TEST(DecisionLogTest, TheLatestOutlivesOlderOnesOfItsShard) {
  DecisionLog log(2);
  for (const uint64_t shard : {1, 1, 2}) log.Add(Split(shard));
  ASSERT_NE(log.Latest(ShardId{1}), nullptr);
  EXPECT_EQ(log.Latest(ShardId{1})->number, 2u);
}

TEST(DecisionLogTest, HoldsTheLargestTable) {
  DecisionLog log(limits::kDecisionsKept);
  for (uint64_t i = 1; i <= limits::kDecisionsKept; ++i) log.Add(Split(i));
  EXPECT_EQ(log.Add(Split(1)).removed, 1u);
  EXPECT_EQ(log.entries().size(), limits::kDecisionsKept);
}

TEST(DecisionLogTest, ComesBackFromWhatWasStored) {
  DecisionLog log(3);
  for (uint64_t i = 1; i <= 5; ++i) log.Add(Split(i));
  std::vector<LoggedDecision> stored;
  for (const LoggedDecision& entry : log.entries()) {
    ASSERT_OK_AND_ASSIGN(LoggedDecision decoded, LoggedDecision::Decode(entry.Encode()));
    EXPECT_EQ(decoded, entry);
    stored.push_back(decoded);
  }
  ASSERT_OK_AND_ASSIGN(DecisionLog restored, DecisionLog::Restore(stored, 3));
  EXPECT_EQ(restored.entries(), log.entries());
  EXPECT_EQ(restored.Add(Split(6)).written->number, 6u);
  stored.erase(stored.begin() + 1);
  EXPECT_THAT(DecisionLog::Restore(stored, 3), HasReason(Reason::kStorageCorrupt));
}

// A decision with every field set.
Decision FullDecision() {
  BalancingSnapshot snapshot = SnapshotOf({150, 60});
  snapshot.shards[0].sample =
      SampleOf({Candidate({400, 0}, 100, 800), Candidate({500, 0}, 950, 10)});
  Decision decision = PlanOf(snapshot).front();
  decision.partner = ShardId{2};
  decision.home = storage::Family{3};
  return decision;
}

TEST(DecisionTest, BytesRoundTripAndOthersAreRefused) {
  for (const Decision& decision : {FullDecision(), Decision{}}) {
    const std::string bytes = decision.Encode();
    ASSERT_OK_AND_ASSIGN(const Decision decoded, Decision::Decode(bytes));
    EXPECT_EQ(decoded, decision);
    ExpectOtherLengthsRefused(bytes, Decision::Decode);
    ExpectOtherVersionsRefused(bytes, Decision::Decode);
    ExpectGarbageIsHarmless(bytes, Decision::Decode);
  }
}

TEST(LoggedDecisionTest, OtherBytesAreRefused) {
  const std::string bytes = LoggedDecision{7, FullDecision(), kNow, 3}.Encode();
  ExpectOtherLengthsRefused(bytes, LoggedDecision::Decode);
  ExpectOtherVersionsRefused(bytes, LoggedDecision::Decode);
  ExpectGarbageIsHarmless(bytes, LoggedDecision::Decode);
}

TEST(DecisionTest, EveryReasonHasAName) {
  std::set<absl::string_view> names;
  size_t reasons = 0;
  for (int number = 0; number < 256; ++number) {
    const absl::string_view name = ToText(static_cast<DecisionReason>(number));
    if (name.empty()) continue;
    ++reasons;
    names.insert(name);
  }
  EXPECT_EQ(reasons, 30u);
  EXPECT_EQ(names.size(), reasons);
}

}  // namespace
}  // namespace shardd
