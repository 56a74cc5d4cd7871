#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace shardd::shardctl {

// Whether `bytes` are well-formed UTF-8.
bool IsUtf8(std::string_view bytes);

// How many columns `text` takes on a terminal: its code points, for UTF-8.
size_t DisplayWidth(std::string_view text);

// `text`, cut to `width` columns with "…" at the end if it is longer.
std::string Truncate(std::string_view text, size_t width);

// `bytes` in one line that cannot disturb a terminal: control characters become \n, \t or \xNN, and
// so does everything in what is not UTF-8.
std::string Printable(std::string_view bytes);

std::string Hex(std::string_view bytes);
std::string Base64(std::string_view bytes);

// Refuses what Base64 does not write.
absl::StatusOr<std::string> FromBase64(std::string_view text);
absl::StatusOr<std::string> FromHex(std::string_view text);

// A routing key, without the zero bytes at its end beyond the first half. What is left out is what
// `--at` puts there, so that a copied key is the same key.
std::string RoutingKeyText(std::string_view key);

// 1234567 as "1,234,567".
std::string Thousands(uint64_t number);

// Bytes for people: "402 MiB", "1.2 KiB", "17 B".
std::string HumanBytes(uint64_t bytes);

// A time span for people: "12d 4h", "3.1s", "250ms".
std::string HumanDuration(absl::Duration duration);

// RFC 3339 in UTC.
std::string Rfc3339(absl::Time time);

}  // namespace shardd::shardctl
