#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "server/base/ids.h"
#include "server/daemon/balancing_metrics.h"
#include "server/daemon/process_usage.h"
#include "server/daemon/shard_metrics.h"
#include "server/daemon/version.h"
#include "server/rpc/call_metrics.h"
#include "server/runtime/mailbox_waits.h"
#include "server/runtime/runtime.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "storage/store.h"

namespace shardd {

// Everything that /metrics tells, as of about one moment.
struct MetricsSnapshot {
  Version version;
  ProcessUsage process;
  std::vector<ThreadStatus> threads;
  ThreadEventLog::StallCounts thread_stalls;
  std::map<ThreadRole, absl::Duration> thread_cpu_time;
  std::vector<rpc::MethodCounts> calls;
  // The rest is known once the data folder is open.
  bool storage_healthy = false;
  bool disk_full = false;
  std::optional<storage::SpaceUsage> space;
  TableEpoch epoch;
  uint64_t stale_routes = 0;
  std::vector<ShardStatus> shards;
  absl::Time now;  // when it was taken
  MailboxWaits mailbox_waits;
  ShardSeries shard_series;
  std::optional<BalancingSeries> balancer;
};

// How many shards have series of their own; the others are added up under shard="other", so that
// the number of series stays bounded. The busiest are named: a shard that overtakes another moves
// between its own series and the sum.
inline constexpr size_t kShardsNamedMax = 20;

std::vector<prometheus::MetricFamily> MetricFamiliesOf(const MetricsSnapshot& snapshot);

}  // namespace shardd
