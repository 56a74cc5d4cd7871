#pragma once

#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "server/base/limits.h"

namespace shardd {

// When who works on an operation says how far it is: at first, and then each
// limits::kOperationProgressInterval while it goes on.
//
// Thread safety: none.
class OperationProgress {
 public:
  // So many more steps are done. Returns how many of those not told yet should be told now; 0:
  // none.
  uint64_t Add(uint64_t steps, absl::Time now) {
    untold_ += steps;
    if (untold_ == 0 || now < tell_at_) return 0;
    tell_at_ = now + limits::kOperationProgressInterval;
    return TakeRest();
  }
  // Those that are not told yet.
  uint64_t TakeRest() { return std::exchange(untold_, 0); }

 private:
  uint64_t untold_ = 0;
  absl::Time tell_at_ = absl::InfinitePast();
};

}  // namespace shardd
