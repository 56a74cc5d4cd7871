#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/threads_tracking_service/thread_event_log.h"
#include "server/threads_tracking_service/thread_record.h"

namespace shardd {

// Every thread of the daemon has a record here, from before it starts. The records of stopped
// threads stay for a while: the last limits::kThreadsStoppedKept of them.
//
// Thread safety: safe.
class ThreadRegistry {
 public:
  using Records = std::vector<std::shared_ptr<ThreadRecord>>;

  explicit ThreadRegistry(const Clock& clock) : clock_(clock) {}

  // The record is the thread's own; the registry keeps a share for readers. `queue_depth` may be
  // empty. `waiting_work`: of its queue, if that keeps it.
  std::shared_ptr<ThreadRecord> Register(absl::string_view name, ThreadRole role,
                                         std::optional<ShardId> shard,
                                         std::function<size_t()> queue_depth,
                                         std::shared_ptr<const WaitingWork> waiting_work = nullptr);

  // By id.
  std::vector<ThreadStatus> List() const;
  std::optional<ThreadStatus> Find(ThreadId id) const;

  // Processor time of all threads of a role, those that are forgotten included.
  absl::Duration CpuTime(ThreadRole role) const;

  // For the watchdog, which must not wait for anybody: brings `records` up to date unless the lock
  // is held at this moment. `version` says which threads they are; begin with 0.
  void TryUpdate(uint64_t& version, Records& records) const;

  // What has happened to threads, as the watchdog saw it.
  ThreadEventLog& events() { return events_; }
  const ThreadEventLog& events() const { return events_; }

 private:
  Records Copy() const;
  void ForgetStopped() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock& clock_;
  ThreadEventLog events_;
  // A lock: registration is rare and readers are operators. Held over no call of a record's owner.
  mutable Mutex mutex_;
  std::map<ThreadId, std::shared_ptr<ThreadRecord>> records_ ABSL_GUARDED_BY(mutex_);
  std::map<ThreadRole, absl::Duration> forgotten_cpu_time_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;  // also the version of records_
};

}  // namespace shardd
