#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace shardd {

// Where an account lies in the key space: XXH3-64(namespace) then XXH3-64(id), 128 bits that sort
// as a big-endian number. A namespace is contiguous and still divisible. An account without a
// namespace uses the hash of its id twice.
struct RoutingKey {
  uint64_t high = 0;
  uint64_t low = 0;
  friend constexpr auto operator<=>(RoutingKey, RoutingKey) = default;
};

inline constexpr size_t kRoutingKeyBytes = 16;
inline constexpr RoutingKey kFirstRoutingKey{0, 0};
inline constexpr RoutingKey kLastRoutingKey{UINT64_MAX, UINT64_MAX};

RoutingKey RoutingKeyOf(absl::string_view name_space, absl::string_view id);

// The routing key that follows; nullopt after the last.
std::optional<RoutingKey> Successor(RoutingKey key);

// 16 bytes, big-endian; and back, nullopt unless there are exactly 16.
std::string ToBytes(RoutingKey key);
std::optional<RoutingKey> RoutingKeyFromBytes(absl::string_view bytes);

// 32 hexadecimal digits.
std::string ToHex(RoutingKey key);

// Routing keys in [start, end); no end means to the end of the key space.
struct KeyRange {
  RoutingKey start;
  std::optional<RoutingKey> end;

  bool Contains(RoutingKey key) const { return key >= start && (!end.has_value() || key < *end); }
  bool Overlaps(const KeyRange& other) const;
  // The keys of both; if they do not overlap, a range that holds none.
  KeyRange Intersection(const KeyRange& other) const;
  friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

// All routing keys of a namespace; of the whole key space if it is empty.
KeyRange RangeOfNamespace(absl::string_view name_space);

}  // namespace shardd
