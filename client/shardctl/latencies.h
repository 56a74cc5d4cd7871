#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace shardd::shardctl {

// A histogram of time spans with a relative error below 4 %: each power of two of nanoseconds is
// cut into 32 buckets.
//
// Thread safety: none; merge one for each thread.
class Latencies {
 public:
  void Add(absl::Duration latency);
  void Merge(const Latencies& other);

  // The span below which `fraction` of those added lie; zero if there are none.
  absl::Duration Percentile(double fraction) const;
  absl::Duration max() const { return absl::Nanoseconds(max_); }
  uint64_t count() const { return count_; }

 private:
  static constexpr size_t kSubBits = 5;
  static constexpr size_t kBuckets = (64 - kSubBits) << kSubBits;

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  int64_t max_ = 0;
};

}  // namespace shardd::shardctl
