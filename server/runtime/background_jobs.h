#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/runtime/service_thread.h"
#include "server/threads_tracking_service/thread_registry.h"

namespace shardd {

// A thread that does long jobs of operations one after the other, in the order given. There is room
// for as many as operations run at once.
//
// Thread safety: Add, Cancel and CancelAll from any thread; Stop from one.
// A list under a lock rather than a BoundedQueue: a job that waits can be taken out again.
class BackgroundJobs {
 public:
  enum class Added { kAccepted, kFull, kClosed };
  // A job ends soon after `cancelled` is true. One that takes long enters its phase anew now and
  // then, or one that may last, or it is said to be stalled.
  using Work = std::function<void(ThreadRecord&, std::atomic<bool>& cancelled)>;

  BackgroundJobs(absl::string_view name, ThreadRegistry& threads);
  ~BackgroundJobs();

  // kFull if too many wait.
  Added Add(OperationId operation, Work work);
  // Ends the job of an operation if it has one: takes it out, or tells it if it runs.
  void Cancel(OperationId operation);
  // The same for all, and takes no more.
  void CancelAll();
  // CancelAll, and returns when nothing runs any more.
  void Stop();

 private:
  struct Job {
    Job(OperationId of, Work what) : operation(of), work(std::move(what)) {}

    const OperationId operation;
    const Work work;
    std::atomic<bool> cancelled{false};
  };

  size_t depth() const;
  template <typename Predicate>
  void CancelIf(Predicate predicate);
  void Loop();

  mutable Mutex mutex_;
  CondVar changed_;
  std::shared_ptr<Job> running_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<Job>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  const std::shared_ptr<ThreadRecord> record_;
  std::unique_ptr<ServiceThread> thread_;
};

}  // namespace shardd
