// Plan: run one request at a time through a shard and look at the answer, at what is stored and at
// the counts; random requests are compared with a map.

#include "server/shard_state_operations/staged_account.h"

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "server/base/random.h"
#include "tests/support/shard_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

const AccountRef kStagedAccount{"ns", "account"};

class StagedAccountTest : public ShardFixture {
 protected:
  absl::StatusOr<ApplyResult> Mutate(std::vector<Mutation> mutations) {
    return Apply({.account = kStagedAccount, .create_account = true, .mutations = std::move(mutations)});
  }
  absl::StatusOr<ApplyResult> Check(std::vector<Precondition> preconditions) {
    return Apply({.account = kStagedAccount, .preconditions = std::move(preconditions)});
  }
  std::string Value(const std::string& key) { return ValueOf(kStagedAccount, key); }
};

TEST_F(StagedAccountTest, EachMutationSeesWhatCameBefore) {
  ASSERT_THAT(PutEntry(kStagedAccount, "ab", "stored"), IsOk());
  ASSERT_OK_AND_ASSIGN(
      const ApplyResult result,
      Mutate({Put{"aa", "x"}, Append{"aa", "yz"}, AddInteger{"n", 5}, AddInteger{"n", -7},
              DeletePrefix{"a"}, Append{"aa", "!"}, Delete{"n"}, Delete{"n"}, AddInteger{"n", 1}}));
  const std::vector<MutationResult> expected = {{},
                                                {.length = 3},
                                                {.integer = 5},
                                                {.integer = -2},
                                                {.deleted = 2},
                                                {.length = 1},
                                                {.deleted = 1},
                                                {},
                                                {.integer = 1}};
  EXPECT_EQ(result.results, expected);
  EXPECT_EQ(result.revision, 2u);
  EXPECT_EQ(Value("aa"), "!");
  EXPECT_EQ(Value("ab"), "(none)");
  EXPECT_EQ(Value("n"), "1");
  const AccountRecord record = *RecordOf(kStagedAccount);
  EXPECT_EQ(record.entry_count, 2u);
  EXPECT_EQ(record.byte_count, 3u + 2u);
  EXPECT_EQ(StoredStats(), (ShardStats{1, 2, 5, 0}));
}

TEST_F(StagedAccountTest, DeletePrefixKeepsToItsPrefix) {
  ASSERT_THAT(Mutate({Put{"a", ""}, Put{"a\xff", ""}, Put{"a\xff\xff", ""}, Put{"b", ""}}), IsOk());
  ASSERT_THAT(PutEntry({"ns", "accounu"}, "a", ""), IsOk());
  ASSERT_OK_AND_ASSIGN(ApplyResult result, Mutate({DeletePrefix{"a\xff"}}));
  EXPECT_EQ(result.results[0].deleted, 2u);
  ASSERT_OK_AND_ASSIGN(result, Mutate({Put{"c", ""}, DeletePrefix{""}, DeletePrefix{""}}));
  EXPECT_EQ(result.results[1].deleted, 3u);
  EXPECT_EQ(result.results[2].deleted, 0u);
  EXPECT_EQ(ValueOf({"ns", "accounu"}, "a"), "");
}

// Plan: append a little to each of many large values in one request: what would be written anew is
// bounded, and nothing of the refused request is kept.
TEST_F(StagedAccountTest, AppendsToManyLargeValuesAreBounded) {
  const std::string large(limits::kEntryValueBytesMax - 1, 'v');
  const size_t allowed = limits::kAppliedBytesMax / large.size();
  std::vector<Mutation> appends;
  for (size_t i = 0; i <= allowed + 1; ++i) {
    const std::string key = absl::StrCat("k", i);
    ASSERT_THAT(PutEntry(kStagedAccount, key, large), IsOk());
    appends.push_back(Append{key, "!"});
  }
  EXPECT_THAT(Mutate(appends), HasReason(Reason::kEntryTooLarge));
  EXPECT_EQ(Value("k0"), large);
  appends.resize(allowed);
  EXPECT_THAT(Mutate(appends), IsOk());
  EXPECT_EQ(Value("k0"), large + "!");
}

TEST_F(StagedAccountTest, AWriteThatChangesNothingRaisesNoRevision) {
  ASSERT_THAT(PutEntry(kStagedAccount, "a", ""), IsOk());
  for (std::vector<Mutation> nothing :
       {std::vector<Mutation>{}, {Delete{"x"}}, {DeletePrefix{"x"}}}) {
    ASSERT_OK_AND_ASSIGN(const ApplyResult result, Mutate(nothing));
    EXPECT_EQ(result.revision, 1u);
  }
  ASSERT_OK_AND_ASSIGN(const ApplyResult same, Mutate({Put{"a", ""}}));
  EXPECT_EQ(same.revision, 2u) << "a put is a change, even of the same value";
}

TEST_F(StagedAccountTest, PreconditionTable) {
  ASSERT_THAT(PutEntry(kStagedAccount, "old", "1"), IsOk());
  ASSERT_THAT(PutEntry(kStagedAccount, "new", "2"), IsOk());
  const struct {
    const char* name;
    Precondition precondition;
    bool holds;
  } rows[] = {
      {"exists", EntryExists{"old"}, true},
      {"exists, but does not", EntryExists{"ol"}, false},
      {"absent", EntryAbsent{"ol"}, true},
      {"absent, but is not", EntryAbsent{"old"}, false},
      {"entry revision", EntryRevisionIs{"old", 1}, true},
      {"entry revision of the other", EntryRevisionIs{"old", 2}, false},
      {"revision of an absent entry", EntryRevisionIs{"x", 1}, false},
      {"revision 0 of an absent entry", EntryRevisionIs{"x", 0}, false},
      {"value", EntryValueIs{"new", "2"}, true},
      {"another value", EntryValueIs{"new", "1"}, false},
      {"empty value of an absent entry", EntryValueIs{"x", ""}, false},
      {"account revision", AccountRevisionIs{2}, true},
      {"earlier account revision", AccountRevisionIs{1}, false},
      {"account revision 0", AccountRevisionIs{0}, false},
  };
  for (const auto& row : rows) {
    const absl::StatusOr<ApplyResult> result = Check({row.precondition});
    if (row.holds) {
      EXPECT_THAT(result, IsOk()) << row.name;
    } else {
      EXPECT_THAT(result, HasReason(Reason::kPreconditionFailed)) << row.name;
      EXPECT_FALSE(MetadataOf(result.status())["precondition"].empty()) << row.name;
    }
    EXPECT_EQ(RecordOf(kStagedAccount)->revision, 2u) << row.name;
  }
  EXPECT_EQ(MetadataOf(Check({AccountRevisionIs{9}}).status())["current_revision"], "2");
  EXPECT_EQ(MetadataOf(Check({EntryRevisionIs{"old", 9}}).status())["current_revision"], "1");
}

// Plan: preconditions look at the account before the request; the last of many decides too.
TEST_F(StagedAccountTest, PreconditionsLookAtTheStateBefore) {
  ASSERT_THAT(PutEntry(kStagedAccount, "a", "1"), IsOk());
  EXPECT_THAT(Apply({.account = kStagedAccount,
                     .preconditions = {EntryExists{"a"}, EntryAbsent{"b"}},
                     .mutations = {Delete{"a"}, Put{"b", "2"}}}),
              IsOk());
  EXPECT_THAT(Apply({.account = kStagedAccount,
                     .preconditions = {EntryExists{"b"}, EntryExists{"a"}},
                     .mutations = {Put{"a", "again"}}}),
              HasReason(Reason::kPreconditionFailed));
  EXPECT_EQ(Value("a"), "(none)");
}

TEST_F(StagedAccountTest, AFailedRequestLeavesNothing) {
  const AccountRef fresh{"ns", "fresh"};
  ApplyRequest request{.account = fresh,
                       .request_id = "r",
                       .create_account = true,
                       .preconditions = {EntryExists{"x"}},
                       .mutations = {Put{"a", ""}}};
  EXPECT_THAT(Apply(request), HasReason(Reason::kPreconditionFailed));
  EXPECT_FALSE(RecordOf(fresh).has_value());
  request.preconditions.clear();
  request.mutations.push_back(Put{"n", "not a number"});
  request.mutations.push_back(AddInteger{"n", 1});
  EXPECT_THAT(Apply(request), HasReason(Reason::kValueNotInteger));
  EXPECT_FALSE(RecordOf(fresh).has_value());
  EXPECT_EQ(ValueOf(fresh, "a"), "(no account)");
  EXPECT_EQ(StoredStats(), ShardStats());
  EXPECT_THAT(Apply({.account = fresh, .mutations = {Put{"a", ""}}}),
              HasReason(Reason::kAccountNotFound));
}

TEST_F(StagedAccountTest, PreconditionsOnAnAccountToBeCreated) {
  EXPECT_THAT(Apply({.account = kStagedAccount,
                     .create_account = true,
                     .preconditions = {EntryAbsent{"a"}, AccountRevisionIs{0}}}),
              IsOk());
  EXPECT_EQ(RecordOf(kStagedAccount)->revision, 1u);
  EXPECT_THAT(Apply({.account = {"ns", "b"},
                     .create_account = true,
                     .preconditions = {AccountRevisionIs{1}}}),
              HasReason(Reason::kPreconditionFailed));
}

TEST_F(StagedAccountTest, IntegerTable) {
  const std::string max = absl::StrCat(INT64_MAX);
  const std::string min = absl::StrCat(INT64_MIN);
  const struct {
    const char* name;
    std::string value;
    int64_t delta;
    Reason reason;
    std::string sum;
  } rows[] = {
      {"zero", "0", 0, Reason::kUnspecified, "0"},
      {"negative", "-5", 3, Reason::kUnspecified, "-2"},
      {"leading zeros", "007", 1, Reason::kUnspecified, "8"},
      {"minus zero", "-0", 0, Reason::kUnspecified, "0"},
      {"up to the largest", absl::StrCat(INT64_MAX - 1), 1, Reason::kUnspecified, max},
      {"down to the smallest", absl::StrCat(INT64_MIN + 1), -1, Reason::kUnspecified, min},
      {"across the range", min, INT64_MAX, Reason::kUnspecified, "-1"},
      {"over", max, 1, Reason::kIntegerOverflow, ""},
      {"under", min, -1, Reason::kIntegerOverflow, ""},
      {"smallest twice", min, INT64_MIN, Reason::kIntegerOverflow, ""},
      {"empty", "", 1, Reason::kValueNotInteger, ""},
      {"a word", "seven", 1, Reason::kValueNotInteger, ""},
      {"plus", "+7", 1, Reason::kValueNotInteger, ""},
      {"a minus alone", "-", 1, Reason::kValueNotInteger, ""},
      {"two minuses", "--7", 1, Reason::kValueNotInteger, ""},
      {"blank before", " 7", 1, Reason::kValueNotInteger, ""},
      {"newline after", "7\n", 1, Reason::kValueNotInteger, ""},
      {"NUL after", std::string("7\0", 2), 1, Reason::kValueNotInteger, ""},
      {"fraction", "7.0", 1, Reason::kValueNotInteger, ""},
      {"exponent", "7e1", 1, Reason::kValueNotInteger, ""},
      {"hexadecimal", "0x7", 1, Reason::kValueNotInteger, ""},
      {"one above the largest", "9223372036854775808", -1, Reason::kValueNotInteger, ""},
      {"one below the smallest", "-9223372036854775809", 1, Reason::kValueNotInteger, ""},
  };
  for (const auto& row : rows) {
    ASSERT_THAT(PutEntry(kStagedAccount, "n", row.value), IsOk());
    const absl::StatusOr<ApplyResult> result = Mutate({AddInteger{"n", row.delta}});
    EXPECT_EQ(ReasonOf(result.status()), row.reason) << row.name;
    EXPECT_EQ(Value("n"), row.reason == Reason::kUnspecified ? row.sum : row.value) << row.name;
    if (result.ok()) {
      EXPECT_EQ(absl::StrCat(result->results[0].integer), row.sum) << row.name;
    }
  }
  ASSERT_THAT(Mutate({AddInteger{"absent", 3}}), IsOk());
  EXPECT_EQ(Value("absent"), "3");
}

TEST_F(StagedAccountTest, AppendUpToTheLargestValue) {
  const std::string half(limits::kEntryValueBytesMax / 2, 'h');
  ASSERT_OK_AND_ASSIGN(const ApplyResult full, Mutate({Append{"a", half}, Append{"a", half}}));
  EXPECT_EQ(full.results[1].length, limits::kEntryValueBytesMax);
  EXPECT_THAT(Mutate({Append{"a", "1"}}), HasReason(Reason::kEntryTooLarge));
  EXPECT_THAT(Mutate({Append{"b", half}, Append{"b", half}, Append{"b", "1"}}),
              HasReason(Reason::kEntryTooLarge));
  EXPECT_EQ(Value("b"), "(none)");
  EXPECT_THAT(Mutate({Append{"a", ""}}), IsOk());
}

class AccountRoomTest : public StagedAccountTest {
 protected:
  void Limit(AccountLimits limits) {
    ASSERT_THAT(UpdateAccount({.account = kStagedAccount, .limits = limits}), IsOk());
  }
};

TEST_F(AccountRoomTest, FullByEntries) {
  ASSERT_THAT(Mutate({Put{"a", "1"}, Put{"b", "2"}}), IsOk());
  Limit({.entries_max = 3});
  EXPECT_THAT(Mutate({Put{"c", ""}}), IsOk());
  const absl::Status full = Mutate({Put{"d", ""}}).status();
  EXPECT_THAT(full, HasReason(Reason::kAccountFull));
  EXPECT_EQ(MetadataOf(full)["limit"], "entries_max");
  EXPECT_THAT(Mutate({Put{"a", "longer"}}), IsOk()) << "an overwrite adds no entry";
  EXPECT_THAT(Mutate({Put{"d", ""}, Delete{"a"}}), IsOk()) << "only the sum counts";
  EXPECT_THAT(Mutate({AddInteger{"n", 1}}), HasReason(Reason::kAccountFull));
  EXPECT_THAT(Mutate({Append{"n", ""}}), HasReason(Reason::kAccountFull));
}

TEST_F(AccountRoomTest, FullByBytes) {
  ASSERT_THAT(Mutate({Put{"a", "123"}}), IsOk());
  Limit({.bytes_max = 6});
  EXPECT_THAT(Mutate({Append{"a", "45"}}), IsOk());
  const absl::Status full = Mutate({Append{"a", "6"}}).status();
  EXPECT_THAT(full, HasReason(Reason::kAccountFull));
  EXPECT_EQ(MetadataOf(full)["limit"], "bytes_max");
  EXPECT_THAT(Mutate({Put{"b", ""}}), HasReason(Reason::kAccountFull)) << "keys count";
}

// Plan: lower the limits below what is held: shrinking and staying are allowed, growth is not.
TEST_F(AccountRoomTest, AboveTheLimitItMayShrinkOrStay) {
  ASSERT_THAT(Mutate({Put{"a", "123456"}, Put{"b", ""}, Put{"c", ""}}), IsOk());
  Limit({.entries_max = 1, .bytes_max = 1});
  EXPECT_THAT(Mutate({Put{"a", "654321"}}), IsOk());
  EXPECT_THAT(Mutate({Put{"a", "12345"}}), IsOk());
  EXPECT_THAT(Mutate({Put{"a", "123456"}}), HasReason(Reason::kAccountFull));
  EXPECT_THAT(Mutate({Delete{"b"}, Put{"d", ""}}), IsOk());
  EXPECT_THAT(Mutate({Delete{"c"}}), IsOk());
  EXPECT_THAT(Mutate({DeletePrefix{""}, Put{"a", ""}}), IsOk());
}

// Plan: the daemon's own bounds, reached in as few requests as possible.
TEST_F(AccountRoomTest, FullByTheDaemonsMaximum) {
  std::vector<Mutation> fill;
  uint64_t entries = 0;
  while (entries < limits::kAccountEntriesMax) {
    fill.clear();
    while (fill.size() < limits::kMutationsMax) fill.push_back(Put{absl::StrCat(entries++), ""});
    ASSERT_THAT(Mutate(fill), IsOk());
  }
  EXPECT_THAT(Mutate({Put{"x", ""}}), HasReason(Reason::kAccountFull));
  ASSERT_OK_AND_ASSIGN(const AccountResult gone, DeleteAccount({.account = kStagedAccount}));
  EXPECT_EQ(gone.record.entry_count, 0u);
  EXPECT_EQ(CountRecords(), (std::vector<size_t>{1, 0, 0, 0}));

  const std::string large(limits::kEntryValueBytesMax - 8, 'v');
  for (uint64_t i = 0; i < limits::kAccountBytesMax / limits::kEntryValueBytesMax; ++i) {
    ASSERT_THAT(Mutate({Put{absl::StrCat(10'000'000 + i), large}}), IsOk());
  }
  EXPECT_EQ(RecordOf(kStagedAccount)->byte_count, limits::kAccountBytesMax);
  EXPECT_THAT(Mutate({Put{"x", ""}}), HasReason(Reason::kAccountFull));
}

TEST_F(StagedAccountTest, AFrozenAccountOnlyThaws) {
  ASSERT_THAT(PutEntry(kStagedAccount, "a", "1"), IsOk());
  ASSERT_THAT(UpdateAccount({.account = kStagedAccount, .state = AccountState::kFrozen}), IsOk());
  EXPECT_THAT(Mutate({Put{"a", "2"}}), HasReason(Reason::kAccountFrozen));
  EXPECT_THAT(Mutate({Delete{"x"}}), HasReason(Reason::kAccountFrozen));
  EXPECT_THAT(UpdateAccount({.account = kStagedAccount, .labels = Labels{{"a", "b"}}}),
              HasReason(Reason::kAccountFrozen));
  EXPECT_THAT(UpdateAccount({.account = kStagedAccount, .limits = AccountLimits{1, 1}}),
              HasReason(Reason::kAccountFrozen));
  EXPECT_THAT(Check({EntryValueIs{"a", "1"}}), IsOk()) << "a check changes nothing";
  EXPECT_EQ(RecordOf(kStagedAccount)->revision, 2u);
  EXPECT_THAT(UpdateAccount({.account = kStagedAccount, .state = AccountState::kActive}), IsOk());
  EXPECT_THAT(Mutate({Put{"a", "2"}}), IsOk());
  ASSERT_THAT(UpdateAccount({.account = kStagedAccount, .state = AccountState::kFrozen}), IsOk());
  EXPECT_THAT(DeleteAccount({.account = kStagedAccount}), IsOk()) << "deleting is allowed";
}

TEST_F(StagedAccountTest, UpdateAndDeleteExpectARevision) {
  ASSERT_THAT(PutEntry(kStagedAccount, "a", "1"), IsOk());
  const absl::Status stale =
      UpdateAccount({.account = kStagedAccount, .labels = Labels{}, .expected_revision = 9}).status();
  EXPECT_THAT(stale, HasReason(Reason::kPreconditionFailed));
  EXPECT_EQ(MetadataOf(stale)["current_revision"], "1");
  EXPECT_THAT(DeleteAccount({.account = kStagedAccount, .expected_revision = 2}),
              HasReason(Reason::kPreconditionFailed));
  ASSERT_OK_AND_ASSIGN(
      const AccountResult updated,
      UpdateAccount({.account = kStagedAccount, .labels = Labels{{"l", "v"}}, .expected_revision = 1}));
  EXPECT_EQ(updated.record.revision, 2u);
  EXPECT_EQ(updated.record.labels, (Labels{{"l", "v"}}));
  EXPECT_THAT(DeleteAccount({.account = kStagedAccount, .expected_revision = 2}), IsOk());
  EXPECT_THAT(UpdateAccount({.account = kStagedAccount, .labels = Labels{}}),
              HasReason(Reason::kAccountNotFound));
  EXPECT_THAT(DeleteAccount({.account = kStagedAccount}), HasReason(Reason::kAccountNotFound));
}

TEST_F(StagedAccountTest, CreateTakesLabelsAndLimits) {
  now_ += absl::Nanoseconds(1999);
  const CreateAccountRequest request{.account = kStagedAccount, .labels = {{"l", "v"}}, .limits = {5, 50}};
  ASSERT_OK_AND_ASSIGN(const AccountResult created, CreateAccount(request));
  EXPECT_EQ(created.record, *RecordOf(kStagedAccount)) << "the answer is what is stored, times too";
  EXPECT_EQ(created.record.labels, request.labels);
  EXPECT_EQ(created.record.limits, request.limits);
  EXPECT_EQ(created.record.create_time, absl::FromUnixMicros(absl::ToUnixMicros(now_)));
  EXPECT_THAT(CreateAccount(request), HasReason(Reason::kAccountExists));
  ASSERT_THAT(DeleteAccount({.account = kStagedAccount}), IsOk());
  ASSERT_OK_AND_ASSIGN(const AccountResult again, CreateAccount({.account = kStagedAccount}));
  EXPECT_TRUE(again.record.labels.empty());
  EXPECT_EQ(again.record.limits, AccountLimits());
  EXPECT_EQ(again.record.revision, 3u);
}

// Plan: random requests of up to six mutations on a few keys; after each, every entry, its revision
// and the counts agree with a map.
TEST_F(StagedAccountTest, CountsAgreeWithAModel) {
  struct ModelEntry {
    std::string value;
    uint64_t revision = 0;
  };
  std::map<std::string, ModelEntry> model;
  Random random(11);
  const auto key = [&] {
    return std::string(1, static_cast<char>('a' + random.Below(3))) +
           std::string(random.Below(3), 'x');
  };
  uint64_t revision = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<Mutation> mutations;
    std::map<std::string, ModelEntry> next = model;
    bool changed = revision == 0;
    for (uint64_t i = random.Below(7); i > 0; --i) {
      const std::string k = key();
      switch (random.Below(4)) {
        case 0: {
          const std::string value(random.Below(9), 'v');
          mutations.push_back(Put{k, value});
          next[k] = {value, revision + 1};
          changed = true;
          break;
        }
        case 1:
          mutations.push_back(Append{k, "+"});
          next[k] = {next[k].value + "+", revision + 1};
          changed = true;
          break;
        case 2:
          mutations.push_back(Delete{k});
          changed |= next.erase(k) > 0;
          break;
        default:
          mutations.push_back(DeletePrefix{k});
          changed |= std::erase_if(next, [&](const auto& entry) {
                       return absl::StartsWith(entry.first, k);
                     }) > 0;
      }
    }
    ASSERT_OK_AND_ASSIGN(const ApplyResult result, Mutate(mutations));
    if (changed) ++revision;
    model = std::move(next);
    ASSERT_EQ(result.revision, revision) << round;
    ASSERT_OK_AND_ASSIGN(
        const ScanResult page,
        ShardReader(store(), kTestHome).Scan({.account = kStagedAccount, .page_size = 1000}));
    ASSERT_EQ(page.entries.size(), model.size()) << round;
    uint64_t bytes = 0;
    size_t at = 0;
    for (const auto& [k, entry] : model) {
      ASSERT_EQ(page.entries[at++], (Entry{k, entry.value, entry.revision})) << round;
      bytes += k.size() + entry.value.size();
    }
    const AccountRecord record = *RecordOf(kStagedAccount);
    ASSERT_EQ(record.entry_count, model.size()) << round;
    ASSERT_EQ(record.byte_count, bytes) << round;
    ASSERT_EQ(StoredStats(), (ShardStats{1, model.size(), bytes, 0})) << round;
  }
}

}  // namespace
}  // namespace shardd
