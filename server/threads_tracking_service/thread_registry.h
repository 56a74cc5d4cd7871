#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"

namespace shardd {

// The same numbers as shardd.v1.ThreadRole, ThreadState and ThreadPhase.
enum class ThreadRole : uint8_t { kWorker = 1, kPoller = 2, kCoordinator = 3, kBackground = 4 };
enum class ThreadState : uint8_t { kStarting = 1, kRunning = 2, kStalled = 3, kStopped = 4 };
enum class ThreadPhase : uint8_t { kIdle = 1, kRunning = 2, kCommitting = 3, kReplying = 4 };

// What is known of one thread at one moment.
struct ThreadStatus {
  ThreadId id;
  std::string name;
  ThreadRole role = ThreadRole::kBackground;
  ThreadState state = ThreadState::kStarting;
  ThreadPhase phase = ThreadPhase::kIdle;
  absl::Duration phase_age;
  std::optional<ShardId> shard;
  absl::Time start_time;
  uint64_t queue_depth = 0;
  uint64_t turns_total = 0;
  uint64_t items_total = 0;
  absl::Duration busy_time;
  absl::Duration longest_turn;
};

// One thread's record of itself. Its owner writes, anybody reads: every field is an atomic, and
// readers may see a mixture of two moments, never a torn value.
class ThreadRecord {
 public:
  ThreadRecord(ThreadId id, std::string name, ThreadRole role, std::optional<ShardId> shard,
               const Clock& clock, std::function<size_t()> queue_depth);

  // Owner only. Entering kIdle ends a turn.
  void EnterPhase(ThreadPhase phase);
  void CountItems(uint64_t items) { items_.fetch_add(items, std::memory_order_relaxed); }
  void Stop();

  ThreadId id() const { return id_; }
  ThreadStatus Read() const;

 private:
  const ThreadId id_;
  const std::string name_;
  const ThreadRole role_;
  const std::optional<ShardId> shard_;
  const Clock& clock_;
  const absl::Time start_time_;
  const std::function<size_t()> queue_depth_;  // may be empty; called by readers
  std::atomic<ThreadState> state_{ThreadState::kStarting};
  std::atomic<ThreadPhase> phase_{ThreadPhase::kIdle};
  std::atomic<int64_t> phase_since_ns_;
  std::atomic<int64_t> turn_since_ns_;
  std::atomic<uint64_t> turns_{0};
  std::atomic<uint64_t> items_{0};
  std::atomic<int64_t> busy_ns_{0};
  std::atomic<int64_t> longest_turn_ns_{0};
};

// Every thread of the daemon has a record here, from before it starts until the daemon ends.
//
// Thread safety: safe.
class ThreadRegistry {
 public:
  explicit ThreadRegistry(const Clock& clock) : clock_(clock) {}

  // The record is the thread's own; the registry keeps a share for readers. `queue_depth` may be
  // empty.
  std::shared_ptr<ThreadRecord> Register(absl::string_view name, ThreadRole role,
                                         std::optional<ShardId> shard,
                                         std::function<size_t()> queue_depth);

  std::vector<ThreadStatus> List() const;
  std::optional<ThreadStatus> Find(ThreadId id) const;

 private:
  const Clock& clock_;
  // A lock: registration is rare and readers are operators.
  mutable Mutex mutex_;
  std::map<ThreadId, std::shared_ptr<ThreadRecord>> records_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace shardd
