// Plan: fill one account, with neighbours that a careless bound would let in, and compare scans of
// every shape with a filter over the sorted keys.

#include "server/shard_state_operations/shard_reader.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "server/base/random.h"
#include "server/shard_state_operations/account_cursor.h"
#include "tests/support/shard_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

const AccountRef kReadAccount{"ns", "account"};

class ShardReaderTest : public ShardFixture {
 protected:
  void Fill(const AccountRef& ref, const std::vector<std::string>& keys) {
    ApplyRequest request{.account = ref, .create_account = true};
    for (const std::string& key : keys) request.mutations.push_back(Put{key, "v:" + key});
    ASSERT_THAT(Apply(std::move(request)), IsOk());
  }

  absl::StatusOr<ScanResult> Scan(const ScanRequest& request) {
    return ShardReader(store(), kTestHome).Scan(request);
  }

  // All pages one after the other.
  std::vector<std::string> ScanAll(ScanRequest request) {
    std::vector<std::string> keys;
    for (int pages = 0; pages < 1000; ++pages) {
      const absl::StatusOr<ScanResult> page = Scan(request);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) break;
      for (const Entry& entry : page->entries) {
        keys.push_back(entry.key);
        EXPECT_EQ(entry.value, request.keys_only ? "" : "v:" + entry.key);
      }
      if (page->next_page_token.empty()) return keys;
      EXPECT_FALSE(page->entries.empty());
      request.page_token = page->next_page_token;
    }
    ADD_FAILURE() << "pages without end";
    return keys;
  }
};

// Plan: 300 random queries over keys with 0x00 and 0xff in them, in pages of 1 to 5.
TEST_F(ShardReaderTest, ScansAreAFilterOverSortedKeys) {
  Random random(3);
  const std::string letters("\0a\xff", 3);
  const auto word = [&](uint64_t length_max) {
    std::string text;
    for (uint64_t i = random.Below(length_max + 1); i > 0; --i) text += letters[random.Below(3)];
    return text;
  };
  std::set<std::string> keys;
  while (keys.size() < 60) keys.insert("a" + word(5)), keys.insert("\xff" + word(3));
  Fill(kReadAccount, {keys.begin(), keys.end()});
  Fill({"ns", "accounu"}, {"a", "\xff"});
  Fill({"ns", "accoun"}, {"ta", "\xff"});
  for (int round = 0; round < 300; ++round) {
    ScanRequest request{.account = kReadAccount};
    if (!random.OneIn(3)) request.prefix = word(3);
    if (!random.OneIn(3)) request.start = word(3);
    if (!random.OneIn(3)) request.end = word(3);
    request.reverse = random.OneIn(2);
    request.keys_only = random.OneIn(4);
    request.page_size = 1 + random.Below(5);
    std::vector<std::string> expected;
    for (const std::string& key : keys) {
      if (absl::StartsWith(key, request.prefix) && key >= request.start &&
          (request.end.empty() || key < request.end)) {
        expected.push_back(key);
      }
    }
    if (request.reverse) std::reverse(expected.begin(), expected.end());
    ASSERT_EQ(ScanAll(request), expected) << "round " << round;
  }
}

TEST_F(ShardReaderTest, PageSizes) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < limits::kPageSizeMax + 1; ++i) keys.push_back(absl::StrCat(1'000'000 + i));
  Fill(kReadAccount, {keys.begin(), keys.begin() + limits::kMutationsMax / 2});
  Fill(kReadAccount, {keys.begin() + limits::kMutationsMax / 2, keys.end()});
  ASSERT_OK_AND_ASSIGN(const ScanResult by_default, Scan({.account = kReadAccount}));
  EXPECT_EQ(by_default.entries.size(), limits::kPageSizeDefault);
  EXPECT_FALSE(by_default.next_page_token.empty());
  ASSERT_OK_AND_ASSIGN(const ScanResult largest, Scan({.account = kReadAccount, .page_size = 1'000'000}));
  EXPECT_EQ(largest.entries.size(), limits::kPageSizeMax);
  ASSERT_OK_AND_ASSIGN(const ScanResult rest,
                       Scan({.account = kReadAccount, .page_token = largest.next_page_token}));
  EXPECT_EQ(rest.entries.size(), 1u);
  EXPECT_TRUE(rest.next_page_token.empty());
}

TEST_F(ShardReaderTest, APageThatEndsWithTheLastEntryHasNoToken) {
  Fill(kReadAccount, {"a", "b"});
  for (const bool reverse : {false, true}) {
    ASSERT_OK_AND_ASSIGN(const ScanResult page,
                         Scan({.account = kReadAccount, .reverse = reverse, .page_size = 2}));
    EXPECT_EQ(page.entries.size(), 2u);
    EXPECT_TRUE(page.next_page_token.empty());
    EXPECT_EQ(page.revision, 1u);
  }
}

// Plan: values of 300 KiB: the page ends with the one that reaches 1 MiB. Without values it goes
// on.
TEST_F(ShardReaderTest, APageEndsAtItsBytes) {
  for (const char* key : {"a", "b", "c", "d", "e", "f"}) {
    ASSERT_THAT(PutEntry(kReadAccount, key, std::string(300 << 10, 'v')), IsOk());
  }
  ASSERT_OK_AND_ASSIGN(const ScanResult page, Scan({.account = kReadAccount}));
  EXPECT_EQ(page.entries.size(), 4u);
  EXPECT_FALSE(page.next_page_token.empty());
  ASSERT_OK_AND_ASSIGN(const ScanResult rest,
                       Scan({.account = kReadAccount, .page_token = page.next_page_token}));
  EXPECT_EQ(rest.entries.size(), 2u);
  ASSERT_OK_AND_ASSIGN(const ScanResult keys, Scan({.account = kReadAccount, .keys_only = true}));
  EXPECT_EQ(keys.entries.size(), 6u);
}

TEST_F(ShardReaderTest, ATokenIsGoodForItsQueryOnly) {
  Fill(kReadAccount, {"a", "b", "c"});
  Fill({"ns", "other"}, {"a", "b"});
  const ScanRequest query{.account = kReadAccount, .prefix = "", .page_size = 1};
  ASSERT_OK_AND_ASSIGN(const ScanResult page, Scan(query));
  const auto edited = [&](auto edit) {
    ScanRequest request = query;
    request.page_token = page.next_page_token;
    edit(request);
    return request;
  };
  const struct {
    const char* name;
    ScanRequest request;
    bool good;
  } rows[] = {
      {"the same", edited([](ScanRequest&) {}), true},
      {"another page size", edited([](ScanRequest& r) { r.page_size = 2; }), true},
      {"another account", edited([](ScanRequest& r) { r.account.id = "other"; }), false},
      {"a prefix", edited([](ScanRequest& r) { r.prefix = "a"; }), false},
      {"a start", edited([](ScanRequest& r) { r.start = "a"; }), false},
      {"an end", edited([](ScanRequest& r) { r.end = "z"; }), false},
      {"the other direction", edited([](ScanRequest& r) { r.reverse = true; }), false},
      {"without values", edited([](ScanRequest& r) { r.keys_only = true; }), false},
      {"a garbled token", edited([](ScanRequest& r) { r.page_token[3] ^= 1; }), false},
  };
  for (const auto& row : rows) {
    if (row.good) {
      EXPECT_THAT(Scan(row.request), IsOk()) << row.name;
    } else {
      EXPECT_THAT(Scan(row.request), HasReason(Reason::kInvalidPageToken)) << row.name;
    }
  }
}

// Plan: delete and insert around the place a token names; nothing is shown twice or skipped.
TEST_F(ShardReaderTest, ATokenSurvivesChangesAroundIt) {
  Fill(kReadAccount, {"a", "c", "e"});
  ASSERT_OK_AND_ASSIGN(const ScanResult page, Scan({.account = kReadAccount, .page_size = 2}));
  ASSERT_THAT(Apply({.account = kReadAccount, .mutations = {Delete{"c"}, Put{"b", ""}, Put{"d", ""}}}),
              IsOk());
  ASSERT_OK_AND_ASSIGN(const ScanResult rest,
                       Scan({.account = kReadAccount, .page_size = 5, .page_token = page.next_page_token}));
  ASSERT_EQ(rest.entries.size(), 2u);
  EXPECT_EQ(rest.entries[0].key, "d");
  EXPECT_EQ(rest.entries[1].key, "e");
}

TEST_F(ShardReaderTest, ReadsOfMissingAccounts) {
  ASSERT_THAT(CreateAccount({.account = {"ns", "empty"}}), IsOk());
  Fill({"ns", "gone"}, {"a"});
  ASSERT_THAT(DeleteAccount({.account = {"ns", "gone"}}), IsOk());
  for (const char* id : {"never", "gone"}) {
    const AccountRef ref{"ns", id};
    EXPECT_THAT(Scan({.account = ref}), HasReason(Reason::kAccountNotFound)) << id;
    EXPECT_THAT(GetFromStore(store(), kTestHome, {ref, {"a"}}), HasReason(Reason::kAccountNotFound))
        << id;
    EXPECT_THAT(GetAccountFrom(store(), kTestHome, ref), HasReason(Reason::kAccountNotFound)) << id;
  }
  ASSERT_OK_AND_ASSIGN(const ScanResult page, Scan({.account = {"ns", "empty"}}));
  EXPECT_TRUE(page.entries.empty());
  ASSERT_OK_AND_ASSIGN(const GetResult one,
                       GetFromStore(store(), kTestHome, {{"ns", "empty"}, {"a"}}));
  EXPECT_EQ(one.missing_keys, std::vector<std::string>{"a"});
}

TEST_F(ShardReaderTest, GetKeepsTheOrderAskedFor) {
  Fill(kReadAccount, {"a", "b", "c"});
  for (const bool from_store : {true, false}) {
    const GetRequest request{kReadAccount, {"c", "x", "a", "y", "c"}};
    ASSERT_OK_AND_ASSIGN(const GetResult result,
                         from_store ? GetFromStore(store(), kTestHome, request)
                                    : ShardReader(store(), kTestHome).Get(request));
    const std::vector<Entry> expected = {{"c", "v:c", 1}, {"a", "v:a", 1}, {"c", "v:c", 1}};
    EXPECT_EQ(result.entries, expected);
    EXPECT_EQ(result.missing_keys, (std::vector<std::string>{"x", "y"}));
  }
}

TEST_F(ShardReaderTest, UnreadableRecordsAreErrors) {
  Fill(kReadAccount, {"a"});
  const AccountKeys keys(kReadAccount);
  const auto spoil = [&](const std::string& key) {
    storage::WriteSet writes;
    writes.Put(kTestHome, key, "garbage");
    ASSERT_THAT(store().Commit(writes), IsOk());
  };
  spoil(keys.Key(RecordType::kEntry, "a"));
  EXPECT_THAT(Scan({.account = kReadAccount}), HasReason(Reason::kStorageCorrupt));
  EXPECT_THAT(GetFromStore(store(), kTestHome, {kReadAccount, {"a"}}), HasReason(Reason::kStorageCorrupt));
  spoil(keys.Key(RecordType::kAccount));
  EXPECT_THAT(GetAccountFrom(store(), kTestHome, kReadAccount), HasReason(Reason::kStorageCorrupt));
  EXPECT_THAT(ShardReader(store(), kTestHome).ReadOutcomeOrder(keys, 1),
              HasReason(Reason::kStorageCorrupt));
  AccountCursor cursor(store(), kTestHome, whole_.range);
  EXPECT_FALSE(cursor.Next());
  EXPECT_THAT(cursor.status(), HasReason(Reason::kStorageCorrupt));
  EXPECT_FALSE(cursor.Next());
}

// Plan: walk from every position; each account is shown once, entries and outcomes between them
// never, deleted ones that left a record too.
TEST_F(ShardReaderTest, ACursorShowsEachAccountOnce) {
  std::set<AccountRef> refs;
  for (int i = 0; i < 40; ++i) {
    const AccountRef ref{i % 3 == 0 ? "" : "ns", absl::StrCat("id", i)};
    ASSERT_THAT(PutEntry(ref, "k", "v", /*request_id=*/"r"), IsOk());
    refs.insert(ref);
  }
  ASSERT_THAT(DeleteAccount({.account = *refs.begin()}), IsOk());
  std::vector<std::string> positions = {""};
  std::set<AccountRef> seen;
  AccountCursor cursor(store(), kTestHome, whole_.range);
  while (cursor.Next()) {
    EXPECT_TRUE(seen.insert(cursor.account().ref).second);
    EXPECT_EQ(cursor.account().record.exists(), cursor.account().ref != *refs.begin());
    positions.push_back(cursor.position());
  }
  EXPECT_THAT(cursor.status(), IsOk());
  EXPECT_EQ(seen, refs);
  for (size_t i = 0; i < positions.size(); ++i) {
    AccountCursor resumed(store(), kTestHome, whole_.range, positions[i]);
    size_t left = 0;
    while (resumed.Next()) ++left;
    EXPECT_EQ(left, refs.size() - i);
  }
}

}  // namespace
}  // namespace shardd
