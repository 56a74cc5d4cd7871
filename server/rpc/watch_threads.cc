#include "server/rpc/watch_threads.h"

#include <memory>

#include "absl/status/statusor.h"
#include "server/base/limits.h"
#include "server/rpc/convert_threads.h"
#include "server/threads_tracking_service/limits.h"

namespace shardd::rpc {
namespace {

constexpr absl::Duration kThreadsLookInterval = absl::Milliseconds(250);

}  // namespace

void WatchThreads::OnStart() {
  next_ = request().start_revision();
  if (next_ == 0) next_ = events_.last_revision() + 1;
  // The first thing a caller gets, if nothing else, is a sign of life.
  silent_since_ = absl::InfinitePast();
  WriteNext();
  if (!over()) StartTimer(kThreadsLookInterval);
}

void WatchThreads::OnWritten() { WriteNext(); }

void WatchThreads::OnTimer() {
  if (over()) return;
  WriteNext();
  if (!over()) StartTimer(kThreadsLookInterval);
}

void WatchThreads::WriteNext() {
  if (writing() || over()) return;
  const absl::StatusOr<ThreadEventLog::Page> page =
      events_.From(next_, limits::kThreadEventsPerMessage);
  if (!page.ok()) return Finish(page.status());
  const absl::Time now = shared().clock.Now();
  if (page->events.empty() && now - silent_since_ < limits::kWatchProgressInterval) return;
  v1::WatchThreadsResponse response;
  for (const std::shared_ptr<const ThreadEvent>& event : page->events) {
    ToProto(*event, *response.add_events());
  }
  next_ += page->events.size();
  response.set_progress_revision(next_ - 1);
  silent_since_ = now;
  Write(response);
}

}  // namespace shardd::rpc
