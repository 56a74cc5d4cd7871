#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/config/config.h"

namespace shardd {

// "4096", "64KiB", "256MiB", "2GiB", "1TiB"; nullopt for anything else, also for what does not fit
// 64 bits. Decimal units are not taken: "256MB" would be read as either.
std::optional<ByteCount> ParseByteCount(absl::string_view text);

// The shortest spelling that ParseByteCount reads back exactly.
std::string ToText(ByteCount size);

}  // namespace shardd
