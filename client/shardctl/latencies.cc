#include "client/shardctl/latencies.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace shardd::shardctl {
namespace {

constexpr uint64_t kSubBits = 5;

size_t BucketOf(uint64_t nanos) {
  if (nanos < (uint64_t{1} << kSubBits)) return nanos;
  const uint64_t shift = static_cast<uint64_t>(std::bit_width(nanos)) - 1 - kSubBits;
  return (shift << kSubBits) + (nanos >> shift);
}

// The middle of a bucket.
uint64_t ValueOf(size_t bucket) {
  if (bucket < (size_t{2} << kSubBits)) return bucket;
  const uint64_t shift = (bucket >> kSubBits) - 1;
  const uint64_t start = (bucket - (shift << kSubBits)) << shift;
  return start + (uint64_t{1} << shift) / 2;
}

}  // namespace

void Latencies::Add(absl::Duration latency) {
  const int64_t nanos = std::max<int64_t>(absl::ToInt64Nanoseconds(latency), 0);
  ++buckets_[std::min(BucketOf(static_cast<uint64_t>(nanos)), kBuckets - 1)];
  ++count_;
  max_ = std::max(max_, nanos);
}

void Latencies::Merge(const Latencies& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

absl::Duration Latencies::Percentile(double fraction) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= wanted && seen > 0) {
      return absl::Nanoseconds(std::min(static_cast<int64_t>(ValueOf(i)), max_));
    }
  }
  return absl::ZeroDuration();
}

}  // namespace shardd::shardctl
