#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "server/daemon/stop_requests.h"
#include "server/runtime/service_thread.h"
#include "server/threads_tracking_service/thread_registry.h"

namespace shardd {

// Sets how this process takes signals: SIGTERM and SIGINT are kept for a SignalWatcher; SIGHUP and
// SIGPIPE are ignored, there is no reload. Call it before any thread starts: threads inherit it.
void PrepareSignals();

// Turns SIGTERM and SIGINT into stop requests, on a thread of its own.
//
// Lifetime: `stops` and `threads` must outlive it. REQUIRES: PrepareSignals was called.
class SignalWatcher {
 public:
  static absl::StatusOr<std::unique_ptr<SignalWatcher>> Start(StopRequests& stops,
                                                              ThreadRegistry& threads);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

 private:
  SignalWatcher(int signal_fd, int end_fd, StopRequests& stops, ThreadRegistry& threads);
  void Run();

  const int signal_fd_;
  const int end_fd_;  // readable when the thread should end
  StopRequests& stops_;
  const std::shared_ptr<ThreadRecord> record_;
  ServiceThread thread_;  // last: it uses the rest
};

}  // namespace shardd
