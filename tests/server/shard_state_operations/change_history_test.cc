// Plan: fill the history by count and by bytes, take accounts out and add them elsewhere, and ask
// for runs of revisions that are, and are no longer, complete.

#include "server/shard_state_operations/change_history.h"

#include "gtest/gtest.h"

namespace shardd {
namespace {

AccountChange Change(uint64_t revision, size_t value_bytes = 0) {
  AccountChange change;
  change.revision = revision;
  if (value_bytes > 0) change.entries.push_back({"k", std::string(value_bytes, 'v')});
  return change;
}

constexpr size_t kManyBytes = size_t{1} << 20;

TEST(ChangeHistoryTest, FindsARunOfOneAccount) {
  ChangeHistory history(100, kManyBytes);
  for (uint64_t revision = 1; revision <= 4; ++revision) {
    history.Add("a", Change(revision));
    history.Add("b", Change(revision + 10));
  }
  const auto found = history.Find("a", 2, 4);
  ASSERT_TRUE(found.has_value());
  ASSERT_EQ(found->size(), 3u);
  EXPECT_EQ((*found)[0]->revision, 2u);
  EXPECT_EQ((*found)[2]->revision, 4u);
  EXPECT_FALSE(history.Find("a", 0, 4).has_value());
  EXPECT_FALSE(history.Find("a", 4, 5).has_value());
  EXPECT_FALSE(history.Find("c", 1, 1).has_value());
}

TEST(ChangeHistoryTest, BoundedByCount) {
  ChangeHistory history(3, kManyBytes);
  for (uint64_t revision = 1; revision <= 5; ++revision) history.Add("a", Change(revision));
  EXPECT_TRUE(history.Find("a", 3, 5).has_value());
  EXPECT_FALSE(history.Find("a", 2, 5).has_value());
}

// Plan: three changes of 1000 bytes fit, a fourth pushes the first out; one above the bound leaves
// nothing, and the next one fits again.
TEST(ChangeHistoryTest, BoundedByBytes) {
  const size_t one = 1020;  // a little more than what it takes with the names
  ChangeHistory history(100, 3 * one);
  for (uint64_t revision = 1; revision <= 4; ++revision) history.Add("a", Change(revision, 1000));
  EXPECT_TRUE(history.Find("a", 2, 4).has_value());
  EXPECT_FALSE(history.Find("a", 1, 4).has_value());
  history.Add("a", Change(5, 4 * one));
  EXPECT_FALSE(history.Find("a", 5, 5).has_value());
  history.Add("a", Change(6, 1000));
  EXPECT_TRUE(history.Find("a", 6, 6).has_value());
}

// Plan: a change with everything in it comes back as it was.
TEST(ChangeHistoryTest, KeepsAllOfAChange) {
  AccountChange change = Change(9);
  change.created = true;
  change.updated = true;
  change.entries = {{"a", "1"}, {"b", std::nullopt}, {"c", ""}};
  ChangeHistory history(100, kManyBytes);
  history.Add("account", change);
  const auto found = history.Find("account", 9, 9);
  ASSERT_TRUE(found.has_value());
  const AccountChange& kept = *found->front();
  EXPECT_TRUE(kept.created);
  EXPECT_FALSE(kept.deleted);
  EXPECT_TRUE(kept.updated);
  ASSERT_EQ(kept.entries.size(), 3u);
  EXPECT_EQ(kept.entries[0].value, "1");
  EXPECT_EQ(kept.entries[1].key, "b");
  EXPECT_FALSE(kept.entries[1].value.has_value());
  EXPECT_EQ(kept.entries[2].value, "");
}

// Plan: a name that was forgotten goes on above a gap; the gap is no complete run.
TEST(ChangeHistoryTest, AGapIsNoRun) {
  ChangeHistory history(100, kManyBytes);
  history.Add("a", Change(3));
  history.Add("a", Change(7));
  EXPECT_FALSE(history.Find("a", 3, 7).has_value());
  EXPECT_TRUE(history.Find("a", 7, 7).has_value());
}

// Plan: of three accounts two move; each history has its own, whole, and both go on.
TEST(ChangeHistoryTest, AccountsMoveWhole) {
  ChangeHistory left(100, kManyBytes);
  for (uint64_t revision = 1; revision <= 3; ++revision) {
    for (const char* account : {"a", "b", "c"}) left.Add(account, Change(revision));
  }
  ChangeHistory moved = left.Extract([](absl::string_view account) { return account != "b"; });
  EXPECT_FALSE(left.Find("a", 1, 1).has_value());
  EXPECT_TRUE(left.Find("b", 1, 3).has_value());
  EXPECT_FALSE(moved.Find("b", 1, 1).has_value());
  left.Add("b", Change(4));
  moved.Add("c", Change(4));
  EXPECT_TRUE(left.Find("b", 1, 4).has_value());
  const auto found = moved.Find("c", 1, 4);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->front()->revision, 1u) << "in order";
  EXPECT_TRUE(moved.Find("a", 1, 3).has_value());
}

TEST(ChangeHistoryTest, AppendedTheyAreFoundAgain) {
  ChangeHistory history(100, kManyBytes);
  history.Add("a", Change(1));
  ChangeHistory other(100, kManyBytes);
  other.Add("b", Change(5));
  other.Add("b", Change(6));
  history.Append(std::move(other));
  EXPECT_TRUE(history.Find("a", 1, 1).has_value());
  EXPECT_TRUE(history.Find("b", 5, 6).has_value());
}

// Plan: the bounds hold after something was appended, and count what was taken out no longer.
TEST(ChangeHistoryTest, BoundsHoldThroughMoves) {
  const size_t one = 1020;
  ChangeHistory history(3, 3 * one);
  for (uint64_t revision = 1; revision <= 3; ++revision) history.Add("a", Change(revision, 1000));
  ChangeHistory moved = history.Extract([](absl::string_view) { return true; });
  for (uint64_t revision = 1; revision <= 3; ++revision) history.Add("b", Change(revision, 1000));
  EXPECT_TRUE(history.Find("b", 1, 3).has_value()) << "there is room again";
  history.Append(std::move(moved));
  EXPECT_TRUE(history.Find("a", 1, 3).has_value());
  EXPECT_FALSE(history.Find("b", 3, 3).has_value()) << "the older ones go";
  ChangeHistory big(100, kManyBytes);
  big.Add("c", Change(1, 2 * one));
  history.Append(std::move(big));
  EXPECT_TRUE(history.Find("c", 1, 1).has_value());
  EXPECT_FALSE(history.Find("a", 1, 3).has_value());
}

}  // namespace
}  // namespace shardd
