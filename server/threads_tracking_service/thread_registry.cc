#include "server/threads_tracking_service/thread_registry.h"

#include <utility>

namespace shardd {
namespace {

int64_t Nanoseconds(absl::Time time) { return absl::ToUnixNanos(time); }

}  // namespace

ThreadRecord::ThreadRecord(ThreadId id, std::string name, ThreadRole role,
                           std::optional<ShardId> shard, const Clock& clock,
                           std::function<size_t()> queue_depth)
    : id_(id),
      name_(std::move(name)),
      role_(role),
      shard_(shard),
      clock_(clock),
      start_time_(clock.Now()),
      queue_depth_(std::move(queue_depth)),
      phase_since_ns_(Nanoseconds(start_time_)),
      turn_since_ns_(Nanoseconds(start_time_)) {}

void ThreadRecord::EnterPhase(ThreadPhase phase) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const int64_t now = Nanoseconds(clock_.Now());
  const ThreadPhase before = phase_.load(kRelaxed);
  state_.store(ThreadState::kRunning, kRelaxed);
  if (before == ThreadPhase::kIdle && phase != ThreadPhase::kIdle) {
    turn_since_ns_.store(now, kRelaxed);
  }
  if (before != ThreadPhase::kIdle && phase == ThreadPhase::kIdle) {
    const int64_t turn = now - turn_since_ns_.load(kRelaxed);
    turns_.fetch_add(1, kRelaxed);
    busy_ns_.fetch_add(turn, kRelaxed);
    if (turn > longest_turn_ns_.load(kRelaxed)) longest_turn_ns_.store(turn, kRelaxed);
  }
  phase_since_ns_.store(now, kRelaxed);
  phase_.store(phase, kRelaxed);
}

void ThreadRecord::Stop() { state_.store(ThreadState::kStopped, std::memory_order_relaxed); }

ThreadStatus ThreadRecord::Read() const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  ThreadStatus status;
  status.id = id_;
  status.name = name_;
  status.role = role_;
  status.state = state_.load(kRelaxed);
  status.phase = phase_.load(kRelaxed);
  status.phase_age = clock_.Now() - absl::FromUnixNanos(phase_since_ns_.load(kRelaxed));
  status.shard = shard_;
  status.start_time = start_time_;
  if (queue_depth_ && status.state != ThreadState::kStopped) status.queue_depth = queue_depth_();
  status.turns_total = turns_.load(kRelaxed);
  status.items_total = items_.load(kRelaxed);
  status.busy_time = absl::Nanoseconds(busy_ns_.load(kRelaxed));
  status.longest_turn = absl::Nanoseconds(longest_turn_ns_.load(kRelaxed));
  return status;
}

std::shared_ptr<ThreadRecord> ThreadRegistry::Register(absl::string_view name, ThreadRole role,
                                                       std::optional<ShardId> shard,
                                                       std::function<size_t()> queue_depth) {
  MutexLock lock(mutex_);
  const ThreadId id{next_id_++};
  auto record = std::make_shared<ThreadRecord>(id, std::string(name), role, shard, clock_,
                                               std::move(queue_depth));
  records_.emplace(id, record);
  return record;
}

std::vector<ThreadStatus> ThreadRegistry::List() const {
  MutexLock lock(mutex_);
  std::vector<ThreadStatus> statuses;
  for (const auto& [id, record] : records_) statuses.push_back(record->Read());
  return statuses;
}

std::optional<ThreadStatus> ThreadRegistry::Find(ThreadId id) const {
  MutexLock lock(mutex_);
  const auto found = records_.find(id);
  if (found == records_.end()) return std::nullopt;
  return found->second->Read();
}

}  // namespace shardd
