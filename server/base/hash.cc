#include "server/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace shardd {

uint64_t StableHash64(absl::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

Hash128 StableHash128(absl::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return Hash128{hash.high64, hash.low64};
}

}  // namespace shardd
