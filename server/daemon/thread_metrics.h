#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <map>
#include <vector>

#include "absl/time/time.h"
#include "server/threads_tracking_service/thread_event_log.h"
#include "server/threads_tracking_service/thread_record.h"

namespace shardd {

// What /metrics tells of threads.
struct ThreadMetrics {
  std::vector<ThreadStatus> threads;
  ThreadEventLog::StallCounts stalls;
  std::map<ThreadRole, absl::Duration> cpu_time;  // ended threads included
};

// How many workers have a series of their own for how busy they are: the busiest. The others are
// averaged under thread="other".
inline constexpr size_t kWorkersNamedMax = 20;

std::vector<prometheus::MetricFamily> ThreadMetricFamiliesOf(const ThreadMetrics& metrics);

}  // namespace shardd
