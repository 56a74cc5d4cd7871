#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "server/load_balancing_service/limits.h"
#include "server/load_balancing_service/load_rate.h"

namespace shardd {

// One look at a shard's load.
struct LoadCheck {
  absl::Time at;      // the end of what it covers
  LoadRate own;       // since the check before
  LoadRate smoothed;  // with the ones before, whose weight fades
  friend bool operator==(const LoadCheck&, const LoadCheck&) = default;
};

// What is known of a shard's load at one moment.
struct LoadSummary {
  absl::Time since = absl::InfinitePast();  // measured without a gap from here …
  std::vector<LoadCheck> checks;            // the newest ones, newest last
  LoadRate peak;  // the highest check of each signal in five to six minutes

  bool measured() const { return !checks.empty(); }
  // … to here. REQUIRES: measured().
  absl::Time until() const { return checks.back().at; }
  // REQUIRES: measured().
  const LoadRate& smoothed() const { return checks.back().smoothed; }
  // Whether `peak` covers five minutes; before that it is not known.
  bool peak_known() const { return measured() && until() - since >= limits::kPeakWindow; }

  friend bool operator==(const LoadSummary&, const LoadSummary&) = default;
};

// How many of the newest checks in a row were above `threshold`, both by their own rate and
// smoothed: one burst lifts the smoothed rate for a while, but not the checks that follow it.
uint32_t BreachesOf(const LoadSummary& summary, const LoadThresholds& thresholds, double threshold);

// The load of one shard over the last minutes, in fixed memory.
//
// Samples add up until they cover a check interval; then one check is made of them. A change of the
// shard's range or owner begins a new window: load of before says nothing about after.
//
// Thread safety: none.
// Invariant: nothing from before `since` is in any value.
class LoadWindow {
 public:
  struct Pace {
    absl::Duration check_interval;
    absl::Duration smoothing;  // after this long a change of the load is seen by 63 %
  };

  // REQUIRES: both durations of `pace` are positive.
  LoadWindow(absl::Time since, Pace pace);

  // Adds what ended at `now`. A sample that began before `since` is dropped. After a gap the window
  // begins anew with the sample. REQUIRES: sample.length > 0; `now` does not go back.
  void Add(absl::Time now, const LoadSample& sample);

  LoadSummary Summary() const;

 private:
  struct PeakSlot {
    int64_t number = -1;  // -1: unused
    LoadRate highest;
  };

  void Restart(absl::Time since);
  void Check();
  void RaisePeak(const LoadRate& rate);
  LoadRate Peak() const;

  Pace pace_;
  absl::Time since_;
  absl::Time until_;  // the end of the newest sample
  LoadSample pending_;
  std::array<LoadCheck, limits::kLoadChecksKept> checks_;
  size_t checks_made_ = 0;
  std::array<PeakSlot, limits::kPeakSlots> peaks_;
  int64_t newest_slot_ = 0;
};

}  // namespace shardd
