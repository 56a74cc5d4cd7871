#include "server/shard_state_operations/records.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/codec.h"

namespace shardd {
namespace {

// One for each record type, in the record's first byte.
constexpr uint8_t kEntryVersion = 1;
constexpr uint8_t kOutcomeVersion = 1;
constexpr uint8_t kOutcomeOrderVersion = 1;
constexpr uint8_t kShardStatsVersion = 1;

absl::Status Corrupt(absl::string_view what) {
  return Error(Reason::kStorageCorrupt, absl::StrCat("a stored ", what, " record cannot be read"));
}

}  // namespace

std::string EntryRecord::Encode() const {
  return ByteWriter(11 + value.size()).Byte(kEntryVersion).Varint(revision).Raw(value).Take();
}

absl::StatusOr<EntryRecord> EntryRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  EntryRecord record;
  record.revision = reader.Varint();
  record.value = reader.rest();
  if (!reader.ok() || version != kEntryVersion) return Corrupt("entry");
  return record;
}

absl::Status OutcomeRecord::error() const {
  absl::Status status = Error(reason, message);
  for (const auto& [key, value] : metadata) status = WithMetadata(std::move(status), key, value);
  return status;
}

std::string OutcomeRecord::Encode() const {
  ByteWriter writer(64);
  writer.Byte(kOutcomeVersion)
      .Fixed64(fingerprint.high)
      .Fixed64(fingerprint.low)
      .Signed(ToStoredTime(time))
      .Varint(static_cast<uint64_t>(reason))
      .Bytes(message)
      .Varint(metadata.size());
  for (const auto& [key, value] : metadata) writer.Bytes(key).Bytes(value);
  writer.Varint(revision).Varint(results.size());
  for (const MutationResult& result : results) {
    writer.Signed(result.integer).Varint(result.deleted).Varint(result.length);
  }
  writer.Bytes(account.has_value() ? account->Encode() : "");
  return writer.Take();
}

absl::StatusOr<OutcomeRecord> OutcomeRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  OutcomeRecord record;
  record.fingerprint.high = reader.Fixed64();
  record.fingerprint.low = reader.Fixed64();
  record.time = FromStoredTime(reader.Signed());
  const uint64_t reason = reader.Varint();
  record.reason = static_cast<Reason>(reason);
  record.message = std::string(reader.Bytes());
  const uint64_t metadata_count = reader.Varint();
  for (uint64_t i = 0; i < metadata_count && reader.ok(); ++i) {
    std::string key(reader.Bytes());
    record.metadata.emplace(std::move(key), std::string(reader.Bytes()));
  }
  record.revision = reader.Varint();
  const uint64_t count = reader.Varint();
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    MutationResult& result = record.results.emplace_back();
    result.integer = reader.Signed();
    result.deleted = reader.Varint();
    result.length = reader.Varint();
  }
  const absl::string_view account = reader.Bytes();
  // A reason that is cut to 16 bits could turn a refusal into a success.
  const bool plausible = reason <= UINT16_MAX && record.metadata.size() == metadata_count;
  if (!reader.Done() || version != kOutcomeVersion || !plausible) return Corrupt("outcome");
  if (!account.empty()) {
    absl::StatusOr<AccountRecord> decoded = AccountRecord::Decode(account);
    if (!decoded.ok()) return decoded.status();
    record.account = *std::move(decoded);
  }
  return record;
}

std::string OutcomeOrderRecord::Encode() const {
  return ByteWriter()
      .Byte(kOutcomeOrderVersion)
      .Signed(ToStoredTime(time))
      .Bytes(request_id)
      .Take();
}

absl::StatusOr<OutcomeOrderRecord> OutcomeOrderRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  OutcomeOrderRecord record;
  record.time = FromStoredTime(reader.Signed());
  record.request_id = std::string(reader.Bytes());
  if (!reader.Done() || version != kOutcomeOrderVersion) return Corrupt("outcome order");
  return record;
}

std::string ShardStats::Encode() const {
  return ByteWriter()
      .Byte(kShardStatsVersion)
      .Varint(account_count)
      .Varint(entry_count)
      .Varint(byte_count)
      .Varint(revision_floor)
      .Take();
}

absl::StatusOr<ShardStats> ShardStats::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  ShardStats stats;
  stats.account_count = reader.Varint();
  stats.entry_count = reader.Varint();
  stats.byte_count = reader.Varint();
  stats.revision_floor = reader.Varint();
  if (!reader.Done() || version != kShardStatsVersion) return Corrupt("shard statistics");
  return stats;
}

std::string ShardStatsKey(ShardId shard) {
  return ByteWriter().Raw("shard/").Fixed64(shard.value).Take();
}

}  // namespace shardd
