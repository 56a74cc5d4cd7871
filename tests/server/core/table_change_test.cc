// Plan: hold the stored bytes of a change of the table against literals, refuse everything else,
// and follow shards back through splits, merges and rehomes.

#include "server/core/table_change.h"

#include "gtest/gtest.h"
#include "server/routing/table_edits.h"
#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

constexpr storage::Family kTableHome{1};

// Shard 300 is split at (1, 2) into itself and shard 301.
TableChange Split() {
  TableChange change;
  change.time = absl::FromUnixMicros(1);
  change.kind = OperationKind::kSplit;
  change.operation = OperationId{300};
  change.diff.epoch = TableEpoch{5};
  change.diff.removed = {{ShardId{300}, {kFirstRoutingKey, std::nullopt}, kTableHome}};
  change.diff.added = {{ShardId{300}, {kFirstRoutingKey, RoutingKey{1, 2}}, kTableHome},
                       {ShardId{301}, {RoutingKey{1, 2}, std::nullopt}, storage::Family{9999}}};
  return change;
}

TEST(TableChangeTest, StoredBytes) {
  // version, time, kind, operation, epoch; rows that went, rows that came: shard, home, start, end
  EXPECT_EQ(Hex(Split().Encode()),
            "01"
            "02"
            "02"
            "ac02"
            "05"
            "01"
            "ac02"
            "01"
            "00000000000000000000000000000000"
            "00"
            "02"
            "ac02"
            "01"
            "00000000000000000000000000000000"
            "10"
            "00000000000000010000000000000002"
            "ad02"
            "8f4e"
            "00000000000000010000000000000002"
            "00");
  EXPECT_EQ(Hex(TableChangeKey(TableEpoch{5})),
            "6368616e67652f"
            "0000000000000005");
}

TEST(TableChangeTest, ComesBack) {
  for (const OperationKind kind :
       {OperationKind::kSplit, OperationKind::kMerge, OperationKind::kRehome}) {
    TableChange change = Split();
    change.kind = kind;
    ASSERT_OK_AND_ASSIGN(const TableChange decoded, TableChange::Decode(change.Encode()));
    EXPECT_EQ(decoded.time, change.time);
    EXPECT_EQ(decoded.kind, kind);
    EXPECT_EQ(decoded.operation, change.operation);
    EXPECT_EQ(decoded.diff.epoch, change.diff.epoch);
    EXPECT_EQ(decoded.diff.removed, change.diff.removed);
    EXPECT_EQ(decoded.diff.added, change.diff.added);
  }
}

TEST(TableChangeTest, RefusesOtherBytes) {
  const std::string bytes = Split().Encode();
  ExpectOtherLengthsRefused(bytes, TableChange::Decode);
  ExpectOtherVersionsRefused(bytes, TableChange::Decode);
  ExpectGarbageIsHarmless(bytes, TableChange::Decode);
  const auto refused = [](auto edit) {
    TableChange change = Split();
    edit(change);
    EXPECT_THAT(TableChange::Decode(change.Encode()), HasReason(Reason::kStorageCorrupt));
  };
  refused([](TableChange& change) { change.diff.added[0].shard = ShardId{0}; });
  refused([](TableChange& change) { change.diff.removed[0].home = storage::Family{0}; });
  refused([](TableChange& c) { c.kind = OperationKind::kDeleteNamespace; });
  refused([](TableChange& c) { c.kind = OperationKind::kVerify; });
  refused([](TableChange& c) { c.diff.epoch = TableEpoch{0}; });
  refused([](TableChange& c) { c.diff.added[0].home = storage::Family{10'000}; });
  // An end of 15 bytes.
  std::string short_end = bytes;
  const size_t at = short_end.find('\x10');
  ASSERT_NE(at, std::string::npos);
  short_end[at] = 15;
  short_end.erase(at + 1, 1);
  EXPECT_THAT(TableChange::Decode(short_end), HasReason(Reason::kStorageCorrupt));
}

// A table and how it came about.
class LineageTest : public testing::Test {
 protected:
  void Became(OperationKind kind, absl::StatusOr<RouteTable> after) {
    ASSERT_THAT(after, IsOk());
    auto change = std::make_shared<TableChange>();
    change->kind = kind;
    change->diff = Diff(table_, *after);
    lineage_.push_back(std::move(change));
    table_ = *std::move(after);
  }
  void Split(uint64_t shard, uint64_t at, uint64_t child) {
    Became(OperationKind::kSplit,
           WithSplit(table_, ShardId{shard}, RoutingKey{at, 0}, ShardId{child}));
  }
  void Merge(uint64_t survivor, uint64_t ended) {
    Became(OperationKind::kMerge, WithMerge(table_, ShardId{survivor}, ShardId{ended}));
  }
  void Move(uint64_t shard, uint32_t home) {
    Became(OperationKind::kRehome, WithHome(table_, ShardId{shard}, storage::Family{home}));
  }
  // Epochs of the changes that made it what it is.
  std::vector<uint64_t> EpochsOf(uint64_t shard) const {
    std::vector<uint64_t> epochs;
    for (const auto& change : LineageOf(lineage_, ShardId{shard})) {
      epochs.push_back(change->diff.epoch.value);
    }
    return epochs;
  }

  RouteTable table_ = RouteTable::Uniform(1, kTableHome);
  Lineage lineage_;
};

using Epochs = std::vector<uint64_t>;

TEST_F(LineageTest, NothingChanged) { EXPECT_EQ(EpochsOf(1), Epochs()); }

// Plan: what happens to a child after it left its parent is not the parent's.
TEST_F(LineageTest, BackThroughSplits) {
  Split(1, 100, 2);  // 2
  Split(2, 200, 3);  // 3
  Split(1, 50, 4);   // 4
  Move(3, 2);        // 5
  EXPECT_EQ(EpochsOf(1), (Epochs{4, 2}));
  EXPECT_EQ(EpochsOf(2), (Epochs{3, 2}));
  EXPECT_EQ(EpochsOf(3), (Epochs{5, 3, 2}));
  EXPECT_EQ(EpochsOf(4), (Epochs{4, 2}));
  EXPECT_EQ(EpochsOf(5), Epochs()) << "never was";
}

// Plan: a merge brings the past of both, and nothing of others.
TEST_F(LineageTest, BackThroughMerges) {
  Split(1, 100, 2);  // 2
  Split(2, 200, 3);  // 3
  Move(2, 2);        // 4
  Move(2, 1);        // 5
  Move(3, 3);        // 6
  Merge(1, 2);       // 7
  EXPECT_EQ(EpochsOf(1), (Epochs{7, 5, 4, 3, 2}));
  EXPECT_EQ(EpochsOf(3), (Epochs{6, 3, 2}));
  EXPECT_EQ(EpochsOf(2), (Epochs{7, 5, 4, 3, 2})) << "how it ended, too";
}

}  // namespace
}  // namespace shardd
