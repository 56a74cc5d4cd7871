// Plan: ids have exactly one text form; hashes and random numbers are fixed for ever; the clock
// never goes back.

#include "gtest/gtest.h"
#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/base/ids.h"
#include "server/base/random.h"

namespace shardd {
namespace {

TEST(IdsTest, TextFormsComeBack) {
  const struct {
    uint64_t number;
    const char* shard;
    const char* operation;
    const char* thread;
  } rows[] = {
      {1, "s-0001", "op-1", "t-1"},
      {9999, "s-9999", "op-9999", "t-9999"},
      {10000, "s-10000", "op-10000", "t-10000"},
      {UINT64_MAX, "s-18446744073709551615", "op-18446744073709551615", "t-18446744073709551615"}};
  for (const auto& row : rows) {
    EXPECT_EQ(ToText(ShardId{row.number}), row.shard);
    EXPECT_EQ(ToText(OperationId{row.number}), row.operation);
    EXPECT_EQ(ToText(ThreadId{row.number}), row.thread);
    EXPECT_EQ(ParseShardId(row.shard), ShardId{row.number});
    EXPECT_EQ(ParseOperationId(row.operation), OperationId{row.number});
    EXPECT_EQ(ParseThreadId(row.thread), ThreadId{row.number});
  }
}

TEST(IdsTest, RefusesWhatIsNeverWritten) {
  for (const char* text :
       {"",        "s-",     "s-0",    "s-0000",  "s-1",     "s-001",
        "s-00001", "S-0001", "s0001",  "s-0001 ", " s-0001", "s- 001",
        "s-+001",  "s--001", "s-0x01", "op-1",    "1",       "s-18446744073709551616",
        "s-000a",  "s-0001x"}) {
    EXPECT_FALSE(ParseShardId(text).has_value()) << '"' << text << '"';
  }
  for (const char* text : {"", "op-", "op-0", "op-01", "op-+1", "op- 1", "op-1 ", "s-0001", "OP-1",
                           "op--1", "op-18446744073709551616"}) {
    EXPECT_FALSE(ParseOperationId(text).has_value()) << '"' << text << '"';
  }
  for (const char* text : {"", "t-", "t-0", "t-01", "t-1\n", "op-1", "T-1"}) {
    EXPECT_FALSE(ParseThreadId(text).has_value()) << '"' << text << '"';
  }
}

// Plan: values from the published test vectors' algorithm, as literals; they are stored and route.
TEST(HashTest, ValuesAreFixed) {
  EXPECT_EQ(StableHash64(""), 0x2d06800538d394c2u);
  EXPECT_EQ(StableHash64("debian"), StableHash64(std::string("debian")));
  EXPECT_NE(StableHash64("debian"), StableHash64("debiaN"));
  const Hash128 empty{0x99aa06d3014798d8, 0x6001c324468d497f};
  EXPECT_EQ(StableHash128(""), empty);
  EXPECT_FALSE(StableHash128("a") == StableHash128("b"));
}

// Plan: the first numbers of SplitMix64 with seed 0, from its reference implementation.
TEST(RandomTest, SequenceIsFixed) {
  Random random(0);
  EXPECT_EQ(random.Next(), 0xe220a8397b1dcdafu);
  EXPECT_EQ(random.Next(), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(random.Next(), 0x06c45d188009454fu);
}

TEST(RandomTest, BelowReachesAllAndOnlyWhatIsBelow) {
  Random random(1);
  bool seen[7] = {};
  for (int i = 0; i < 1000; ++i) {
    const uint64_t number = random.Below(7);
    ASSERT_LT(number, 7u);
    seen[number] = true;
    EXPECT_EQ(random.Below(1), 0u);
  }
  for (const bool reached : seen) EXPECT_TRUE(reached);
  EXPECT_TRUE(random.OneIn(1));
}

TEST(RealClockTest, NeverGoesBack) {
  absl::Time previous = RealClock().Now();
  for (int i = 0; i < 1000; ++i) {
    const absl::Time now = RealClock().Now();
    EXPECT_GE(now, previous);
    previous = now;
  }
}

}  // namespace
}  // namespace shardd
