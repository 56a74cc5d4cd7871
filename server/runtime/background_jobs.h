#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/base/bounded_queue.h"
#include "server/base/clock.h"
#include "server/runtime/service_thread.h"
#include "server/threads_tracking_service/thread_registry.h"

namespace shardd {

// A thread that does long jobs one after the other, in the order given. There is room for as many
// as operations run at once; jobs look themselves whether they should end early.
//
// Thread safety: Add from any thread; the rest from one.
class BackgroundJobs {
 public:
  // A job that takes long enters its phase anew now and then, or one that may last, or it is said
  // to be stalled.
  using Job = std::function<void(ThreadRecord&)>;
  using Added = BoundedQueue<Job>::PushResult;

  BackgroundJobs(absl::string_view name, ThreadRegistry& threads, const Clock& clock);
  ~BackgroundJobs();

  // kFull if too many wait: cancelled operations leave jobs behind that are still to be done.
  Added Add(Job job);
  // Ends when the jobs added so far are done.
  void Stop();

 private:
  void Loop();

  const Clock& clock_;
  BoundedQueue<Job> queue_;
  const std::shared_ptr<ThreadRecord> record_;
  std::unique_ptr<ServiceThread> thread_;
};

}  // namespace shardd
