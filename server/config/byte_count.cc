#include "server/config/byte_count.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace shardd {
namespace {

struct Unit {
  absl::string_view name;
  int shift;
};
constexpr Unit kUnits[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"", 0}};

}  // namespace

std::optional<ByteCount> ParseByteCount(absl::string_view text) {
  for (const Unit& unit : kUnits) {
    absl::string_view digits = text;
    if (!absl::ConsumeSuffix(&digits, unit.name)) continue;
    uint64_t number = 0;
    // SimpleAtoi alone would also take blanks and a sign.
    if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit)) return std::nullopt;
    if (!absl::SimpleAtoi(digits, &number)) return std::nullopt;
    if (number > (std::numeric_limits<uint64_t>::max() >> unit.shift)) return std::nullopt;
    return ByteCount{number << unit.shift};
  }
  return std::nullopt;
}

std::string ToText(ByteCount size) {
  for (const Unit& unit : kUnits) {
    const uint64_t rest = size.value & ((uint64_t{1} << unit.shift) - 1);
    if (size.value != 0 && rest == 0) return absl::StrCat(size.value >> unit.shift, unit.name);
  }
  return "0";
}

}  // namespace shardd
