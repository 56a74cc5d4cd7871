#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace shardd {

// 128 bits, as two halves.
struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

// XXH3-64 with seed 0 (https://github.com/Cyan4973/xxHash). Fixed for ever: its values are stored
// and route requests.
uint64_t StableHash64(absl::string_view bytes);

// XXH3-128 with seed 0, in the same way.
Hash128 StableHash128(absl::string_view bytes);

}  // namespace shardd
