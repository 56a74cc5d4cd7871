#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/threads_tracking_service/waiting_work.h"

namespace shardd {

// The same numbers as shardd.v1.ThreadRole, ThreadState and ThreadPhase.
enum class ThreadRole : uint8_t {
  kWorker = 1,
  kPoller = 2,
  kCoordinator = 3,
  kBackground = 4,
  kExternal = 5,
};
enum class ThreadState : uint8_t { kStarting = 1, kRunning = 2, kStalled = 3, kStopped = 4 };
enum class ThreadPhase : uint8_t {
  kIdle = 1,        // waits for work
  kRunning = 2,     // works
  kCommitting = 3,  // writes a batch to storage and waits until it is durable
  kReplying = 4,    // hands out answers
  kSyncing = 5,     // waits for storage to sync, to close or to say how it is
  kWaiting = 6,     // waits for another thread in the middle of its work
  kCompacting = 7,  // has storage compact a range, in one call that may take hours
};

inline constexpr ThreadRole kThreadRoles[] = {ThreadRole::kWorker, ThreadRole::kPoller,
                                              ThreadRole::kCoordinator, ThreadRole::kBackground,
                                              ThreadRole::kExternal};
inline constexpr ThreadState kThreadStates[] = {ThreadState::kStarting, ThreadState::kRunning,
                                                ThreadState::kStalled, ThreadState::kStopped};
inline constexpr ThreadPhase kThreadPhases[] = {
    ThreadPhase::kIdle,    ThreadPhase::kRunning, ThreadPhase::kCommitting, ThreadPhase::kReplying,
    ThreadPhase::kSyncing, ThreadPhase::kWaiting, ThreadPhase::kCompacting};

// "worker", "stalled", "committing", ….
absl::string_view NameOf(ThreadRole role);
absl::string_view NameOf(ThreadState state);
absl::string_view NameOf(ThreadPhase phase);

// What is known of one thread at one moment.
struct ThreadStatus {
  ThreadId id;
  std::string name;
  ThreadRole role = ThreadRole::kBackground;
  ThreadState state = ThreadState::kStarting;
  absl::Duration state_age;
  ThreadPhase phase = ThreadPhase::kIdle;
  absl::Duration phase_age;
  std::optional<ShardId> shard;
  std::optional<ShardId> parent_shard;
  absl::Time start_time;
  std::string operation;  // empty: none
  absl::Duration operation_age;
  uint64_t queue_depth = 0;
  absl::Duration queue_oldest_age;
  uint64_t turns_total = 0;
  uint64_t items_total = 0;
  absl::Duration busy_time;
  absl::Duration longest_turn;
  double busy_ratio = 0;  // of the last seconds, from 0 to 1
  absl::Duration cpu_time;
  uint64_t stalls_total = 0;
  int os_id = 0;  // 0: not in its loop yet
};

// What the watchdog looks at: read without any lock.
struct ThreadSample {
  ThreadId id;
  absl::string_view name;
  ThreadRole role = ThreadRole::kBackground;
  std::optional<ShardId> shard;
  std::optional<ShardId> parent_shard;
  std::optional<absl::Time> loop_time;  // when it entered its loop
  std::optional<absl::Time> stop_time;
  ThreadPhase phase = ThreadPhase::kIdle;
  absl::Time phase_since;
  std::optional<absl::Time> work_since;  // since when work waits for it
  absl::string_view operation;           // empty: none
  absl::Duration busy_time;              // of the turn under way, too
  absl::Duration cpu_time;               // not read while idle
};

// One thread's record of itself. Its owner writes, anybody reads: what changes is atomic, and
// readers may see a mixture of two moments, never a torn value.
//
// Thread safety: EnterPhase, CountItems, BeginOperation and EndOperation from the thread itself;
// the Set functions as they say; the rest from any thread. No thread waits for a reader, except in
// Stop for those who ask its queue.
class ThreadRecord : public std::enable_shared_from_this<ThreadRecord> {
 public:
  // Use ThreadRegistry::Register.
  ThreadRecord(ThreadId id, std::string name, ThreadRole role, std::optional<ShardId> shard,
               const Clock& clock, std::function<size_t()> queue_depth,
               std::shared_ptr<const WaitingWork> waiting_work);

  // Entering kIdle ends a turn, and with it the operation. The first phase is entered when the
  // thread enters its loop.
  void EnterPhase(ThreadPhase phase);
  void CountItems(uint64_t items) { items_.fetch_add(items, std::memory_order_relaxed); }
  // What it is at now, until EndOperation, the next one or the end of the turn. `name` must live
  // for ever: give a literal.
  void BeginOperation(const char* name) { BeginOperation(name, clock_.Now()); }
  // For a thread that knows the time.
  void BeginOperation(const char* name, absl::Time now);
  void EndOperation() { operation_.store(nullptr, std::memory_order_release); }

  // The shard that was split to make this worker's. Before the thread starts.
  void SetParentShard(ShardId parent);
  // How long the oldest item of its queue has waited. Before the thread starts.
  void SetQueueOldestAge(std::function<absl::Duration()> oldest_age);

  // The thread has left its loop, or never entered it. Its queue is asked no more from now on, so
  // it may go. Harmless when called again.
  void Stop();

  // Of the watchdog, after each look: since when the thread is stalled, if it is; how busy it is of
  // late.
  void SetStalled(std::optional<absl::Time> since);
  void SetBusyRatio(double ratio) { busy_ratio_.store(ratio, std::memory_order_relaxed); }

  ThreadId id() const { return id_; }
  ThreadRole role() const { return role_; }
  bool stopped() const { return stopped_ns_.load(std::memory_order_relaxed) != 0; }

  ThreadStatus Read() const;
  // As ThreadStatus, but takes no lock and asks nobody. Valid while the record lives.
  ThreadSample Sample() const;
  absl::Duration CpuTime() const;

 private:
  class Binding;
  // Notes which thread this is the record of.
  void Bind();
  // The thread ends: its processor time can be read no more.
  void Unbind(int os_id);

  std::optional<ShardId> parent_shard() const;
  absl::Duration BusyTime(absl::Time now) const;
  ThreadState StateAt(absl::Time now, absl::Duration* age) const;

  const ThreadId id_;
  const std::string name_;
  const ThreadRole role_;
  const std::optional<ShardId> shard_;
  const Clock& clock_;
  const absl::Time start_time_;
  const std::shared_ptr<const WaitingWork> waiting_work_;  // nullptr: not known

  // Times are nanoseconds since 1970; 0 means that it has not happened.
  std::atomic<uint64_t> parent_shard_{0};
  std::atomic<int> os_id_{0};
  std::atomic<int64_t> final_cpu_ns_{0};
  std::atomic<int64_t> loop_ns_{0};
  std::atomic<int64_t> stopped_ns_{0};
  std::atomic<ThreadPhase> phase_{ThreadPhase::kIdle};
  std::atomic<int64_t> phase_since_ns_;
  std::atomic<int64_t> turn_since_ns_;
  std::atomic<const char*> operation_{nullptr};
  std::atomic<int64_t> operation_since_ns_{0};
  std::atomic<uint64_t> turns_{0};
  std::atomic<uint64_t> items_{0};
  std::atomic<int64_t> busy_ns_{0};
  std::atomic<int64_t> longest_turn_ns_{0};

  // Written by the watchdog.
  std::atomic<int64_t> stalled_ns_{0};
  std::atomic<int64_t> recovered_ns_{0};
  std::atomic<uint64_t> stalls_{0};
  std::atomic<double> busy_ratio_{0};

  // A lock: Stop must wait for a reader who is asking the queue, since the queue goes after it.
  mutable Mutex queue_mutex_;
  std::function<size_t()> queue_depth_ ABSL_GUARDED_BY(queue_mutex_);         // may be empty
  std::function<absl::Duration()> oldest_age_ ABSL_GUARDED_BY(queue_mutex_);  // may be empty
};

}  // namespace shardd
