#include "server/shard_state_operations/weighted_median.h"

#include <utility>

#include "server/base/check.h"

namespace shardd {

WeightedMedian::WeightedMedian(size_t samples_max) : samples_max_(samples_max) {
  SHARDD_CHECK(samples_max >= 2);
}

void WeightedMedian::Add(RoutingKey key, uint64_t weight) {
  SHARDD_CHECK(!last_.has_value() || key >= *last_);
  const bool another = last_.has_value() && key != *last_;
  if (another && (samples_.empty() || total_ - samples_.back().below >= spacing_)) {
    samples_.push_back({key, total_});
    if (samples_.size() > samples_max_) Thin();
  }
  last_ = key;
  total_ += weight;
}

std::optional<RoutingKey> WeightedMedian::median() const {
  std::optional<RoutingKey> best;
  uint64_t best_difference = 0;
  for (const Sample& sample : samples_) {
    const uint64_t above = total_ - sample.below;
    const uint64_t difference = above > sample.below ? above - sample.below : sample.below - above;
    if (best.has_value() && difference >= best_difference) continue;
    best = sample.key;
    best_difference = difference;
  }
  return best;
}

void WeightedMedian::Thin() {
  while (samples_.size() > samples_max_ / 2) {
    spacing_ *= 2;
    std::vector<Sample> kept;
    for (const Sample& sample : samples_) {
      if (kept.empty() || sample.below - kept.back().below >= spacing_) kept.push_back(sample);
    }
    samples_ = std::move(kept);
  }
}

}  // namespace shardd
