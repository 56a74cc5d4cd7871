#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "server/core/event.h"
#include "server/core/shard_command.h"
#include "storage/store.h"
#include "storage/write_set.h"

namespace shardd {

using ShardEffect =
    std::variant<Reply, WatchEvent, PurgeResult, PassOn, MessagesReady, SurveyOrder, CancelJob,
                 StartShard, EndShard, ShardReport>;

// One turn of a shard's worker: the requests that one batch covers.
//
// All effects of a turn wait for its batch: nothing leaves a worker before the batch that records
// it is durable. If the commit fails, none of them happens and the daemon stops.
struct ShardTurn {
  absl::Time now;
  const storage::Reader* committed = nullptr;  // fixed for the turn
  storage::WriteSet batch;
  std::vector<ShardEffect> effects;
  // What its reads have found; and, of that, what those of the last call have.
  size_t read_bytes = 0;
  uint64_t last_call = 0;
  size_t last_call_read_bytes = 0;
  // Requests refused because they were routed by another table than the shard's.
  uint64_t stale_routes = 0;
  // When the core wants to be stepped again even without a request. Replaces any earlier wish;
  // being early is harmless.
  absl::Time wake_at = absl::InfiniteFuture();
};

}  // namespace shardd
