#pragma once

#include "server/logging/urgent_log.h"
#include "server/threads_tracking_service/thread_event.h"

namespace shardd {

// Tells the operator of a stall and of its end. Threads that start and stop are no news: the watch
// of threads tells of them.
void ReportThreadEvent(const ThreadEvent& event, UrgentLog& log);

}  // namespace shardd
