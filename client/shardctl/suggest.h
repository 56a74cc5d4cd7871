#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shardd::shardctl {

// How many letters must be added, dropped, changed or swapped with their neighbour to turn one word
// into the other.
size_t EditDistance(std::string_view a, std::string_view b);

// The candidate that `word` is most likely a misspelling of, if any is near.
std::optional<std::string> Nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace shardd::shardctl
