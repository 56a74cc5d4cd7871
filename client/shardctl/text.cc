#include "client/shardctl/text.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace shardd::shardctl {
namespace {

// The length of the well-formed UTF-8 sequence at the start of `bytes`; 0 if there is none.
size_t SequenceLength(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies past U+10FFFF.
  if (first == 0xe0 && at(1) < 0xa0) return 0;
  if (first == 0xed && at(1) > 0x9f) return 0;
  if (first == 0xf0 && at(1) < 0x90) return 0;
  if (first == 0xf4 && at(1) > 0x8f) return 0;
  return length;
}

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

void AppendEscaped(unsigned char byte, std::string& out) {
  if (byte == '\n') {
    out += "\\n";
  } else if (byte == '\t') {
    out += "\\t";
  } else {
    absl::StrAppendFormat(&out, "\\x%02x", byte);
  }
}

}  // namespace

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = SequenceLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (const char byte : text) width += IsContinuation(byte) ? 0 : 1;
  return width;
}

std::string Truncate(std::string_view text, size_t width) {
  if (width == 0 || DisplayWidth(text) <= width) return std::string(text);
  size_t columns = 0;
  size_t end = 0;
  while (end < text.size()) {
    if (!IsContinuation(text[end]) && ++columns == width) break;
    ++end;
  }
  return absl::StrCat(std::string(text.substr(0, end)), "…");
}

std::string Printable(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const size_t length = SequenceLength(bytes);
    const auto first = static_cast<unsigned char>(bytes[0]);
    // U+0080 to U+009F are control characters too.
    const bool c1_control =
        length == 2 && first == 0xc2 && static_cast<unsigned char>(bytes[1]) < 0xa0;
    if (length == 0 || first < 0x20 || first == 0x7f) {
      AppendEscaped(first, out);
      bytes.remove_prefix(1);
    } else if (c1_control) {
      AppendEscaped(static_cast<unsigned char>(bytes[1]), out);
      bytes.remove_prefix(2);
    } else {
      out += bytes.substr(0, length);
      bytes.remove_prefix(length);
    }
  }
  return out;
}

std::string Hex(std::string_view bytes) {
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

std::string Base64(std::string_view bytes) {
  return absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()));
}

absl::StatusOr<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(absl::string_view(text.data(), text.size()), &bytes) ||
      Base64(bytes) != text) {
    return absl::InvalidArgumentError("not base64");
  }
  return bytes;
}

absl::StatusOr<std::string> FromHex(std::string_view text) {
  std::string bytes = absl::HexStringToBytes(absl::string_view(text.data(), text.size() / 2 * 2));
  std::string lower(text);
  for (char& c : lower) c = absl::ascii_tolower(c);
  if (Hex(bytes) != lower) return absl::InvalidArgumentError("not hexadecimal");
  return bytes;
}

std::string RoutingKeyText(std::string_view key) {
  // The namespace's half. Most ranges begin and end at its borders, or not far behind.
  constexpr size_t kShownAlways = 8;
  size_t size = key.size();
  while (size > kShownAlways && key[size - 1] == '\0') --size;
  return Hex(key.substr(0, size));
}

std::string Thousands(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string HumanBytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = static_cast<double>(bytes);
  size_t unit = 0;
  while (amount >= 1024 && unit + 1 < std::size(kUnits)) {
    amount /= 1024;
    ++unit;
  }
  if (unit == 0 || amount >= 99.95) return absl::StrFormat("%.0f %s", amount, kUnits[unit]);
  return absl::StrFormat("%.1f %s", amount, kUnits[unit]);
}

std::string HumanDuration(absl::Duration duration) {
  if (duration < absl::Seconds(1)) {
    return absl::StrFormat("%dms", absl::ToInt64Milliseconds(duration));
  }
  if (duration < absl::Minutes(1)) {
    return absl::StrFormat("%.1fs", absl::ToDoubleSeconds(duration));
  }
  const int64_t minutes = absl::ToInt64Minutes(duration);
  if (minutes < 60) return absl::StrFormat("%dm %ds", minutes, absl::ToInt64Seconds(duration) % 60);
  const int64_t hours = minutes / 60;
  if (hours < 24) return absl::StrFormat("%dh %dm", hours, minutes % 60);
  return absl::StrFormat("%dd %dh", hours / 24, hours % 24);
}

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

}  // namespace shardd::shardctl
