#include "server/core/operation_record.h"

#include "server/account/account_record.h"
#include "server/base/codec.h"

namespace shardd {
namespace {

// 1: without shard change and verification.
constexpr uint8_t kOperationVersion = 2;

bool IsKnown(OperationKind kind) {
  return kind >= OperationKind::kDeleteNamespace && kind <= OperationKind::kCompact;
}
bool IsKnown(OperationState state) {
  return state >= OperationState::kRunning && state <= OperationState::kCancelled;
}

void PutChange(ByteWriter& writer, const ShardChange& change) {
  writer.Varint(change.shard.value)
      .Varint(change.other.value)
      .Bytes(change.at.has_value() ? ToBytes(*change.at) : "")
      .Varint(change.from.number)
      .Varint(change.to.number)
      .Varint(change.epoch.value)
      .Signed(absl::ToInt64Microseconds(change.pause));
}

// nullopt if it is damaged.
std::optional<ShardChange> GetChange(ByteReader& reader) {
  ShardChange change;
  change.shard = ShardId{reader.Varint()};
  change.other = ShardId{reader.Varint()};
  const absl::string_view at = reader.Bytes();
  change.at = RoutingKeyFromBytes(at);
  const uint64_t from = reader.Varint();
  const uint64_t to = reader.Varint();
  change.from = storage::Family{static_cast<uint32_t>(from)};
  change.to = storage::Family{static_cast<uint32_t>(to)};
  change.epoch = TableEpoch{reader.Varint()};
  change.pause = absl::Microseconds(reader.Signed());
  if (change.shard.value == 0 || (!at.empty() && !change.at.has_value())) return std::nullopt;
  if (from > storage::kHomeNumberMax || to > storage::kHomeNumberMax) return std::nullopt;
  return change;
}

void PutVerification(ByteWriter& writer, const Verification& verification) {
  const SurveyTotals& totals = verification.totals;
  writer.Varint(totals.account_count)
      .Varint(totals.entry_count)
      .Varint(totals.byte_count)
      .Varint(totals.record_count)
      .Varint(totals.record_bytes)
      .Fixed64(totals.checksum)
      .Varint(verification.error_count)
      .Bytes(verification.first_error);
}

Verification GetVerification(ByteReader& reader) {
  Verification verification;
  SurveyTotals& totals = verification.totals;
  totals.account_count = reader.Varint();
  totals.entry_count = reader.Varint();
  totals.byte_count = reader.Varint();
  totals.record_count = reader.Varint();
  totals.record_bytes = reader.Varint();
  totals.checksum = reader.Fixed64();
  verification.error_count = reader.Varint();
  verification.first_error = std::string(reader.Bytes());
  return verification;
}

bool IsAboutShards(OperationKind kind) {
  return kind == OperationKind::kSplit || kind == OperationKind::kMerge ||
         kind == OperationKind::kRehome || kind == OperationKind::kVerify ||
         kind == OperationKind::kCompact;
}

}  // namespace

std::string OperationRecord::Encode() const {
  ByteWriter writer;
  writer.Byte(kOperationVersion)
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
      .Bytes(error_message)
      .Byte(change.has_value());
  if (change.has_value()) PutChange(writer, *change);
  writer.Byte(verification.has_value());
  if (verification.has_value()) PutVerification(writer, *verification);
  return writer.Take();
}

absl::StatusOr<OperationRecord> OperationRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  bool whole = true;
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
  if (version >= 2) {
    if (reader.Byte() != 0) {
      record.change = GetChange(reader);
      whole = record.change.has_value();
    }
    if (reader.Byte() != 0) record.verification = GetVerification(reader);
  }
  if (!reader.Done() || !whole || version == 0 || version > kOperationVersion ||
      record.change.has_value() != IsAboutShards(record.kind) || record.id.value == 0 ||
      !IsKnown(record.kind) || !IsKnown(record.state) || ended == record.running() ||
      reason > UINT16_MAX) {
    return Error(Reason::kStorageCorrupt, "a stored operation record cannot be read");
  }
  return record;
}

}  // namespace shardd
