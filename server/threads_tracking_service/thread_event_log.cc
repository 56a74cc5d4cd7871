#include "server/threads_tracking_service/thread_event_log.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/threads_tracking_service/limits.h"

namespace shardd {

bool ThreadEventLog::TryAppend(std::vector<ThreadEvent>& events) {
  if (events.empty()) return true;
  if (!mutex_.TryLock()) return false;
  for (ThreadEvent& event : events) {
    event.revision = ++last_revision_;
    if (event.kind == ThreadEventKind::kStalled) ++stalls_[{event.role, event.phase}];
    events_.push_back(std::make_shared<const ThreadEvent>(std::move(event)));
    if (events_.size() > limits::kThreadEventsKept) events_.pop_front();
  }
  mutex_.Unlock();
  events.clear();
  return true;
}

absl::StatusOr<ThreadEventLog::Page> ThreadEventLog::From(uint64_t start, size_t events_max) const {
  MutexLock lock(mutex_);
  if (start < oldest_revision() || start > last_revision_ + 1) {
    const bool ahead = start > last_revision_;
    return WithMetadata(
        Error(Reason::kRevisionCompacted,
              absl::StrCat("revision ", start,
                           ahead ? " has not been reached since the daemon started"
                                 : " of the thread events is no longer kept",
                           "; ", oldest_revision(), " to ", last_revision_ + 1, " can be had")),
        "oldest_revision", absl::StrCat(oldest_revision()));
  }
  Page page;
  page.last_revision = last_revision_;
  const size_t first = start - oldest_revision();
  const size_t last = std::min(events_.size(), first + events_max);
  for (size_t i = first; i < last; ++i) page.events.push_back(events_[i]);
  return page;
}

uint64_t ThreadEventLog::last_revision() const {
  MutexLock lock(mutex_);
  return last_revision_;
}

ThreadEventLog::StallCounts ThreadEventLog::stalls() const {
  MutexLock lock(mutex_);
  return stalls_;
}

}  // namespace shardd
