// Plan: ask for each bound of a request exactly, and for one more; the error names the field.

#include "server/shard_state_operations/requests.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

const AccountRef kRef{"ns", "id"};
const std::string kLongestKey(limits::kEntryKeyBytesMax, 'k');
const std::string kLongKey(limits::kEntryKeyBytesMax + 1, 'k');
const std::string kLargestValue(limits::kEntryValueBytesMax, 'v');
const std::string kLargeValue(limits::kEntryValueBytesMax + 1, 'v');
const std::string kLongId(limits::kRequestIdBytesMax + 1, 'r');

ApplyRequest WithMutation(Mutation mutation) {
  return ApplyRequest{.account = kRef, .mutations = {std::move(mutation)}};
}
ApplyRequest WithPrecondition(Precondition precondition) {
  return ApplyRequest{.account = kRef, .preconditions = {std::move(precondition)}};
}

TEST(ValidateTest, GoodApplies) {
  const struct {
    const char* name;
    ApplyRequest request;
  } rows[] = {
      {"a check of nothing", {.account = kRef}},
      {"longest key and value", WithMutation(Put{kLongestKey, kLargestValue})},
      {"empty value", WithMutation(Put{"k", ""})},
      {"a key of bytes", WithMutation(Put{std::string("\0\xff", 2), ""})},
      {"delete", WithMutation(Delete{kLongestKey})},
      {"delete everything", WithMutation(DeletePrefix{""})},
      {"longest prefix", WithMutation(DeletePrefix{kLongestKey})},
      {"add", WithMutation(AddInteger{kLongestKey, INT64_MIN})},
      {"append", WithMutation(Append{kLongestKey, kLargestValue})},
      {"append nothing", WithMutation(Append{"k", ""})},
      {"exists", WithPrecondition(EntryExists{kLongestKey})},
      {"value", WithPrecondition(EntryValueIs{kLongestKey, kLargestValue})},
      {"account revision", WithPrecondition(AccountRevisionIs{0})},
      {"most mutations",
       {.account = kRef, .mutations = std::vector<Mutation>(limits::kMutationsMax, Delete{"k"})}},
      {"most preconditions",
       {.account = kRef,
        .preconditions = std::vector<Precondition>(limits::kPreconditionsMax, EntryExists{"k"})}},
  };
  for (const auto& row : rows) EXPECT_THAT(Validate(row.request), IsOk()) << row.name;
}

TEST(ValidateTest, BadApplies) {
  const struct {
    const char* name;
    ApplyRequest request;
    Reason reason;
    const char* field;
  } rows[] = {
      {"bad namespace", {.account = {"NS", "id"}}, Reason::kInvalidField, "namespace"},
      {"empty id", {.account = {"ns", ""}}, Reason::kInvalidField, "account.id"},
      {"long request id",
       {.account = kRef, .request_id = kLongId},
       Reason::kInvalidField,
       "request_id"},
      {"empty put key", WithMutation(Put{"", "v"}), Reason::kInvalidField, "put.key"},
      {"long put key", WithMutation(Put{kLongKey, ""}), Reason::kEntryTooLarge, "put.key"},
      {"large put value", WithMutation(Put{"k", kLargeValue}), Reason::kEntryTooLarge, "put.value"},
      {"empty delete", WithMutation(Delete{""}), Reason::kInvalidField, "delete"},
      {"long delete", WithMutation(Delete{kLongKey}), Reason::kEntryTooLarge, "delete"},
      {"long prefix", WithMutation(DeletePrefix{kLongKey}), Reason::kEntryTooLarge,
       "delete_prefix"},
      {"empty add key", WithMutation(AddInteger{"", 1}), Reason::kInvalidField, "add_integer.key"},
      {"long add key", WithMutation(AddInteger{kLongKey, 1}), Reason::kEntryTooLarge,
       "add_integer.key"},
      {"empty append key", WithMutation(Append{"", "v"}), Reason::kInvalidField, "append.key"},
      {"large append", WithMutation(Append{"k", kLargeValue}), Reason::kEntryTooLarge,
       "append.value"},
      {"empty exists", WithPrecondition(EntryExists{""}), Reason::kInvalidField, "entry_exists"},
      {"long absent", WithPrecondition(EntryAbsent{kLongKey}), Reason::kEntryTooLarge,
       "entry_absent"},
      {"empty revision key", WithPrecondition(EntryRevisionIs{"", 1}), Reason::kInvalidField,
       "entry_revision.key"},
      {"large expected value", WithPrecondition(EntryValueIs{"k", kLargeValue}),
       Reason::kEntryTooLarge, "entry_value.value"},
      {"too many mutations",
       {.account = kRef,
        .mutations = std::vector<Mutation>(limits::kMutationsMax + 1, Delete{"k"})},
       Reason::kInvalidField,
       "mutations"},
      {"too many preconditions",
       {.account = kRef,
        .preconditions =
            std::vector<Precondition>(limits::kPreconditionsMax + 1, EntryExists{"k"})},
       Reason::kInvalidField,
       "preconditions"},
      {"bad one after good ones",
       {.account = kRef, .mutations = {Put{"a", ""}, Delete{"b"}, Delete{""}}},
       Reason::kInvalidField,
       "delete"},
  };
  for (const auto& row : rows) {
    const absl::Status status = Validate(row.request);
    EXPECT_THAT(status, HasReason(row.reason)) << row.name;
    EXPECT_EQ(MetadataOf(status)["field"], row.field) << row.name;
  }
}

TEST(ValidateTest, AccountRequests) {
  EXPECT_THAT(Validate(CreateAccountRequest{.account = kRef}), IsOk());
  EXPECT_THAT(Validate(CreateAccountRequest{.account = kRef, .labels = {{"", ""}}}),
              HasReason(Reason::kInvalidField));
  EXPECT_THAT(
      Validate(CreateAccountRequest{.account = kRef, .limits = {limits::kAccountEntriesMax + 1}}),
      HasReason(Reason::kInvalidField));
  EXPECT_THAT(Validate(CreateAccountRequest{.account = kRef, .request_id = kLongId}),
              HasReason(Reason::kInvalidField));
  EXPECT_THAT(Validate(DeleteAccountRequest{.account = kRef}), IsOk());
  EXPECT_THAT(Validate(DeleteAccountRequest{.account = {"ns", ""}}),
              HasReason(Reason::kInvalidField));
  EXPECT_THAT(Validate(GetAccountRequest{kRef}), IsOk());
  EXPECT_THAT(Validate(GetAccountRequest{{"ns", "\xff"}}), HasReason(Reason::kInvalidField));
  EXPECT_THAT(Validate(WatchRequest{kRef, UINT64_MAX}), IsOk());
  EXPECT_THAT(Validate(WatchRequest{{"-_-", "id"}, 1}), HasReason(Reason::kInvalidField));
}

TEST(ValidateTest, Updates) {
  UpdateAccountRequest nothing{.account = kRef};
  EXPECT_EQ(MetadataOf(Validate(nothing))["field"], "update_mask");
  UpdateAccountRequest freeze{.account = kRef, .state = AccountState::kFrozen};
  EXPECT_THAT(Validate(freeze), IsOk());
  UpdateAccountRequest remove{.account = kRef, .state = AccountState::kDeleted};
  EXPECT_EQ(MetadataOf(Validate(remove))["field"], "state");
  UpdateAccountRequest no_labels{.account = kRef, .labels = Labels{}};
  EXPECT_THAT(Validate(no_labels), IsOk());
  UpdateAccountRequest bad_limits{.account = kRef,
                                  .limits = AccountLimits{0, limits::kAccountBytesMax + 1}};
  EXPECT_EQ(MetadataOf(Validate(bad_limits))["field"], "limits.bytes_max");
}

TEST(ValidateTest, Reads) {
  const auto keys = [](size_t count) { return std::vector<std::string>(count, "k"); };
  EXPECT_THAT(Validate(GetRequest{kRef, keys(1)}), IsOk());
  EXPECT_THAT(Validate(GetRequest{kRef, keys(limits::kGetKeysMax)}), IsOk());
  EXPECT_THAT(Validate(GetRequest{kRef, {}}), HasReason(Reason::kInvalidField));
  EXPECT_THAT(Validate(GetRequest{kRef, keys(limits::kGetKeysMax + 1)}),
              HasReason(Reason::kInvalidField));
  EXPECT_THAT(Validate(GetRequest{kRef, {"k", ""}}), HasReason(Reason::kInvalidField));
  EXPECT_THAT(Validate(GetRequest{kRef, {kLongKey}}), HasReason(Reason::kEntryTooLarge));
  EXPECT_THAT(Validate(ScanRequest{.account = kRef}), IsOk());
  EXPECT_THAT(
      Validate(ScanRequest{
          .account = kRef, .prefix = kLongestKey, .start = kLongestKey, .end = kLongestKey}),
      IsOk());
  EXPECT_THAT(Validate(ScanRequest{.account = kRef, .prefix = kLongKey}),
              HasReason(Reason::kEntryTooLarge));
  EXPECT_THAT(Validate(ScanRequest{.account = kRef, .start = kLongKey}),
              HasReason(Reason::kEntryTooLarge));
  EXPECT_THAT(Validate(ScanRequest{.account = kRef, .end = kLongKey}),
              HasReason(Reason::kEntryTooLarge));
  EXPECT_THAT(Validate(GetOutcomeRequest{kRef, "r"}), IsOk());
  EXPECT_THAT(Validate(GetOutcomeRequest{kRef, ""}), HasReason(Reason::kInvalidField));
  EXPECT_THAT(Validate(GetOutcomeRequest{kRef, kLongId}), HasReason(Reason::kInvalidField));
}

// Plan: any difference in a request, however small, must show; the request_id is not part of it.
TEST(FingerprintTest, TellsRequestsApart) {
  const std::vector<ApplyRequest> different = {
      {.account = kRef},
      {.account = {"n", "sid"}},
      {.account = kRef, .create_account = true},
      WithPrecondition(EntryExists{"k"}),
      WithPrecondition(EntryAbsent{"k"}),
      WithPrecondition(EntryRevisionIs{"k", 1}),
      WithPrecondition(EntryRevisionIs{"k", 2}),
      WithPrecondition(EntryValueIs{"k", "v"}),
      WithPrecondition(EntryValueIs{"kv", ""}),
      WithPrecondition(AccountRevisionIs{1}),
      WithMutation(Put{"k", "v"}),
      WithMutation(Put{"kv", ""}),
      WithMutation(Delete{"k"}),
      WithMutation(DeletePrefix{"k"}),
      WithMutation(AddInteger{"k", 1}),
      WithMutation(AddInteger{"k", -1}),
      WithMutation(Append{"k", "v"}),
      {.account = kRef, .mutations = {Delete{"a"}, Delete{"b"}}},
      {.account = kRef, .mutations = {Delete{"b"}, Delete{"a"}}},
      {.account = kRef, .preconditions = {EntryExists{"k"}}, .mutations = {Delete{"k"}}},
      {.account = kRef, .preconditions = {EntryExists{"k"}, EntryExists{"k"}}},
  };
  std::set<std::string> seen;
  const auto hex = [](Hash128 hash) { return absl::StrCat(hash.high, "-", hash.low); };
  for (const ApplyRequest& request : different) {
    EXPECT_TRUE(seen.insert(hex(Fingerprint(request))).second);
    ApplyRequest named = request;
    named.request_id = "r";
    EXPECT_EQ(Fingerprint(named), Fingerprint(request));
  }
  const std::vector<UpdateAccountRequest> updates = {
      {.account = kRef, .labels = Labels{}},
      {.account = kRef, .labels = Labels{{"a", "b"}}},
      {.account = kRef, .limits = AccountLimits{}},
      {.account = kRef, .limits = AccountLimits{1, 0}},
      {.account = kRef, .state = AccountState::kActive},
      {.account = kRef, .state = AccountState::kFrozen},
      {.account = kRef, .state = AccountState::kFrozen, .expected_revision = 1},
  };
  for (const UpdateAccountRequest& request : updates) {
    EXPECT_TRUE(seen.insert(hex(Fingerprint(request))).second);
  }
  EXPECT_TRUE(seen.insert(hex(Fingerprint(CreateAccountRequest{.account = kRef}))).second);
  EXPECT_TRUE(seen.insert(hex(Fingerprint(CreateAccountRequest{.account = kRef, .limits = {1, 0}})))
                  .second);
  EXPECT_TRUE(seen.insert(hex(Fingerprint(DeleteAccountRequest{.account = kRef}))).second);
  EXPECT_TRUE(
      seen.insert(hex(Fingerprint(DeleteAccountRequest{.account = kRef, .expected_revision = 1})))
          .second);
}

// Plan: fingerprints are stored in outcomes, so they are literals: XXH3-128 of the bytes named.
TEST(FingerprintTest, ValuesAreFixed) {
  // 01 026e73 026964 01, 01: 04 03, then 00 016b 0176, 03 016e 01
  const ApplyRequest apply{.account = kRef,
                           .create_account = true,
                           .preconditions = {AccountRevisionIs{3}},
                           .mutations = {Put{"k", "v"}, AddInteger{"n", -1}}};
  EXPECT_EQ(Fingerprint(apply), (Hash128{0x0f9a07041242d8cf, 0x3d51a8b58f14ecfd}));
  // 02 026e73 026964 05 32, 01: 0161 0162
  const CreateAccountRequest create{.account = kRef, .labels = {{"a", "b"}}, .limits = {5, 50}};
  EXPECT_EQ(Fingerprint(create), (Hash128{0x1469e2e5f691ec43, 0xa6c0146da9422d71}));
  // 03 026e73 026964 00 01 00 02, 01: 0161 00
  const UpdateAccountRequest update{
      .account = kRef, .labels = Labels{{"a", ""}}, .state = AccountState::kFrozen};
  EXPECT_EQ(Fingerprint(update), (Hash128{0xb90073c9c6607909, 0x49d07d84551f1fc3}));
  // 04 026e73 026964 07
  const DeleteAccountRequest remove{.account = kRef, .expected_revision = 7};
  EXPECT_EQ(Fingerprint(remove), (Hash128{0x11592cc9a38f128b, 0x9ad0ac1e67e8eae0}));
}

// Plan: what hides in a request must weigh, or a mailbox holds more than its bytes.
TEST(ByteSizeTest, EverythingWeighs) {
  const std::string large(100'000, 'x');
  const AccountRef long_name{"", large};
  const auto at_least = [&](size_t size) {
    return size >= large.size() && size < 2 * large.size();
  };
  EXPECT_TRUE(at_least(ByteSize(WithMutation(Put{"k", large}))));
  EXPECT_TRUE(at_least(ByteSize(WithMutation(Append{"k", large}))));
  EXPECT_TRUE(at_least(ByteSize(WithMutation(DeletePrefix{large}))));
  EXPECT_TRUE(at_least(ByteSize(WithPrecondition(EntryValueIs{"k", large}))));
  EXPECT_TRUE(at_least(ByteSize(WithPrecondition(EntryExists{large}))));
  EXPECT_TRUE(at_least(ByteSize(ApplyRequest{.account = kRef, .request_id = large})));
  EXPECT_TRUE(at_least(ByteSize(CreateAccountRequest{.account = kRef, .labels = {{"l", large}}})));
  EXPECT_TRUE(
      at_least(ByteSize(UpdateAccountRequest{.account = kRef, .labels = Labels{{"l", large}}})));
  EXPECT_TRUE(at_least(ByteSize(DeleteAccountRequest{.account = long_name})));
  EXPECT_TRUE(at_least(ByteSize(GetRequest{kRef, {"k", large}})));
  EXPECT_TRUE(at_least(ByteSize(ScanRequest{.account = kRef, .page_token = large})));
  EXPECT_TRUE(at_least(ByteSize(GetOutcomeRequest{kRef, large})));
  EXPECT_TRUE(at_least(ByteSize(WatchRequest{long_name, 0})));
}

}  // namespace
}  // namespace shardd
