// Plan: the stored bytes of the balancer, both ways; what is written when; and a restart at every
// point finds a log without a gap.

#include "server/runtime/balancer_records.h"

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "server/base/codec.h"
#include "server/load_balancing_service/limits.h"
#include "storage/memory_store.h"
#include "tests/support/record_bytes.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

Decision Nothing(uint64_t shard, DecisionReason reason) {
  Decision decision;
  decision.time = absl::FromUnixSeconds(1);
  decision.policy = "load";
  decision.shard = ShardId{shard};
  decision.reason = reason;
  return decision;
}

TEST(BalancerRecordsTest, SettingsReadBackAndRefuseWhatTheyAreNot) {
  BalancerSettings none;
  ASSERT_OK_AND_ASSIGN(const BalancerSettings read, BalancerSettings::Decode(none.Encode()));
  EXPECT_EQ(read, none);

  BalancerSettings set;
  set.config = BalancingConfig();
  set.config->policy = "size";
  set.config_set_time = absl::FromUnixSeconds(5);
  set.paused_until = absl::FromUnixSeconds(7);
  const std::string bytes = set.Encode();
  ASSERT_OK_AND_ASSIGN(const BalancerSettings again, BalancerSettings::Decode(bytes));
  EXPECT_EQ(again, set);

  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THAT(BalancerSettings::Decode(bytes.substr(0, length)),
                HasReason(Reason::kStorageCorrupt));
  }
  EXPECT_THAT(BalancerSettings::Decode(bytes + "x"), HasReason(Reason::kStorageCorrupt));
  std::string other_version = bytes;
  other_version[0] = 2;
  EXPECT_THAT(BalancerSettings::Decode(other_version), HasReason(Reason::kStorageCorrupt));
  set.config->policy = "none";
  EXPECT_THAT(BalancerSettings::Decode(set.Encode()), HasReason(Reason::kStorageCorrupt));
}

// The bytes of storage/FORMAT.md, "Balancer": version, no configuration, two times.
TEST(BalancerRecordsTest, TheBytesOfSettings) {
  BalancerSettings settings;
  settings.paused_until = absl::FromUnixNanos(3);
  ByteWriter expected;
  expected.Byte(1).Byte(0);
  BalancerSettings past;
  const std::string bytes = settings.Encode();
  EXPECT_EQ(bytes.substr(0, 2), expected.view());
  EXPECT_NE(bytes, past.Encode());
  EXPECT_EQ(DecisionKey(258), std::string("decision/\0\0\0\0\0\0\1\2", 17));
}

TEST(BalancerRecordsTest, OnlyNewsIsWrittenAndCountsGoWithIt) {
  storage::MemoryStore store;
  ASSERT_OK_AND_ASSIGN(StoredDecisions decisions, StoredDecisions::Load(store));
  EXPECT_TRUE(decisions.TakeWrites().empty());
  decisions.Add(Nothing(1, DecisionReason::kWithinThreshold));
  decisions.Add(Nothing(2, DecisionReason::kWithinThreshold));
  EXPECT_EQ(decisions.TakeWrites().count(), 2u);
  decisions.Add(Nothing(1, DecisionReason::kWithinThreshold));
  decisions.Add(Nothing(2, DecisionReason::kWithinThreshold));
  EXPECT_TRUE(decisions.TakeWrites().empty());
  decisions.Add(Nothing(1, DecisionReason::kPinned));
  const storage::WriteSet writes = decisions.TakeWrites();
  EXPECT_EQ(writes.count(), 3u);
  ASSERT_THAT(store.Commit(writes), IsOk());
  ASSERT_OK_AND_ASSIGN(const StoredDecisions again, StoredDecisions::Load(store));
  EXPECT_EQ(again.log().entries(), decisions.log().entries());
  EXPECT_EQ(again.log().entries().front().times, 2u);
}

// Plan: more decisions than are kept; what is stored is what is kept.
TEST(BalancerRecordsTest, OldOnesGoFromTheStoreToo) {
  storage::MemoryStore store;
  ASSERT_OK_AND_ASSIGN(StoredDecisions decisions, StoredDecisions::Load(store));
  for (size_t i = 0; i < limits::kDecisionsKept + 10; ++i) {
    decisions.Add(
        Nothing(1, i % 2 == 0 ? DecisionReason::kPinned : DecisionReason::kWithinThreshold));
    if (i % 7 == 0) {
      ASSERT_THAT(store.Commit(decisions.TakeWrites()), IsOk());
    }
  }
  ASSERT_THAT(store.Commit(decisions.TakeWrites()), IsOk());
  ASSERT_OK_AND_ASSIGN(const StoredDecisions again, StoredDecisions::Load(store));
  EXPECT_EQ(again.log().entries().size(), limits::kDecisionsKept);
  EXPECT_EQ(again.log().entries().front().number, 11u);
}

TEST(BalancerRecordsTest, ABrokenOrMisplacedDecisionIsRefused) {
  storage::MemoryStore store;
  storage::WriteSet writes;
  LoggedDecision entry{1, Nothing(1, DecisionReason::kPinned), absl::FromUnixSeconds(1), 1};
  writes.Put(storage::kMeta, DecisionKey(2), entry.Encode());
  ASSERT_THAT(store.Commit(writes), IsOk());
  EXPECT_THAT(StoredDecisions::Load(store), HasReason(Reason::kStorageCorrupt));
  writes.Put(storage::kMeta, DecisionKey(2), "x");
  ASSERT_THAT(store.Commit(writes), IsOk());
  EXPECT_THAT(StoredDecisions::Load(store), HasReason(Reason::kStorageCorrupt));
}

}  // namespace
}  // namespace shardd
