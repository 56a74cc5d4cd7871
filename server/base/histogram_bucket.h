#pragma once

#include <algorithm>
#include <cstddef>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace shardd {

// Which bucket of a histogram a time falls into: the first whose upper bound is not below it;
// bounds.size() above the last. REQUIRES: the bounds rise.
inline size_t BucketOf(absl::Span<const absl::Duration> bounds, absl::Duration time) {
  return static_cast<size_t>(std::lower_bound(bounds.begin(), bounds.end(), time) - bounds.begin());
}

}  // namespace shardd
