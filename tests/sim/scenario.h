#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/base/bounded_queue.h"
#include "server/base/random.h"
#include "server/core/shard_core.h"
#include "server/routing/route_table.h"

namespace shardd::sim {

// What a seed decides before its run: sizes, limits, and how often things go wrong. Different seeds
// are different worlds, so that a rare setting is met by some of them.
struct Scenario {
  explicit Scenario(Random& random);

  std::vector<AccountRef> accounts;  // few, so that clients meet on them
  RouteTable table;
  ShardCore::Options core;
  QueueLimits mailbox;
  QueueLimits coordinator_queue;
  size_t batch_bytes_max = 0;
  size_t purge_accounts_max = 0;
  uint64_t steps = 0;
  uint64_t connections = 0;
  absl::Duration jump_max;      // of the clock, now and then
  bool clock_set_back = false;  // at restarts
  bool several = false;  // consumers take several messages of an account at a time
  bool storm = false;           // shards are split, merged and moved all the time

  // Once in so many steps; 0 is never.
  uint64_t crash_one_in = 0;
  uint64_t sync_failure_one_in = 0;
  uint64_t stop_one_in = 0;
  uint64_t jump_one_in = 0;
};

}  // namespace shardd::sim
