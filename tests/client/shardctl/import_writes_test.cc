// Plan: records become writes; what is the same must get the same request_id and what differs
// another one, and no write may be larger than the daemon takes.
#include "client/shardctl/import_writes.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "client/shardctl/import_ledger.h"

namespace shardd::shardctl {
namespace {

Record Sample() {
  Record record;
  record.name_space = "shop";
  record.id = "cart";
  record.entries = {{"a", "1"}, {"b", "2"}};
  return record;
}

std::string IdOf(const Record& record, uint32_t earlier = 0, const WriteOptions& options = {}) {
  return WritesFor(record, earlier, options)[0].request_id();
}

TEST(ImportWritesTest, ReplacesTheWholeAccount) {
  const auto writes = WritesFor(Sample(), 0, {});
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_TRUE(writes[0].create_account());
  EXPECT_EQ(writes[0].account().id(), "cart");
  ASSERT_EQ(writes[0].mutations_size(), 3);
  EXPECT_TRUE(writes[0].mutations(0).has_delete_prefix());
  EXPECT_EQ(writes[0].mutations(0).delete_prefix(), "");
  EXPECT_EQ(writes[0].mutations(1).put().key(), "a");
}

TEST(ImportWritesTest, MergeDeletesNothing) {
  WriteOptions merge;
  merge.merge = true;
  const auto writes = WritesFor(Sample(), 0, merge);
  ASSERT_EQ(writes[0].mutations_size(), 2);
  EXPECT_TRUE(writes[0].mutations(0).has_put());
}

TEST(ImportWritesTest, TheSameContentHasTheSameRequestId) {
  EXPECT_EQ(IdOf(Sample()), IdOf(Sample()));
  EXPECT_EQ(IdOf(Sample()).size(), 32u);
  // The line does not count: the same record may move in its file.
  Record moved = Sample();
  moved.line = 99;
  EXPECT_EQ(IdOf(Sample()), IdOf(moved));
}

TEST(ImportWritesTest, AnythingElseHasAnotherRequestId) {
  std::set<std::string> ids = {IdOf(Sample())};
  Record record = Sample();
  record.id = "cart2";
  ids.insert(IdOf(record));
  record = Sample();
  record.name_space = "shopc";
  record.id = "art";
  ids.insert(IdOf(record));
  record = Sample();
  record.entries = {{"a", "1b"}, {"", "2"}};
  ids.insert(IdOf(record));
  record.entries = {{"a", "1"}};
  ids.insert(IdOf(record));
  record.entries = {};
  ids.insert(IdOf(record));
  ids.insert(IdOf(Sample(), 1));
  WriteOptions options;
  options.merge = true;
  ids.insert(IdOf(Sample(), 0, options));
  options.merge = false;
  options.run_id = "again";
  ids.insert(IdOf(Sample(), 0, options));
  EXPECT_EQ(ids.size(), 9u);
}

TEST(ImportWritesTest, OtherLabelsHaveAnotherRequestId) {
  const auto id_of = [](const Record& record) {
    return UpdateFor(record, WritesFor(record, 0, {}).back())->request_id();
  };
  EXPECT_FALSE(UpdateFor(Sample(), WritesFor(Sample(), 0, {})[0]).has_value());
  Record gold = Sample();
  gold.labels = std::map<std::string, std::string>{{"tier", "gold"}, {"note", "x"}};
  Record silver = gold;
  (*silver.labels)["tier"] = "silver";
  EXPECT_EQ(id_of(gold), id_of(gold));
  EXPECT_NE(id_of(gold), id_of(silver));
  EXPECT_NE(id_of(gold), IdOf(gold));
}

TEST(ImportWritesTest, SetsWhatTheRecordNames) {
  const auto update_for = [](const Record& record) {
    return *UpdateFor(record, WritesFor(record, 0, {}).back());
  };
  std::set<std::string> ids;
  Record record = Sample();
  record.labels.emplace();
  EXPECT_TRUE(IsDefault(update_for(record)));
  ids.insert(update_for(record).request_id());
  record.limits = RecordLimits{};
  record.frozen = false;
  EXPECT_TRUE(IsDefault(update_for(record)));
  ids.insert(update_for(record).request_id());
  record.limits->entries_max = 7;
  EXPECT_FALSE(IsDefault(update_for(record)));
  EXPECT_EQ(update_for(record).limits().entries_max(), 7u);
  ids.insert(update_for(record).request_id());
  record.frozen = true;
  EXPECT_EQ(update_for(record).state(), v1::ACCOUNT_STATE_FROZEN);
  EXPECT_TRUE(Sets(update_for(record), "state"));
  ids.insert(update_for(record).request_id());
  record.limits.reset();
  EXPECT_FALSE(Sets(update_for(record), "limits"));
  ids.insert(update_for(record).request_id());
  EXPECT_EQ(ids.size(), 5u);
}

TEST(ImportWritesTest, AFreshRequestIdIsOfOneRun) {
  EXPECT_EQ(FreshRequestId("r", 1), FreshRequestId("r", 1));
  EXPECT_NE(FreshRequestId("r", 1), FreshRequestId("r", 2));
  EXPECT_NE(FreshRequestId("r", 1), FreshRequestId("s", 1));
}

// A change of these ids would make a half-done import of an older shardctl start over.
TEST(ImportWritesTest, RequestIdsStayTheSameFromVersionToVersion) {
  EXPECT_EQ(IdOf(Sample()), "edd98419b5932f76c75087e82b723125");
}

TEST(ImportWritesTest, CutsWhatIsTooLargeForOneWrite) {
  Record record = Sample();
  record.entries.clear();
  for (int i = 0; i < 2500; ++i) record.entries.emplace_back("key" + std::to_string(i), "v");
  const auto many = WritesFor(record, 0, {});
  ASSERT_EQ(many.size(), 3u);
  std::set<std::string> ids;
  int puts = 0;
  for (const v1::ApplyRequest& write : many) {
    EXPECT_LE(write.mutations_size(), 1024);
    ids.insert(write.request_id());
    for (const v1::Mutation& mutation : write.mutations()) puts += mutation.has_put();
  }
  EXPECT_EQ(puts, 2500);
  EXPECT_EQ(ids.size(), 3u);
  EXPECT_FALSE(many[1].mutations(0).has_delete_prefix());

  record.entries.clear();
  for (int i = 0; i < 3; ++i) {
    record.entries.emplace_back("key" + std::to_string(i), std::string(1 << 20, 'x'));
  }
  const auto large = WritesFor(record, 0, {});
  ASSERT_EQ(large.size(), 3u);
  for (const v1::ApplyRequest& write : large) EXPECT_LT(write.ByteSizeLong(), 2u << 20);
}

TEST(ImportLedgerTest, TheHighestVersionWins) {
  ImportLedger ledger;
  const AccountKey key = KeyOf("debian", "bash");
  const auto version = [](const char* text) { return *DebianVersion::Parse(text); };
  EXPECT_EQ(ledger.Take(key, version("5.1")), 0u);
  EXPECT_FALSE(ledger.Take(key, version("5.0")).has_value());
  EXPECT_FALSE(ledger.Take(key, version("5.1")).has_value());
  EXPECT_EQ(ledger.Take(key, version("5.2")), 1u);
}

TEST(ImportLedgerTest, CountsAnAccountOnceAndKnowsWhatIsPending) {
  ImportLedger ledger;
  const AccountKey key = KeyOf("shop", "cart");
  EXPECT_FALSE(ledger.IsPending(key));
  for (int record = 0; record < 2; ++record) {
    ledger.MarkPending(key);
    EXPECT_TRUE(ledger.IsPending(key));
    ledger.MarkDone(key);
    EXPECT_FALSE(ledger.IsPending(key));
  }
  EXPECT_EQ(ledger.done(), 1u);
  ledger.MarkPending(key);
  ledger.MarkRefused(key);
  EXPECT_FALSE(ledger.IsPending(key));
  EXPECT_EQ(ledger.done(), 1u);
}

TEST(ImportLedgerTest, WithoutVersionsEveryRecordIsTaken) {
  ImportLedger ledger;
  const AccountKey key = KeyOf("shop", "cart");
  EXPECT_EQ(ledger.Take(key, std::nullopt), 0u);
  EXPECT_EQ(ledger.Take(key, std::nullopt), 1u);
}

TEST(ImportLedgerTest, NamesDoNotRunIntoEachOther) {
  EXPECT_FALSE(KeyOf("a", "bc") == KeyOf("ab", "c"));
}

}  // namespace
}  // namespace shardd::shardctl
