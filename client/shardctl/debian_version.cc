#include "client/shardctl/debian_version.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace shardd::shardctl {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// The place of a character outside of numbers: the tilde comes first, even before the end; then the
// end and digits, then letters, then all else.
int Place(char c) {
  if (c == '~') return -1;
  if (IsDigit(c)) return 0;
  if (absl::ascii_isalpha(static_cast<unsigned char>(c))) return static_cast<unsigned char>(c);
  return static_cast<unsigned char>(c) + 256;
}

// Takes digits from the front; their number without leading zeros.
std::string_view TakeNumber(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && IsDigit(text[length])) ++length;
  std::string_view number = text.substr(0, length);
  text.remove_prefix(length);
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  return number;
}

// Compares two numbers of any length, without leading zeros.
int CompareNumbers(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

// Compares the parts up to the next digit, and takes them from the front.
int CompareLetters(std::string_view& a, std::string_view& b) {
  for (;;) {
    const bool a_goes_on = !a.empty() && !IsDigit(a.front());
    const bool b_goes_on = !b.empty() && !IsDigit(b.front());
    if (!a_goes_on && !b_goes_on) return 0;
    const int a_place = a_goes_on ? Place(a.front()) : 0;
    const int b_place = b_goes_on ? Place(b.front()) : 0;
    if (a_place != b_place) return a_place - b_place;
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
}

int CompareParts(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    if (const int order = CompareLetters(a, b); order != 0) return order;
    const std::string_view a_number = TakeNumber(a);
    const std::string_view b_number = TakeNumber(b);
    if (const int order = CompareNumbers(a_number, b_number); order != 0) return order;
  }
  return 0;
}

bool AllIn(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           also.find(c) != std::string_view::npos;
  });
}

absl::Status Malformed(std::string_view text, const char* why) {
  return absl::InvalidArgumentError(absl::StrCat("version \"", std::string(text), "\" ", why));
}

}  // namespace

absl::StatusOr<DebianVersion> DebianVersion::Parse(std::string_view text) {
  DebianVersion version;
  std::string_view rest = text;
  if (const size_t colon = rest.find(':'); colon != std::string_view::npos) {
    const std::string_view epoch = rest.substr(0, colon);
    if (epoch.empty() || !std::all_of(epoch.begin(), epoch.end(), IsDigit) ||
        !absl::SimpleAtoi(std::string(epoch), &version.epoch_)) {
      return Malformed(text, "has an epoch that is not a number");
    }
    rest.remove_prefix(colon + 1);
  }
  if (const size_t dash = rest.rfind('-'); dash != std::string_view::npos) {
    version.revision_ = rest.substr(dash + 1);
    rest = rest.substr(0, dash);
    if (version.revision_.empty()) return Malformed(text, "has an empty revision");
  }
  version.upstream_ = rest;
  if (version.upstream_.empty()) return Malformed(text, "has no number");
  if (!AllIn(version.upstream_, ".-+~:") || !AllIn(version.revision_, ".+~")) {
    return Malformed(text, "holds a character that no version may hold");
  }
  return version;
}

int DebianVersion::Compare(const DebianVersion& other) const {
  if (epoch_ != other.epoch_) return epoch_ < other.epoch_ ? -1 : 1;
  if (const int order = CompareParts(upstream_, other.upstream_); order != 0) return order;
  return CompareParts(revision_, other.revision_);
}

}  // namespace shardd::shardctl
