// Plan: store accounts of several namespaces over several homes, then walk them in pages of every
// size: each account is found once, in order, whatever lies between.

#include "server/shard_state_operations/account_walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/account/record_key.h"
#include "server/base/error.h"
#include "server/shard_state_operations/records.h"
#include "storage/memory_store.h"

namespace shardd {
namespace {

// Three shards, the outer two in one home.
RouteTable ThreeRoutes() {
  const RoutingKey third{UINT64_MAX / 3, 0};
  const RoutingKey two_thirds{UINT64_MAX / 3 * 2, 0};
  absl::StatusOr<RouteTable> table =
      RouteTable::Make(TableEpoch{1}, {{ShardId{1}, {kFirstRoutingKey, third}, {1}},
                                       {ShardId{2}, {third, two_thirds}, {2}},
                                       {ShardId{3}, {two_thirds, std::nullopt}, {1}}});
  EXPECT_TRUE(table.ok()) << table.status();
  return *std::move(table);
}

class AccountWalkTest : public testing::Test {
 protected:
  AccountWalkTest() : table_(ThreeRoutes()) {
    EXPECT_TRUE(store_.CreateHome({1}).ok());
    EXPECT_TRUE(store_.CreateHome({2}).ok());
  }

  storage::Family HomeOf(const AccountRef& ref) { return table_.Find(ref.routing_key()).home; }

  void Store(const AccountRef& ref, int entries, AccountState state = AccountState::kActive) {
    const AccountKeys keys(ref);
    AccountRecord record;
    record.state = state;
    record.revision = 1;
    storage::WriteSet writes;
    writes.Put(HomeOf(ref), keys.Key(RecordType::kAccount), record.Encode());
    for (int i = 0; i < entries; ++i) {
      writes.Put(HomeOf(ref), keys.Key(RecordType::kEntry, absl::StrCat("k", i)),
                 EntryRecord{.revision = 1, .value = "value"}.Encode());
    }
    ASSERT_TRUE(store_.Commit(writes).ok());
  }

  // All accounts, read in pages; every page but the last must name where it ended.
  std::vector<AccountRef> Walk(AccountPageQuery query) {
    std::vector<AccountRef> found;
    for (int pages = 0; pages < 10'000; ++pages) {
      absl::StatusOr<AccountPage> page = ReadAccountPage(store_, table_, query);
      EXPECT_TRUE(page.ok()) << page.status();
      EXPECT_LE(page->accounts.size(), query.accounts_max);
      for (AccountResult& account : page->accounts) found.push_back(std::move(account.account));
      if (page->next_position.empty()) return found;
      query.position = page->next_position;
    }
    ADD_FAILURE() << "the walk does not end";
    return found;
  }

  static std::vector<AccountRef> InOrder(std::vector<AccountRef> refs) {
    std::sort(refs.begin(), refs.end(), [](const AccountRef& a, const AccountRef& b) {
      return AccountKeys(a).Key(RecordType::kAccount) < AccountKeys(b).Key(RecordType::kAccount);
    });
    return refs;
  }

  RouteTable table_;
  storage::MemoryStore store_;
};

TEST_F(AccountWalkTest, FindsEachAccountOnceWhateverThePageSize) {
  std::vector<AccountRef> of_a;
  std::vector<AccountRef> without;
  std::vector<AccountRef> all;
  for (int i = 0; i < 40; ++i) {
    of_a.push_back({"a", absl::StrCat("id-", i)});
    without.push_back({"", absl::StrCat("free-", i)});
    all.push_back({absl::StrCat("n", i), "only"});
    Store(of_a.back(), i % 4);
    Store(without.back(), i % 3);
    Store(all.back(), 1);
    Store({"a", absl::StrCat("gone-", i)}, 0, AccountState::kDeleted);
  }
  all.insert(all.end(), of_a.begin(), of_a.end());
  all.insert(all.end(), without.begin(), without.end());
  for (const size_t size : {size_t{1}, size_t{3}, size_t{40}, size_t{1000}}) {
    for (const size_t examined_max : {size_t{1}, size_t{7}, size_t{4096}}) {
      SCOPED_TRACE(absl::StrCat("size ", size, ", examined ", examined_max));
      const AccountPageQuery query{.accounts_max = size, .examined_max = examined_max};
      AccountPageQuery query_a = query;
      query_a.name_space = "a";
      AccountPageQuery query_without = query;
      query_without.name_space = "";
      EXPECT_EQ(Walk(query), InOrder(all));
      EXPECT_EQ(Walk(query_a), InOrder(of_a));
      EXPECT_EQ(Walk(query_without), InOrder(without));
    }
  }
}

TEST_F(AccountWalkTest, FirstPositionIsBeforeAll) {
  Store({"a", "x"}, 1);
  EXPECT_FALSE(FirstPosition().empty());
  EXPECT_EQ(Walk({.position = FirstPosition()}).size(), 1u);
}

TEST_F(AccountWalkTest, PositionStaysGoodWhenItsAccountIsGone) {
  std::vector<AccountRef> refs;
  for (int i = 0; i < 5; ++i) {
    refs.push_back({"a", absl::StrCat(i)});
    Store(refs.back(), 0);
  }
  refs = InOrder(refs);
  storage::WriteSet writes;
  writes.Delete(HomeOf(refs[1]), AccountKeys(refs[1]).Key(RecordType::kAccount));
  ASSERT_TRUE(store_.Commit(writes).ok());
  const std::vector<AccountRef> rest = Walk({.name_space = "a", .position = PositionOf(refs[1])});
  EXPECT_EQ(rest, std::vector<AccountRef>(refs.begin() + 2, refs.end()));
}

TEST_F(AccountWalkTest, PageEndsAtItsBytes) {
  AccountRecord record;
  record.revision = 1;
  for (size_t i = 0; i < limits::kAccountLabelsMax; ++i) {
    record.labels[absl::StrCat("label-", i)] = std::string(limits::kLabelValueBytesMax, 'v');
  }
  storage::WriteSet writes;
  for (int i = 0; i < 200; ++i) {
    const AccountRef ref{"a", absl::StrCat(i)};
    writes.Put(HomeOf(ref), AccountKeys(ref).Key(RecordType::kAccount), record.Encode());
  }
  ASSERT_TRUE(store_.Commit(writes).ok());
  const absl::StatusOr<AccountPage> page =
      ReadAccountPage(store_, table_, {.name_space = "a", .accounts_max = limits::kPageSizeMax});
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_LT(page->accounts.size(), 200u);
  EXPECT_FALSE(page->next_position.empty());
  EXPECT_EQ(Walk({.name_space = "a", .accounts_max = limits::kPageSizeMax}).size(), 200u);
}

TEST_F(AccountWalkTest, EntriesComeInParts) {
  const AccountRef ref{"a", "x"};
  Store(ref, 10);
  Store({"a", "y"}, 10);
  std::vector<std::string> keys;
  std::string after;
  bool more = true;
  while (more) {
    const absl::StatusOr<EntryPage> page = ReadEntries(store_, HomeOf(ref), ref, after, 12);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_FALSE(page->entries.empty());
    EXPECT_LE(page->entries.size(), 2u);
    for (const Entry& entry : page->entries) keys.push_back(entry.key);
    after = keys.back();
    more = page->more;
  }
  EXPECT_EQ(keys.size(), 10u);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST_F(AccountWalkTest, DamagedRecordIsSaidSo) {
  const AccountRef ref{"a", "x"};
  storage::WriteSet writes;
  writes.Put(HomeOf(ref), AccountKeys(ref).Key(RecordType::kAccount), "damage");
  ASSERT_TRUE(store_.Commit(writes).ok());
  EXPECT_EQ(ReasonOf(ReadAccountPage(store_, table_, {}).status()), Reason::kStorageCorrupt);
}

}  // namespace
}  // namespace shardd
