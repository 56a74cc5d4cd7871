#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/time/time.h"

namespace shardd {

// How busy a thread was over the last ten seconds or so, from readings of its total busy time.
//
// Thread safety: none.
class BusyWindow {
 public:
  // `busy` is the total at `now`. Returns the share of the window that was busy, from 0 to 1.
  // REQUIRES: `now` is not before the `now` of the previous call.
  double Add(absl::Time now, absl::Duration busy) {
    if (count_ == 0 || now - newest().time >= kStep) Push({now, busy});
    const Reading& oldest = readings_[first_];
    const absl::Duration span = now - oldest.time;
    if (span <= absl::ZeroDuration()) return 0;
    return std::clamp(absl::FDivDuration(busy - oldest.busy, span), 0.0, 1.0);
  }

  static constexpr size_t kReadingsMax = 11;
  static constexpr absl::Duration kStep = absl::Seconds(1);

 private:
  struct Reading {
    absl::Time time;
    absl::Duration busy;
  };

  const Reading& newest() const { return readings_[(first_ + count_ - 1) % kReadingsMax]; }

  void Push(const Reading& reading) {
    if (count_ == kReadingsMax) {
      first_ = (first_ + 1) % kReadingsMax;
      --count_;
    }
    readings_[(first_ + count_) % kReadingsMax] = reading;
    ++count_;
  }

  std::array<Reading, kReadingsMax> readings_;
  size_t first_ = 0;
  size_t count_ = 0;
};

}  // namespace shardd
