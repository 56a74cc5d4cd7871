// Plan: split, merge and move rows of a small table, look at every row that comes out, and ask for
// each edit that is not possible.

#include "server/routing/table_edits.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr storage::Family kEditedHome{1};
constexpr storage::Family kOther{2};
constexpr RoutingKey kFirst{10, 0};
constexpr RoutingKey kSecond{20, 5};

// Shards 1, 2 and 3 with bounds at kFirst and kSecond, at epoch 7.
RouteTable Table() {
  absl::StatusOr<RouteTable> table =
      RouteTable::Make(TableEpoch{7}, {{ShardId{1}, {kFirstRoutingKey, kFirst}, kEditedHome},
                                       {ShardId{2}, {kFirst, kSecond}, kEditedHome},
                                       {ShardId{3}, {kSecond, std::nullopt}, kEditedHome}});
  EXPECT_THAT(table, IsOk());
  return *std::move(table);
}

TEST(TableEditsTest, ASplitKeepsTheLowerPart) {
  const RoutingKey at{15, 0};
  ASSERT_OK_AND_ASSIGN(const RouteTable after, WithSplit(Table(), ShardId{2}, at, ShardId{9}));
  EXPECT_EQ(after.epoch(), TableEpoch{8});
  EXPECT_EQ(after.routes(), (std::vector<Route>{{ShardId{1}, {kFirstRoutingKey, kFirst}, kEditedHome},
                                                {ShardId{2}, {kFirst, at}, kEditedHome},
                                                {ShardId{9}, {at, kSecond}, kEditedHome},
                                                {ShardId{3}, {kSecond, std::nullopt}, kEditedHome}}));
}

TEST(TableEditsTest, TheLastShardIsSplitToTheEnd) {
  ASSERT_OK_AND_ASSIGN(const RouteTable after,
                       WithSplit(Table(), ShardId{3}, kLastRoutingKey, ShardId{9}));
  EXPECT_EQ(after.routes().back(), (Route{ShardId{9}, {kLastRoutingKey, std::nullopt}, kEditedHome}));
  EXPECT_EQ(after.routes()[2].range.end, kLastRoutingKey);
}

// Plan: the smallest and the largest key that are inside, and their neighbours that are not.
TEST(TableEditsTest, ASplitIsInsideTheRange) {
  const auto at = [](RoutingKey key) {
    return WithSplit(Table(), ShardId{2}, key, ShardId{9}).status();
  };
  EXPECT_THAT(at(kFirst), HasReason(Reason::kCannotSplit)) << "nothing would be left";
  EXPECT_THAT(at({10, 1}), IsOk());
  EXPECT_THAT(at({20, 4}), IsOk());
  EXPECT_THAT(at(kSecond), HasReason(Reason::kCannotSplit));
  EXPECT_THAT(at(kFirstRoutingKey), HasReason(Reason::kCannotSplit));
  EXPECT_THAT(at(kLastRoutingKey), HasReason(Reason::kCannotSplit));
  const absl::Status first = WithSplit(Table(), ShardId{1}, kFirstRoutingKey, ShardId{9}).status();
  EXPECT_THAT(first, HasReason(Reason::kCannotSplit));
}

TEST(TableEditsTest, AMergeTakesOverFromEitherSide) {
  ASSERT_OK_AND_ASSIGN(const RouteTable up, WithMerge(Table(), ShardId{1}, ShardId{2}));
  EXPECT_EQ(up.epoch(), TableEpoch{8});
  EXPECT_EQ(up.routes(), (std::vector<Route>{{ShardId{1}, {kFirstRoutingKey, kSecond}, kEditedHome},
                                             {ShardId{3}, {kSecond, std::nullopt}, kEditedHome}}));
  ASSERT_OK_AND_ASSIGN(const RouteTable down, WithMerge(Table(), ShardId{3}, ShardId{2}));
  EXPECT_EQ(down.routes(), (std::vector<Route>{{ShardId{1}, {kFirstRoutingKey, kFirst}, kEditedHome},
                                               {ShardId{3}, {kFirst, std::nullopt}, kEditedHome}}));
}

TEST(TableEditsTest, AMergeUndoesASplit) {
  ASSERT_OK_AND_ASSIGN(const RouteTable split, WithSplit(Table(), ShardId{2}, {15, 0}, ShardId{9}));
  ASSERT_OK_AND_ASSIGN(const RouteTable merged, WithMerge(split, ShardId{2}, ShardId{9}));
  EXPECT_EQ(merged.routes(), Table().routes());
  EXPECT_EQ(merged.epoch(), TableEpoch{9});
}

TEST(TableEditsTest, OnlyNeighboursMerge) {
  const auto merge = [](uint64_t survivor, uint64_t ended) {
    return WithMerge(Table(), ShardId{survivor}, ShardId{ended}).status();
  };
  EXPECT_THAT(merge(1, 3), HasReason(Reason::kNotNeighbours));
  EXPECT_THAT(merge(3, 1), HasReason(Reason::kNotNeighbours));
  EXPECT_THAT(merge(2, 2), HasReason(Reason::kNotNeighbours)) << "not with itself";
}

TEST(TableEditsTest, AHomeIsOneRowsOnly) {
  ASSERT_OK_AND_ASSIGN(const RouteTable after, WithHome(Table(), ShardId{2}, kOther));
  EXPECT_EQ(after.epoch(), TableEpoch{8});
  std::vector<Route> expected = Table().routes();
  expected[1].home = kOther;
  EXPECT_EQ(after.routes(), expected);
  EXPECT_THAT(WithHome(after, ShardId{2}, kOther), HasReason(Reason::kAlreadyThere));
}

TEST(TableEditsTest, ShardsThatAreNotThere) {
  const ShardId none{4};
  EXPECT_THAT(WithSplit(Table(), none, {15, 0}, ShardId{9}), HasReason(Reason::kShardNotFound));
  EXPECT_THAT(WithMerge(Table(), none, ShardId{1}), HasReason(Reason::kShardNotFound));
  EXPECT_THAT(WithMerge(Table(), ShardId{1}, none), HasReason(Reason::kShardNotFound));
  EXPECT_THAT(WithHome(Table(), none, kOther), HasReason(Reason::kShardNotFound));
  EXPECT_THAT(ShardNotFound(none).message(), testing::HasSubstr("s-0004"));
}

}  // namespace
}  // namespace shardd
