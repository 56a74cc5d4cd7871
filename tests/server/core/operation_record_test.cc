// Plan: hold the stored bytes of an operation against literals and refuse everything else.

#include "server/core/operation_record.h"

#include "gtest/gtest.h"
#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

OperationRecord Running() {
  OperationRecord operation;
  operation.id = OperationId{300};
  operation.target = "ns";
  operation.delete_accounts = true;
  operation.steps_done = 7;
  operation.status_message = "at it";
  operation.create_time = absl::FromUnixMicros(1);
  return operation;
}

OperationRecord Failed() {
  OperationRecord operation = Running();
  operation.state = OperationState::kFailed;
  operation.end_time = absl::FromUnixMicros(2);
  operation.error_reason = Reason::kNamespaceNotEmpty;
  operation.error_message = "no";
  return operation;
}

TEST(OperationRecordTest, StoredBytes) {
  // version, id, kind, state, target, delete, steps, message, created, ended, end, reason, error
  EXPECT_EQ(Hex(Running().Encode()),
            "02"
            "ac02"
            "01"
            "01"
            "026e73"
            "01"
            "07"
            "056174206974"
            "02"
            "00"
            "00"
            "00"
            "00"
            "00"
            "00");
  EXPECT_EQ(Hex(Failed().Encode()),
            "02"
            "ac02"
            "01"
            "04"
            "026e73"
            "01"
            "07"
            "056174206974"
            "02"
            "01"
            "04"
            "16"
            "026e6f"
            "00"
            "00");
}

// The parts that only operations on shards have.
OperationRecord Verified() {
  OperationRecord operation = Failed();
  operation.kind = OperationKind::kVerify;
  operation.delete_accounts = false;
  ShardChange change;
  change.shard = ShardId{300};
  change.other = ShardId{2};
  change.at = RoutingKey{1, 2};
  change.from = storage::Family{3};
  change.to = storage::Family{4};
  change.epoch = TableEpoch{5};
  change.pause = absl::Microseconds(6);
  operation.change = change;
  operation.verification = Verification{{1, 2, 3, 4, 5, 6}, 7, "bad"};
  return operation;
}

TEST(OperationRecordTest, StoredBytesOfAnOperationOnShards) {
  // … error, whether it changes shards: shard, other, key, from, to, epoch, pause; whether it
  // verified: accounts, entries, bytes, records, their bytes, checksum, errors, the first
  const std::string bytes = Hex(Verified().Encode());
  EXPECT_EQ(bytes.substr(bytes.find("026e6f") + 6),
            "01"
            "ac02"
            "02"
            "10"
            "0000000000000001"
            "0000000000000002"
            "03"
            "04"
            "05"
            "0c"
            "01"
            "01"
            "02"
            "03"
            "04"
            "05"
            "0000000000000006"
            "07"
            "03626164");
}

// Plan: what the version before wrote, for kinds it knew.
TEST(OperationRecordTest, ReadsVersionOne) {
  std::string bytes = Running().Encode();
  bytes[0] = 1;
  bytes.resize(bytes.size() - 2);
  ASSERT_OK_AND_ASSIGN(const OperationRecord decoded, OperationRecord::Decode(bytes));
  EXPECT_EQ(decoded, Running());
}

TEST(OperationRecordTest, EveryKindAndStateComesBack) {
  for (int kind = 1; kind <= 9; ++kind) {
    for (int state = 1; state <= 5; ++state) {
      const bool of_shards = (kind >= 2 && kind <= 4) || kind >= 8;
      OperationRecord operation = of_shards ? Verified() : Failed();
      operation.kind = static_cast<OperationKind>(kind);
      operation.state = static_cast<OperationState>(state);
      if (operation.running()) operation.end_time = absl::InfinitePast();
      ASSERT_OK_AND_ASSIGN(const OperationRecord decoded,
                           OperationRecord::Decode(operation.Encode()));
      EXPECT_EQ(decoded, operation) << kind << " " << state;
    }
  }
}

TEST(OperationRecordTest, RefusesOtherBytes) {
  for (const std::string& bytes : {Running().Encode(), Failed().Encode(), Verified().Encode()}) {
    ExpectOtherLengthsRefused(bytes, OperationRecord::Decode);
    ExpectOtherVersionsRefused(bytes, OperationRecord::Decode);
    ExpectGarbageIsHarmless(bytes, OperationRecord::Decode);
  }
  const auto refused = [](auto edit) {
    OperationRecord operation = Failed();
    edit(operation);
    EXPECT_THAT(OperationRecord::Decode(operation.Encode()), HasReason(Reason::kStorageCorrupt));
  };
  refused([](OperationRecord& o) { o.id = OperationId{0}; });
  refused([](OperationRecord& o) { o.kind = static_cast<OperationKind>(0); });
  refused([](OperationRecord& o) { o.kind = static_cast<OperationKind>(10); });
  // A deletion changes no shards; a split does.
  refused([](OperationRecord& o) { o.change = Verified().change; });
  refused([](OperationRecord& o) { o.kind = OperationKind::kSplit; });
  refused([](OperationRecord& o) { o.state = static_cast<OperationState>(0); });
  refused([](OperationRecord& o) { o.state = static_cast<OperationState>(6); });
  std::string ended = Running().Encode();
  ended[ended.size() - 6] = 1;  // says that it has ended while it runs
  EXPECT_THAT(OperationRecord::Decode(ended), HasReason(Reason::kStorageCorrupt));
}

}  // namespace
}  // namespace shardd
