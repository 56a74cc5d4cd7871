#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "server/base/bounded_queue.h"
#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/runtime/service_thread.h"
#include "server/threads_tracking_service/thread_registry.h"

namespace shardd {

// A thread that does long jobs of operations one after the other, in the order given. There is room
// for as many as operations run at once.
//
// Thread safety: Add and Cancel from any thread; the rest from one.
class BackgroundJobs {
 public:
  // A job ends soon after `cancelled` is true. One that takes long enters its phase anew now and
  // then, or one that may last, or it is said to be stalled.
  using Work = std::function<void(ThreadRecord&, std::atomic<bool>& cancelled)>;

 private:
  struct Job {
    OperationId operation;
    Work work;
    std::atomic<bool> cancelled{false};
  };
  using Queue = BoundedQueue<std::shared_ptr<Job>>;

 public:
  using Added = Queue::PushResult;

  BackgroundJobs(absl::string_view name, ThreadRegistry& threads, const Clock& clock);
  ~BackgroundJobs();

  // kFull if too many wait: cancelled operations leave jobs behind until it is their turn.
  Added Add(OperationId operation, Work work);
  // Cancels the jobs of an operation, if there are any, waiting or not.
  void Cancel(OperationId operation);
  // Cancels all jobs, and returns when they have ended.
  void Stop();

 private:
  template <typename Predicate>
  void CancelIf(Predicate predicate);
  void Loop();

  const Clock& clock_;
  Queue queue_;
  Mutex mutex_;
  std::list<std::shared_ptr<Job>> jobs_ ABSL_GUARDED_BY(mutex_);  // that have not ended
  const std::shared_ptr<ThreadRecord> record_;
  std::unique_ptr<ServiceThread> thread_;
};

}  // namespace shardd
