#include "server/core/operation_record.h"

#include "server/account/account_record.h"
#include "server/base/codec.h"

namespace shardd {
namespace {

constexpr uint8_t kVersion = 1;

bool IsKnown(OperationKind kind) {
  return kind >= OperationKind::kDeleteNamespace && kind <= OperationKind::kDrain;
}
bool IsKnown(OperationState state) {
  return state >= OperationState::kRunning && state <= OperationState::kCancelled;
}

}  // namespace

std::string OperationRecord::Encode() const {
  ByteWriter writer;
  writer.Byte(kVersion)
      .Varint(id.value)
      .Byte(static_cast<uint8_t>(kind))
      .Byte(static_cast<uint8_t>(state))
      .Bytes(target)
      .Byte(delete_accounts)
      .Varint(steps_done)
      .Bytes(status_message)
      .Signed(ToStoredTime(create_time))
      .Byte(running() ? 0 : 1)
      .Signed(running() ? 0 : ToStoredTime(end_time))
      .Varint(static_cast<uint64_t>(error_reason))
      .Bytes(error_message);
  return writer.Take();
}

absl::StatusOr<OperationRecord> OperationRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  OperationRecord record;
  record.id = OperationId{reader.Varint()};
  record.kind = static_cast<OperationKind>(reader.Byte());
  record.state = static_cast<OperationState>(reader.Byte());
  record.target = std::string(reader.Bytes());
  record.delete_accounts = reader.Byte() != 0;
  record.steps_done = reader.Varint();
  record.status_message = std::string(reader.Bytes());
  record.create_time = FromStoredTime(reader.Signed());
  const bool ended = reader.Byte() != 0;
  const int64_t end_time = reader.Signed();
  if (ended) record.end_time = FromStoredTime(end_time);
  const uint64_t reason = reader.Varint();
  record.error_reason = static_cast<Reason>(reason);
  record.error_message = std::string(reader.Bytes());
  if (!reader.Done() || version != kVersion || record.id.value == 0 || !IsKnown(record.kind) ||
      !IsKnown(record.state) || ended == record.running() || reason > UINT16_MAX) {
    return Error(Reason::kStorageCorrupt, "a stored operation record cannot be read");
  }
  return record;
}

}  // namespace shardd
