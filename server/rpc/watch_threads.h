#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "server/rpc/write_stream.h"
#include "server/threads_tracking_service/thread_event_log.h"
#include "shardd/v1/thread_tracking.pb.h"

namespace shardd::rpc {

// ThreadTrackingService.WatchThreads: the events from the caller's revision on, then each as it
// comes, and signs of life in between.
//
// Looks at the log several times a second: the watchdog, which fills it, must not have to wake
// pollers, since it also watches them.
class WatchThreads final : public WriteStream<v1::WatchThreadsRequest, v1::WatchThreadsResponse> {
 public:
  WatchThreads(const Config& config, Lane& lane, const ThreadEventLog* events)
      : WriteStream(config, lane), events_(*events) {}

 private:
  void OnStart() override;
  void OnWritten() override;
  void OnTimer() override;

  // Writes what is new, if anything is. An error has ended the stream.
  void WriteNext();

  const ThreadEventLog& events_;
  uint64_t next_ = 0;        // the first revision that the caller does not have
  absl::Time silent_since_;  // when something was last written
};

}  // namespace shardd::rpc
