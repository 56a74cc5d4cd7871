#pragma once

#include <memory>
#include <vector>

#include "server/core/coordinator_event.h"
#include "server/routing/table_history.h"
#include "server/runtime/shard_load.h"

namespace shardd {

// What the balancer sees of the daemon, as of one moment.
struct BalancingView {
  std::shared_ptr<const RouteTable> table;
  std::vector<std::shared_ptr<ShardLoadMeter>> meters;  // meters[i] is that of route i
  std::shared_ptr<const ShardNotes> notes;
  std::shared_ptr<const OperationTable> operations;
};

}  // namespace shardd
