// Plan: fill the history by count and by bytes and ask for runs of revisions that are, and are no
// longer, complete.

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

}  // namespace
}  // namespace shardd
