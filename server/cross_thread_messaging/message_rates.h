#pragma once

#include <vector>

#include "absl/time/time.h"
#include "server/base/ids.h"

namespace shardd {

// How often something happens, smoothed: what is long past counts exponentially less, by 1/e in
// limits::kMessageRateSmoothing.
//
// Thread safety: none. A value.
class SmoothedRate {
 public:
  // It happens once.
  void Add(absl::Time now);
  // What the other counts, counts here too.
  void Add(const SmoothedRate& other, absl::Time now);
  // Times a second. A clock that was set back changes nothing.
  double PerSecond(absl::Time now) const;

 private:
  double per_second_ = 0;  // as of as_of_
  absl::Time as_of_ = absl::InfinitePast();
};

// How many messages a shard takes in from another.
struct MessageRate {
  ShardId from;  // 0: all those that are not told apart
  SmoothedRate rate;
};

// How many messages a shard takes in from which others: a row of the matrix that operators look at.
// So many are told apart, with the highest rates; the others are one. By Metwally's Space-Saving
// ("Efficient computation of frequent and top-k elements in data streams", ICDT 2005), but what
// makes room goes to the others, so that no rate is too high and the sum is right.
//
// Thread safety: none.
class MessageRates {
 public:
  // `sources_max`: those told apart. REQUIRES: above 0.
  explicit MessageRates(size_t sources_max) : sources_max_(sources_max) {}

  // One from this shard is taken in.
  void Add(ShardId from, absl::Time now);
  // At most sources_max and the others.
  const std::vector<MessageRate>& rates() const { return rates_; }

 private:
  MessageRate& Find(ShardId from, absl::Time now);
  MessageRate& Others();

  size_t sources_max_;
  std::vector<MessageRate> rates_;
};

}  // namespace shardd
