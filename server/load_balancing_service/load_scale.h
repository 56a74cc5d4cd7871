#pragma once

#include <cstdint>

#include "server/load_balancing_service/balancing_snapshot.h"

namespace shardd {

// What is much and what is little, at this moment. Loads are numbers of LoadOf.
struct LoadScale {
  // Of the measured shards that can be split; one below the floor counts for its share of that. 0:
  // there is none.
  double mean = 0;
  double highest = 0;      // of the same shards
  double split_above = 1;  // the load at which a shard should be split
  double merge_below = 0;  // what the peaks of two neighbours together must stay under
};

LoadScale ScaleOf(const BalancingSnapshot& snapshot);

}  // namespace shardd
