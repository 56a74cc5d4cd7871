// Plan: hold the stored bytes of an undeliverable message against literals made by hand from
// FORMAT.md, and refuse everything else.
#include "server/routing/undeliverable.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

UndeliverableRecord Full() {
  UndeliverableRecord record;
  record.reason = UndeliverableReason::kTooManyAttempts;
  record.attempts = 16;
  record.first_time = absl::FromUnixMicros(1000);
  record.last_time = absl::FromUnixMicros(-1);
  record.epoch = TableEpoch{300};
  record.message = "hi";
  return record;
}

// version, reason, attempts, times, epoch, message
constexpr char kFull[] =
    "010310"
    "d00f01"
    "ac02"
    "6869";

TEST(UndeliverableRecordTest, StoredBytes) {
  EXPECT_EQ(Hex(Full().Encode()), kFull);
  ASSERT_OK_AND_ASSIGN(const UndeliverableRecord again,
                       UndeliverableRecord::Decode(FromHex(kFull)));
  EXPECT_EQ(again, Full());
}

TEST(UndeliverableRecordTest, EverythingElseIsRefused) {
  const std::string bytes = Full().Encode();
  ExpectOtherLengthsRefused(bytes, UndeliverableRecord::Decode, bytes.size() - 1);
  ExpectOtherVersionsRefused(bytes, UndeliverableRecord::Decode);
  ExpectGarbageIsHarmless(bytes, UndeliverableRecord::Decode);
  for (const char reason : {'\0', '\7', '\xff'}) {
    std::string other = bytes;
    other[1] = reason;
    EXPECT_THAT(UndeliverableRecord::Decode(other), HasReason(Reason::kStorageCorrupt));
  }
}

TEST(UndeliverableRecordTest, EveryReasonComesBackAndHasAWord) {
  std::set<std::string> words;
  for (uint8_t byte = 1; byte <= 5; ++byte) {
    UndeliverableRecord record = Full();
    record.reason = static_cast<UndeliverableReason>(byte);
    ASSERT_OK_AND_ASSIGN(const UndeliverableRecord again,
                         UndeliverableRecord::Decode(record.Encode()));
    EXPECT_EQ(again.reason, record.reason);
    words.emplace(ToText(record.reason));
  }
  EXPECT_EQ(words.size(), 5u);
}

}  // namespace
}  // namespace shardd
