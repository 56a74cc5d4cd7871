#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

// What the storage itself keeps in the family meta. See FORMAT.md.
namespace shardd::storage {

// The version of the whole data folder: of its files, families, keys and records. A change that an
// older daemon would misread raises it.
inline constexpr uint16_t kFormatVersion = 2;
// The first with a family of messages.
inline constexpr uint16_t kFormatWithMessages = 2;

// Fixed16, the version. Written when the folder is made, or opened by a newer version.
inline constexpr absl::string_view kFormatKey = "format";

// 16 random bytes: which data folder this is. Written once, together with the format.
inline constexpr absl::string_view kInstanceKey = "instance";
inline constexpr size_t kInstanceBytes = 16;

// Name of the home dropped last. Written before each drop; nothing reads it.
inline constexpr absl::string_view kDroppedKey = "dropped";

}  // namespace shardd::storage
