#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "shardd/v1/shard.pb.h"
#include "shardd/v1/thread_tracking.pb.h"

namespace shardd::shardctl {

// Everything that `top` looks at, as of one moment.
struct ShardSample {
  absl::Time time;
  uint64_t epoch = 0;
  std::vector<v1::Shard> shards;
  std::map<std::string, v1::Thread> threads;  // by id
};

// What a shard did between two samples.
struct ShardRate {
  v1::Shard shard;
  double operations_per_second = 0;
  double batches_per_second = 0;
  // Of one thread's time, 0 to 1.
  double busy = 0;
};

// For each shard of the later sample. One that is new, or that counts anew since the daemon was
// started again, has done all that it counts.
std::vector<ShardRate> RatesBetween(const ShardSample& earlier, const ShardSample& later);

enum class RateOrder { kOperations, kBusy, kMailbox, kAccounts, kBytes };

// The most first; by id where equal.
void Sort(RateOrder order, std::vector<ShardRate>& rates);

}  // namespace shardd::shardctl
