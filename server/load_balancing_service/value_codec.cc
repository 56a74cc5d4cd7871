#include "server/load_balancing_service/value_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

namespace shardd {

void Fail(ByteReader& reader) { reader.Raw(reader.rest().size() + 1); }

void PutDouble(ByteWriter& writer, double value) { writer.Fixed64(std::bit_cast<uint64_t>(value)); }

double GetDouble(ByteReader& reader) {
  const double value = std::bit_cast<double>(reader.Fixed64());
  if (std::isfinite(value)) return value;
  Fail(reader);
  return 0;
}

void PutTime(ByteWriter& writer, absl::Time time) { writer.Signed(absl::ToUnixNanos(time)); }

absl::Time GetTime(ByteReader& reader) {
  const int64_t nanoseconds = reader.Signed();
  if (nanoseconds == INT64_MIN) return absl::InfinitePast();
  if (nanoseconds == INT64_MAX) return absl::InfiniteFuture();
  return absl::FromUnixNanos(nanoseconds);
}

void PutDuration(ByteWriter& writer, absl::Duration duration) {
  writer.Signed(absl::ToInt64Nanoseconds(duration));
}

absl::Duration GetDuration(ByteReader& reader) {
  const int64_t nanoseconds = reader.Signed();
  if (nanoseconds == INT64_MIN) return -absl::InfiniteDuration();
  if (nanoseconds == INT64_MAX) return absl::InfiniteDuration();
  return absl::Nanoseconds(nanoseconds);
}

void PutKey(ByteWriter& writer, RoutingKey key) { writer.Fixed64(key.high).Fixed64(key.low); }

RoutingKey GetKey(ByteReader& reader) {
  RoutingKey key;
  key.high = reader.Fixed64();
  key.low = reader.Fixed64();
  return key;
}

void PutOptionalKey(ByteWriter& writer, const std::optional<RoutingKey>& key) {
  writer.Byte(key.has_value());
  if (key.has_value()) PutKey(writer, *key);
}

std::optional<RoutingKey> GetOptionalKey(ByteReader& reader) {
  if (reader.Byte() == 0) return std::nullopt;
  return GetKey(reader);
}

void PutAccount(ByteWriter& writer, const AccountRef& account) {
  writer.Bytes(account.name_space).Bytes(account.id);
}

AccountRef GetAccount(ByteReader& reader) {
  AccountRef account;
  account.name_space = std::string(reader.Bytes());
  account.id = std::string(reader.Bytes());
  return account;
}

uint32_t GetUint32(ByteReader& reader) {
  return static_cast<uint32_t>(std::min<uint64_t>(reader.Varint(), UINT32_MAX));
}

uint64_t GetCount(ByteReader& reader) {
  const uint64_t count = reader.Varint();
  if (count <= reader.rest().size()) return count;
  Fail(reader);
  return 0;
}

}  // namespace shardd
