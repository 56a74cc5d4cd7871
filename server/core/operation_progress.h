#pragma once

#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "server/base/limits.h"

namespace shardd {

// When who works on an operation says how far it is: each limits::kOperationProgressInterval.
//
// Thread safety: none.
class OperationProgress {
 public:
  // So many more steps are done; `last`: no more come. Returns how many of those not told yet
  // should be told now; 0: none.
  uint64_t Add(uint64_t steps, bool last, absl::Time now) {
    // What is done within the first interval needs no word of its own.
    if (tell_at_ == absl::InfiniteFuture()) tell_at_ = now + limits::kOperationProgressInterval;
    untold_ += steps;
    if (now < tell_at_ && !last) return 0;
    tell_at_ = now + limits::kOperationProgressInterval;
    return std::exchange(untold_, 0);
  }

 private:
  uint64_t untold_ = 0;
  absl::Time tell_at_ = absl::InfiniteFuture();
};

}  // namespace shardd
