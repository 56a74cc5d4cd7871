#include "server/routing/undeliverable.h"

#include "server/account/account_record.h"
#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace shardd {
namespace {

constexpr uint8_t kUndeliverableVersion = 1;

bool IsReason(uint8_t byte) {
  return byte >= static_cast<uint8_t>(UndeliverableReason::kNoAccount) &&
         byte <= static_cast<uint8_t>(UndeliverableReason::kAccountDeleted);
}

}  // namespace

absl::string_view ToText(UndeliverableReason reason) {
  switch (reason) {
    case UndeliverableReason::kNoAccount:
      return "no-account";
    case UndeliverableReason::kExpired:
      return "expired";
    case UndeliverableReason::kTooManyAttempts:
      return "too-many-attempts";
    case UndeliverableReason::kTooManyHops:
      return "too-many-hops";
    case UndeliverableReason::kMailboxFull:
      return "mailbox-full";
    case UndeliverableReason::kAccountDeleted:
      return "account-deleted";
  }
  SHARDD_CHECK(false);
  return "";
}

std::string UndeliverableRecord::Encode() const {
  return ByteWriter(40 + message.size())
      .Byte(kUndeliverableVersion)
      .Byte(static_cast<uint8_t>(reason))
      .Varint(attempts)
      .Signed(ToStoredTime(first_time))
      .Signed(ToStoredTime(last_time))
      .Varint(epoch.value)
      .Raw(message)
      .Take();
}

absl::StatusOr<UndeliverableRecord> UndeliverableRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  const uint8_t reason = reader.Byte();
  UndeliverableRecord record;
  record.reason = static_cast<UndeliverableReason>(reason);
  record.attempts = reader.Varint();
  record.first_time = FromStoredTime(reader.Signed());
  record.last_time = FromStoredTime(reader.Signed());
  record.epoch.value = reader.Varint();
  record.message = std::string(reader.rest());
  if (!reader.ok() || version != kUndeliverableVersion || !IsReason(reason) ||
      record.message.empty()) {
    return Error(Reason::kStorageCorrupt, "a stored undeliverable message cannot be read");
  }
  return record;
}

}  // namespace shardd
