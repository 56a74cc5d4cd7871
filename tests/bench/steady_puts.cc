#include "tests/bench/steady_puts.h"

#include <algorithm>

namespace shardd::bench {

bool SteadyPuts::Next(v1::SessionRequest& frame) {
  if (stopped_) return false;
  FillPuts(dataset_, operations_, frame);
  return true;
}

absl::Status SteadyPuts::Answered(MeterClock::time_point started,
                                  const v1::SessionResponse& answer) {
  const absl::Status right = CheckPutAnswers(answer, operations_);
  if (!right.ok()) return right;
  MutexLock lock(mutex_);
  frames_.push_back({started, MeterClock::now()});
  return absl::OkStatus();
}

double SteadyPuts::RateIn(Window window) const {
  const auto before = [](const Window& frame, MeterClock::time_point time) {
    return frame.end < time;
  };
  MutexLock lock(mutex_);
  const auto first = std::lower_bound(frames_.begin(), frames_.end(), window.begin, before);
  const auto last = std::lower_bound(first, frames_.end(), window.end, before);
  const std::chrono::duration<double> seconds = window.end - window.begin;
  return static_cast<double>((last - first) * operations_) / seconds.count();
}

double SteadyPuts::SlowestMsIn(Window window) const {
  MutexLock lock(mutex_);
  MeterClock::duration slowest{};
  for (auto frame = frames_.rbegin(); frame != frames_.rend() && frame->end >= window.begin;
       ++frame) {
    if (frame->begin <= window.end) slowest = std::max(slowest, frame->end - frame->begin);
  }
  return std::chrono::duration<double, std::milli>(slowest).count();
}

}  // namespace shardd::bench
