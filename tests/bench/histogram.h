#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace shardd::bench {

// Counts durations in log-linear buckets: every power of two is cut into 64, so a quantile is off
// by at most 1.6 %.
//
// Thread safety: none.
class Histogram {
 public:
  void Add(uint64_t nanoseconds, uint64_t count = 1);

  // The upper edge of the bucket that holds quantile `q`, 0 to 1; 0 if nothing was added.
  uint64_t Quantile(double q) const;

  uint64_t count() const { return count_; }

 private:
  static constexpr size_t kSubBuckets = 64;
  // 64-bit values have 58 positions for the six bits below the highest one, plus the values below
  // 64 themselves.
  static constexpr size_t kBuckets = 59 * kSubBuckets;

  static size_t BucketOf(uint64_t value);
  static uint64_t UpperEdge(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
};

}  // namespace shardd::bench
