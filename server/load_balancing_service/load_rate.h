#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace shardd {

// What a shard did in a stretch of time.
struct LoadSample {
  absl::Duration length;        // of the stretch
  uint64_t operations = 0;      // asked for, those that were refused too: shed load is load
  absl::Duration busy;          // the worker's time in turns
  absl::Duration mailbox_wait;  // of all its operations together
  uint64_t bytes = 0;           // read and written
};

// The same per unit of time.
struct LoadRate {
  double operations_per_second = 0;
  double busy_fraction = 0;     // of one worker
  absl::Duration mailbox_wait;  // of one operation, on average
  double bytes_per_second = 0;
  friend bool operator==(const LoadRate&, const LoadRate&) = default;
};

// REQUIRES: sample.length > 0.
LoadRate RateOf(const LoadSample& sample);
// Each signal's higher value.
LoadRate Highest(const LoadRate& a, const LoadRate& b);
// `weight` of `newer` and the rest of `older`. REQUIRES: weight is in [0, 1].
LoadRate Blend(const LoadRate& older, const LoadRate& newer, double weight);

// As much as one shard may have of each signal; the load of a shard that reaches any is 1.
struct LoadThresholds {
  double operations_per_second = 10'000;
  double busy_fraction = 0.7;
  absl::Duration mailbox_wait = absl::Milliseconds(5);
  double bytes_per_second = 64.0 * (1 << 20);
  friend bool operator==(const LoadThresholds&, const LoadThresholds&) = default;
};

// Stored; never reuse a number.
enum class LoadSignal : uint8_t { kOperations = 1, kBusy = 2, kMailboxWait = 3, kBytes = 4 };

// A rate as one number, and the signal it comes from: the one nearest to its threshold. Waiting
// counts only while the worker is at least half as busy as it may be: behind an idle worker
// requests wait for something that a second worker does not cure, such as a slow disk.
struct Load {
  double value = 0;
  LoadSignal signal = LoadSignal::kOperations;
};
Load LoadOf(const LoadRate& rate, const LoadThresholds& thresholds);

// "82 % busy", "12000 operations/s", …
std::string Describe(const LoadRate& rate, LoadSignal signal);

}  // namespace shardd
