#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/time/time.h"
#include "tests/bench/histogram.h"
#include "tests/bench/process_usage.h"

namespace shardd::bench {

using MeterClock = std::chrono::steady_clock;

struct MeterOptions {
  absl::Duration warm_up;
  absl::Duration measured;
  int server_pid = 0;  // Whose CPU and memory to report; 0: nobody's.
};

// One measurement: a warm-up that does not count, then a window that does.
//
// Thread safety: none.
class Meter {
 public:
  // Starts the warm-up.
  explicit Meter(const MeterOptions& options);

  // Whether the window is over, so that no new work should start.
  bool Over(MeterClock::time_point now) const { return now >= end_; }

  // Notes that `operations` which began together at `started` were answered at `now`.
  // REQUIRES: `now` is not before the `now` of the previous call, but for the delay of taking a
  // lock.
  void Record(MeterClock::time_point started, MeterClock::time_point now, uint64_t operations);

  // Whether an answer came after the window, so that there is something to report.
  bool closed() const { return closed_; }

  // Operations a second, latency quantiles, and what each operation cost the server. REQUIRES:
  // closed().
  nlohmann::json Report() const;

 private:
  struct Edge {
    MeterClock::time_point time;
    ProcessUsage usage;
  };

  const int server_pid_;
  const MeterClock::time_point begin_;
  const MeterClock::time_point end_;
  bool measuring_ = false;
  bool closed_ = false;
  Edge first_;
  Edge last_;
  Histogram latency_;
};

}  // namespace shardd::bench
