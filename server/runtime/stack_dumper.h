#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/runtime/service_thread.h"
#include "server/threads_tracking_service/stack_dump.h"
#include "server/threads_tracking_service/thread_registry.h"

namespace shardd {

// Makes stack dumps, each on a thread of its own: a dump waits for other threads and looks for
// names, which takes longer than a poller may be kept.
//
// Thread safety: Start from any thread.
// Lifetime: the destructor waits for a dump that is being made.
class StackDumper {
 public:
  using Done = std::function<void(absl::StatusOr<std::vector<ThreadStack>>)>;

  // Both must outlive it.
  StackDumper(ThreadRegistry& threads, const Clock& clock) : threads_(threads), clock_(clock) {}
  ~StackDumper();

  // Begins a dump, of the thread `only` or of all; then `done` is called once, on another thread.
  // Errors: kTooManyCalls while a dump is being made; then it is not called.
  absl::Status Start(std::optional<ThreadId> only, Done done);

 private:
  ThreadRegistry& threads_;
  const Clock& clock_;
  Mutex mutex_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<ServiceThread> thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd
