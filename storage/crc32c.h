#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace shardd::storage {

// CRC-32C (Castagnoli) of `bytes`, rotated and offset the way RocksDB's log stores it, so that a
// checksum of bytes that hold checksums stays useful.
uint32_t MaskedCrc32c(absl::string_view bytes);

}  // namespace shardd::storage
