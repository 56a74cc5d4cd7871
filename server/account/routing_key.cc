#include "server/account/routing_key.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "server/base/codec.h"
#include "server/base/hash.h"

namespace shardd {

RoutingKey RoutingKeyOf(absl::string_view name_space, absl::string_view id) {
  const uint64_t low = StableHash64(id);
  return RoutingKey{name_space.empty() ? low : StableHash64(name_space), low};
}

std::optional<RoutingKey> Successor(RoutingKey key) {
  if (key == kLastRoutingKey) return std::nullopt;
  ++key.low;
  if (key.low == 0) ++key.high;
  return key;
}

std::string ToBytes(RoutingKey key) {
  return ByteWriter(kRoutingKeyBytes).Fixed64(key.high).Fixed64(key.low).Take();
}

std::optional<RoutingKey> RoutingKeyFromBytes(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint64_t high = reader.Fixed64();
  const uint64_t low = reader.Fixed64();
  if (!reader.Done()) return std::nullopt;
  return RoutingKey{high, low};
}

std::string ToHex(RoutingKey key) { return absl::BytesToHexString(ToBytes(key)); }

bool KeyRange::Overlaps(const KeyRange& other) const {
  return (!end.has_value() || other.start < *end) && (!other.end.has_value() || start < *other.end);
}

KeyRange KeyRange::Intersection(const KeyRange& other) const {
  KeyRange both{std::max(start, other.start), end};
  if (other.end.has_value() && (!end.has_value() || *other.end < *end)) both.end = other.end;
  return both;
}

KeyRange RangeOfNamespace(absl::string_view name_space) {
  if (name_space.empty()) return KeyRange{kFirstRoutingKey, std::nullopt};
  const uint64_t high = StableHash64(name_space);
  return KeyRange{RoutingKey{high, 0}, Successor(RoutingKey{high, UINT64_MAX})};
}

}  // namespace shardd
