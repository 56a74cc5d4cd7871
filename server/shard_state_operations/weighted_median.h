#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/account/routing_key.h"

namespace shardd {

// Finds the routing key that halves a weight, of keys that come in order, in bounded memory.
//
// It keeps some of the keys and the weight below each; when there are too many it keeps those that
// lie farther apart. So its answer is off by at most 4 / samples_max of the whole, besides what the
// weight of single keys makes unavoidable.
//
// Thread safety: none.
class WeightedMedian {
 public:
  // REQUIRES: samples_max is 2 or more.
  explicit WeightedMedian(size_t samples_max);

  // REQUIRES: `key` is not below the one before; it may be the same.
  void Add(RoutingKey key, uint64_t weight);

  // The key, never the first one, for which the weight of the keys below it is nearest to half of
  // all; nullopt unless there were two different ones.
  std::optional<RoutingKey> median() const;

 private:
  struct Sample {
    RoutingKey key;
    uint64_t below = 0;
  };

  void Thin();

  const size_t samples_max_;
  std::vector<Sample> samples_;  // by key, `spacing_` apart or more
  uint64_t spacing_ = 1;
  uint64_t total_ = 0;
  std::optional<RoutingKey> last_;
};

}  // namespace shardd
