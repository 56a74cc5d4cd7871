// Plan: write traces and read them back whole, cut short at every byte, damaged and too large.

#include "server/load_balancing_service/load_trace.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/codec.h"
#include "server/base/hash.h"
#include "server/load_balancing_service/limits.h"
#include "tests/server/load_balancing_service/snapshot_builder.h"
#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

TraceRecord Record(double operations) {
  TraceRecord record;
  record.snapshot = SnapshotOf({operations, 60});
  record.acted = PlanOf(record.snapshot);
  return record;
}

// A frame around any bytes.
std::string Frame(absl::string_view bytes) {
  return ByteWriter().Bytes(bytes).Fixed64(StableHash64(bytes)).Take();
}

TEST(BalancingSnapshotTest, BytesRoundTripAndOthersAreRefused) {
  const BalancingSnapshot snapshot = Record(150).snapshot;
  const std::string bytes = snapshot.Encode();
  ASSERT_OK_AND_ASSIGN(const BalancingSnapshot decoded, BalancingSnapshot::Decode(bytes));
  EXPECT_EQ(decoded, snapshot);
  ExpectOtherLengthsRefused(bytes, BalancingSnapshot::Decode);
  ExpectOtherVersionsRefused(bytes, BalancingSnapshot::Decode);
  ExpectGarbageIsHarmless(bytes, BalancingSnapshot::Decode);
}

TEST(BalancingSnapshotTest, WhatIsNoTableIsNotValid) {
  BalancingSnapshot snapshot = SnapshotOf({1, 2});
  EXPECT_THAT(Validate(snapshot), IsOk());
  BalancingSnapshot gap = snapshot;
  gap.shards[1].route.range.start.high += 1;
  EXPECT_FALSE(Validate(gap).ok());
  BalancingSnapshot measured = snapshot;
  measured.shards[0].sample.candidates.resize(limits::kSplitCandidates + 1);
  EXPECT_FALSE(Validate(measured).ok());
  snapshot.config.policy = "none";
  EXPECT_FALSE(Validate(snapshot).ok());
}

TEST(TraceRecordTest, OtherBytesAreRefused) {
  const std::string bytes = Record(150).Encode();
  ExpectOtherLengthsRefused(bytes, TraceRecord::Decode);
  ExpectOtherVersionsRefused(bytes, TraceRecord::Decode);
  ExpectGarbageIsHarmless(bytes, TraceRecord::Decode);
}

TEST(LoadTraceTest, ComesBackWhole) {
  const std::string bytes =
      absl::StrCat(TraceHeader(), TraceFrame(Record(150)), TraceFrame(Record(10)));
  ASSERT_OK_AND_ASSIGN(const LoadTrace trace, LoadTrace::Decode(bytes));
  ASSERT_EQ(trace.records.size(), 2u);
  EXPECT_EQ(trace.records[0], Record(150));
  EXPECT_EQ(trace.records[1], Record(10));
  EXPECT_FALSE(trace.cut_short);
}

// Plan: frames of rounds at the most shards that are sampled, and one above; both come back, the
// second without samples, and of the decisions those that act.
TEST(LoadTraceTest, ARoundOfManyShardsHasNoSamples) {
  for (const size_t count : {limits::kTraceShardsSampled, limits::kTraceShardsSampled + 1}) {
    TraceRecord expected{SnapshotOf(std::vector<double>(count, 60)), {}};
    const std::vector<Decision> decisions = PlanOf(SnapshotOf({150, 60}));
    const std::string frame = TraceFrame(expected.snapshot, decisions);
    for (const Decision& decision : decisions) {
      if (decision.acts()) expected.acted.push_back(decision);
    }
    EXPECT_LT(expected.acted.size(), decisions.size());
    EXPECT_FALSE(expected.acted.empty());
    EXPECT_NE(expected.snapshot.shards[1].sample, SplitSample());
    if (count > limits::kTraceShardsSampled) {
      for (ShardSnapshot& shard : expected.snapshot.shards) shard.sample = SplitSample();
    }
    ASSERT_OK_AND_ASSIGN(const LoadTrace trace,
                         LoadTrace::Decode(absl::StrCat(TraceHeader(), frame)));
    ASSERT_EQ(trace.records.size(), 1u);
    EXPECT_TRUE(trace.records[0] == expected) << count;
  }
}

TEST(LoadTraceTest, WhatACrashLeavesIsReadWithoutItsEnd) {
  const std::string first = absl::StrCat(TraceHeader(), TraceFrame(Record(150)));
  const std::string bytes = absl::StrCat(first, TraceFrame(Record(10)));
  for (size_t length = first.size() + 1; length < bytes.size(); ++length) {
    ASSERT_OK_AND_ASSIGN(const LoadTrace trace, LoadTrace::Decode(bytes.substr(0, length)));
    EXPECT_EQ(trace.records.size(), 1u) << length;
    EXPECT_TRUE(trace.cut_short) << length;
  }
}

TEST(LoadTraceTest, DamageIsRefused) {
  const std::string header(TraceHeader());
  std::string flipped = header + TraceFrame(Record(150));
  flipped[flipped.size() / 2] ^= 1;
  BalancingSnapshot gap = SnapshotOf({1, 2});
  gap.shards[1].route.range.start.high += 1;
  const std::pair<const char*, std::string> rows[] = {
      {"empty", ""},
      {"another file", "hello"},
      {"another version", "shardd load trace 2\n"},
      {"a flipped bit", flipped},
      {"no record", header + Frame("x")},
      {"a gap in the table", header + TraceFrame(TraceRecord{gap, {}})},
      {"too large", header + Frame(std::string(limits::kTraceRecordBytesMax + 1, 'x'))},
  };
  for (const auto& [name, bytes] : rows) {
    EXPECT_THAT(LoadTrace::Decode(bytes), HasReason(Reason::kStorageCorrupt)) << name;
  }
}

TEST(LoadTraceTest, HasABoundedNumberOfRecords) {
  TraceRecord record{SnapshotOf({1}), {}};
  record.snapshot.shards[0].sample = SplitSample{};
  record.snapshot.shards[0].load.checks.clear();
  const std::string frame = TraceFrame(record);
  std::string bytes(TraceHeader());
  for (size_t i = 0; i < limits::kTraceRecordsMax; ++i) bytes += frame;
  EXPECT_THAT(LoadTrace::Decode(bytes), IsOk());
  EXPECT_THAT(LoadTrace::Decode(bytes + frame), HasReason(Reason::kStorageCorrupt));
}

}  // namespace
}  // namespace shardd
