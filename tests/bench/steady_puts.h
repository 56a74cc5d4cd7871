#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "tests/bench/frame_source.h"

namespace shardd::bench {

// A span of time.
struct Window {
  MeterClock::time_point begin;
  MeterClock::time_point end;
};

// Frames of `operations` puts of random accounts until Stop, and when each was sent and answered.
//
// Thread safety: Stop and the questions are for any thread; the rest is SessionLoad's.
class SteadyPuts final : public FrameSource {
 public:
  SteadyPuts(int operations, Dataset& dataset) : operations_(operations), dataset_(dataset) {}

  bool Next(v1::SessionRequest& frame) override;
  absl::Status Answered(MeterClock::time_point started, const v1::SessionResponse& answer) override;

  // No frame is sent after this.
  void Stop() { stopped_ = true; }

  // Puts answered in `window`, a second.
  double RateIn(Window window) const;

  // How long the slowest frame of those took that were under way in `window`, in milliseconds. One
  // that is not yet answered does not count.
  double SlowestMsIn(Window window) const;

 private:
  const int operations_;
  Dataset& dataset_;
  std::atomic<bool> stopped_{false};
  mutable Mutex mutex_;
  // In the order of the answers.
  std::vector<Window> frames_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd::bench
