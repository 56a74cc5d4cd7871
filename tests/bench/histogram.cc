#include "tests/bench/histogram.h"

#include <bit>
#include <cmath>

namespace shardd::bench {

void Histogram::Add(uint64_t nanoseconds, uint64_t count) {
  buckets_[BucketOf(nanoseconds)] += count;
  count_ += count;
}

uint64_t Histogram::Quantile(double q) const {
  const auto rank = static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen > 0 && seen >= rank) return UpperEdge(bucket);
  }
  return 0;
}

size_t Histogram::BucketOf(uint64_t value) {
  if (value < kSubBuckets) return value;
  const int shift = std::bit_width(value) - 7;
  return (static_cast<size_t>(shift) + 1) * kSubBuckets + ((value >> shift) - kSubBuckets);
}

uint64_t Histogram::UpperEdge(size_t bucket) {
  if (bucket < kSubBuckets) return bucket;
  const size_t shift = bucket / kSubBuckets - 1;
  return ((kSubBuckets + bucket % kSubBuckets + 1) << shift) - 1;
}

}  // namespace shardd::bench
