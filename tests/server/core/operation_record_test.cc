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
            "01"
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
            "00");
  EXPECT_EQ(Hex(Failed().Encode()),
            "01"
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
            "026e6f");
}

TEST(OperationRecordTest, EveryKindAndStateComesBack) {
  for (int kind = 1; kind <= 7; ++kind) {
    for (int state = 1; state <= 5; ++state) {
      OperationRecord operation = Failed();
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
  for (const std::string& bytes : {Running().Encode(), Failed().Encode()}) {
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
  refused([](OperationRecord& o) { o.kind = static_cast<OperationKind>(8); });
  refused([](OperationRecord& o) { o.state = static_cast<OperationState>(0); });
  refused([](OperationRecord& o) { o.state = static_cast<OperationState>(6); });
  std::string ended = Running().Encode();
  ended[ended.size() - 4] = 1;  // says that it has ended while it runs
  EXPECT_THAT(OperationRecord::Decode(ended), HasReason(Reason::kStorageCorrupt));
}

}  // namespace
}  // namespace shardd
