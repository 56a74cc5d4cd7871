#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace shardd {

// How many characters must be added, removed, changed or swapped with their neighbour to turn one
// text into the other.
size_t EditDistance(absl::string_view a, absl::string_view b);

// The candidate most like `text`; the first of several. A candidate "section.name" also counts by
// its name alone, for keys that lack their section. REQUIRES: candidates is not empty.
std::string Nearest(absl::string_view text, const std::vector<std::string>& candidates);

}  // namespace shardd
