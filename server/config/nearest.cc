#include "server/config/nearest.h"

#include <algorithm>
#include <string>
#include <vector>

#include "server/base/check.h"

namespace shardd {
namespace {

// Texts come from outside and may be long; no key is.
constexpr size_t kComparedBytesMax = 128;

size_t DistanceToKey(absl::string_view text, absl::string_view key) {
  const size_t whole = EditDistance(text, key);
  const size_t dot = key.rfind('.');
  if (dot == absl::string_view::npos) return whole;
  return std::min(whole, EditDistance(text, key.substr(dot + 1)));
}

}  // namespace

size_t EditDistance(absl::string_view a, absl::string_view b) {
  a = a.substr(0, kComparedBytesMax);
  b = b.substr(0, kComparedBytesMax);
  // Three rows of the table of distances between the prefixes of a and those of b.
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

std::string Nearest(absl::string_view text, const std::vector<std::string>& candidates) {
  SHARDD_CHECK(!candidates.empty());
  const auto nearer = [text](const std::string& a, const std::string& b) {
    return DistanceToKey(text, a) < DistanceToKey(text, b);
  };
  return *std::min_element(candidates.begin(), candidates.end(), nearer);
}

}  // namespace shardd
