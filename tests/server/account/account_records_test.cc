// Plan: hold the stored bytes of an account and of a namespace against literals, and refuse
// everything else.

#include "gtest/gtest.h"
#include "server/account/account_record.h"
#include "server/account/namespace_record.h"
#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

AccountRecord FullAccount() {
  AccountRecord record;
  record.state = AccountState::kFrozen;
  record.revision = 300;
  record.entry_count = 2;
  record.byte_count = 128;
  record.limits = {10, 1000};
  record.create_time = absl::FromUnixMicros(1);
  record.update_time = absl::FromUnixMicros(-1);
  record.outcome_first = 3;
  record.outcome_next = 5;
  record.outcome_oldest_time = absl::FromUnixMicros(64);
  record.labels = {{"a", "x"}, {"bb", ""}};
  return record;
}

// version, state, revision, entries, bytes, limits, times, outcomes, labels
constexpr char kFullAccount[] =
    "0102ac02028001"
    "0ae807"
    "0201"
    "03058001"
    "02"
    "01610178"
    "02626200";

TEST(AccountRecordTest, StoredBytes) {
  EXPECT_EQ(Hex(FullAccount().Encode()), kFullAccount);
  AccountRecord smallest;
  smallest.revision = 1;
  smallest.create_time = smallest.update_time = absl::UnixEpoch();
  EXPECT_EQ(Hex(smallest.Encode()), "01010100000000000000000000");
}

AccountRecord AccountWithMailbox() {
  AccountRecord record = FullAccount();
  record.mailbox = {.first = 3, .next = 300, .count = 2, .bytes = 128,
                    .delayed = 1, .orphans_end = 5};
  return record;
}

TEST(AccountRecordTest, StoredBytesOfAMailbox) {
  const std::string without_version = std::string(kFullAccount).substr(2);
  EXPECT_EQ(Hex(AccountWithMailbox().Encode()), "02" + without_version + "03ac020280010105");
}

TEST(AccountRecordTest, ComesBack) {
  for (const AccountRecord& account : {FullAccount(), AccountWithMailbox()}) {
    ASSERT_OK_AND_ASSIGN(const AccountRecord record, AccountRecord::Decode(account.Encode()));
    EXPECT_EQ(record, account);
  }
}

TEST(AccountRecordTest, EveryStateComesBack) {
  AccountRecord record = FullAccount();
  for (const AccountState state :
       {AccountState::kActive, AccountState::kFrozen, AccountState::kDeleted}) {
    record.state = state;
    ASSERT_OK_AND_ASSIGN(const AccountRecord decoded, AccountRecord::Decode(record.Encode()));
    EXPECT_EQ(decoded.state, state);
    EXPECT_EQ(decoded.exists(), state != AccountState::kDeleted);
  }
}

TEST(AccountRecordTest, RefusesOtherBytes) {
  ExpectOtherLengthsRefused(FullAccount().Encode(), AccountRecord::Decode);
  const std::string bytes = AccountWithMailbox().Encode();
  ExpectOtherLengthsRefused(bytes, AccountRecord::Decode);
  ExpectOtherVersionsRefused(bytes, AccountRecord::Decode);
  ExpectGarbageIsHarmless(bytes, AccountRecord::Decode);
  const struct {
    const char* name;
    const char* hex;
  } rows[] = {
      {"state 0", "01000100000000000000000000"},
      {"state 4", "01040100000000000000000000"},
      {"revision 0: no account is at it", "01010000000000000000000000"},
      {"outcomes end before they begin",
       "010101"
       "000000000000"
       "0201"
       "0000"},
      {"a label twice",
       "010101"
       "000000000000000000"
       "02"
       "016100016100"},
      {"a mailbox of nothing", "02010100000000000000000000000000000000"},
      {"a mailbox ends before it begins", "02010100000000000000000000020100000000"},
      {"more messages than there were", "02010100000000000000000000000102000000"},
      {"more of them delayed than there are", "02010100000000000000000000000201000200"},
      {"messages of before the deletion that never came", "02010100000000000000000000000101000002"},
      {"more labels than bytes",
       "010101"
       "000000000000000000"
       "ffffffffffffffffff01"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(AccountRecord::Decode(FromHex(row.hex)), HasReason(Reason::kStorageCorrupt))
        << row.name;
  }
}

// Plan: what is stored is what was said: times are cut to what a record keeps, never rounded up.
TEST(AccountRecordTest, TimesAreMicroseconds) {
  EXPECT_EQ(ToStoredTime(absl::FromUnixNanos(1999)), 1);
  EXPECT_EQ(ToStoredTime(absl::FromUnixNanos(-1)), -1);
  EXPECT_EQ(FromStoredTime(1), absl::FromUnixMicros(1));
  for (const int64_t stored : {INT64_MIN, int64_t{-1}, int64_t{0}, INT64_MAX}) {
    EXPECT_EQ(ToStoredTime(FromStoredTime(stored)), stored);
  }
}

NamespaceRecord Deleting() {
  return {NamespaceState::kDeleting, absl::FromUnixMicros(1'000'000), "req"};
}

TEST(NamespaceRecordTest, StoredBytes) {
  EXPECT_EQ(Hex(Deleting().Encode()),
            "0102"
            "80897a"
            "03726571");
  NamespaceRecord plain;
  plain.create_time = absl::UnixEpoch();
  EXPECT_EQ(Hex(plain.Encode()), "01010000");
}

TEST(NamespaceRecordTest, ComesBackAndRefusesOtherBytes) {
  const std::string bytes = Deleting().Encode();
  ASSERT_OK_AND_ASSIGN(const NamespaceRecord record, NamespaceRecord::Decode(bytes));
  EXPECT_EQ(record, Deleting());
  ExpectOtherLengthsRefused(bytes, NamespaceRecord::Decode);
  ExpectOtherVersionsRefused(bytes, NamespaceRecord::Decode);
  ExpectGarbageIsHarmless(bytes, NamespaceRecord::Decode);
  EXPECT_THAT(NamespaceRecord::Decode(FromHex("01000000")), HasReason(Reason::kStorageCorrupt));
  EXPECT_THAT(NamespaceRecord::Decode(FromHex("01030000")), HasReason(Reason::kStorageCorrupt));
}

}  // namespace
}  // namespace shardd
