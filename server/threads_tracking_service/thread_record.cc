#include "server/threads_tracking_service/thread_record.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/threads_tracking_service/thread_clock.h"

namespace shardd {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

int64_t Nanoseconds(absl::Time time) { return absl::ToUnixNanos(time); }

std::optional<absl::Time> TimeOf(int64_t nanoseconds) {
  if (nanoseconds == 0) return std::nullopt;
  return absl::FromUnixNanos(nanoseconds);
}

}  // namespace

absl::string_view NameOf(ThreadRole role) {
  switch (role) {
    case ThreadRole::kWorker:
      return "worker";
    case ThreadRole::kPoller:
      return "poller";
    case ThreadRole::kCoordinator:
      return "coordinator";
    case ThreadRole::kBackground:
      return "background";
    case ThreadRole::kExternal:
      return "external";
  }
  return "";
}

absl::string_view NameOf(ThreadState state) {
  switch (state) {
    case ThreadState::kStarting:
      return "starting";
    case ThreadState::kRunning:
      return "running";
    case ThreadState::kStalled:
      return "stalled";
    case ThreadState::kStopped:
      return "stopped";
  }
  return "";
}

absl::string_view NameOf(ThreadPhase phase) {
  switch (phase) {
    case ThreadPhase::kIdle:
      return "idle";
    case ThreadPhase::kRunning:
      return "running";
    case ThreadPhase::kCommitting:
      return "committing";
    case ThreadPhase::kReplying:
      return "replying";
    case ThreadPhase::kSyncing:
      return "syncing";
    case ThreadPhase::kWaiting:
      return "waiting";
    case ThreadPhase::kCompacting:
      return "compacting";
  }
  return "";
}

// Tells the records of a thread that it ends: a record may outlive its thread, and the system gives
// the thread's id to another one.
class ThreadRecord::Binding {
 public:
  static void Add(std::weak_ptr<ThreadRecord> record) {
    thread_local Binding binding;
    binding.records_.push_back(std::move(record));
  }
  ~Binding() {
    for (const std::weak_ptr<ThreadRecord>& weak : records_) {
      if (const std::shared_ptr<ThreadRecord> record = weak.lock()) record->Unbind(OsThreadId());
    }
  }

 private:
  Binding() = default;
  std::vector<std::weak_ptr<ThreadRecord>> records_;
};

ThreadRecord::ThreadRecord(ThreadId id, std::string name, ThreadRole role,
                           std::optional<ShardId> shard, const Clock& clock,
                           std::function<size_t()> queue_depth,
                           std::shared_ptr<const WaitingWork> waiting_work)
    : id_(id),
      name_(std::move(name)),
      role_(role),
      shard_(shard),
      clock_(clock),
      start_time_(clock.Now()),
      waiting_work_(std::move(waiting_work)),
      phase_since_ns_(Nanoseconds(start_time_)),
      turn_since_ns_(Nanoseconds(start_time_)),
      queue_depth_(std::move(queue_depth)) {}

void ThreadRecord::EnterPhase(ThreadPhase phase) {
  if (os_id_.load(kRelaxed) != OsThreadId()) Bind();
  const int64_t now = Nanoseconds(clock_.Now());
  const ThreadPhase before = phase_.load(kRelaxed);
  if (loop_ns_.load(kRelaxed) == 0) loop_ns_.store(now, kRelaxed);
  if (before == ThreadPhase::kIdle && phase != ThreadPhase::kIdle) {
    turn_since_ns_.store(now, kRelaxed);
  }
  if (before != ThreadPhase::kIdle && phase == ThreadPhase::kIdle) {
    const int64_t turn = now - turn_since_ns_.load(kRelaxed);
    turns_.fetch_add(1, kRelaxed);
    busy_ns_.fetch_add(turn, kRelaxed);
    if (turn > longest_turn_ns_.load(kRelaxed)) longest_turn_ns_.store(turn, kRelaxed);
    EndOperation();
  }
  phase_since_ns_.store(now, kRelaxed);
  // Whoever sees the phase also sees when it began, or a later beginning: no phase looks older than
  // it is.
  phase_.store(phase, std::memory_order_release);
}

void ThreadRecord::BeginOperation(const char* name, absl::Time now) {
  operation_since_ns_.store(Nanoseconds(now), kRelaxed);
  operation_.store(name, std::memory_order_release);
}

void ThreadRecord::SetParentShard(ShardId parent) { parent_shard_.store(parent.value, kRelaxed); }

void ThreadRecord::SetQueueOldestAge(std::function<absl::Duration()> oldest_age) {
  MutexLock lock(queue_mutex_);
  oldest_age_ = std::move(oldest_age);
}

void ThreadRecord::Stop() {
  int64_t not_yet = 0;
  stopped_ns_.compare_exchange_strong(not_yet, Nanoseconds(clock_.Now()), kRelaxed);
  EndOperation();
  if (os_id_.load(kRelaxed) == OsThreadId()) Unbind(OsThreadId());
  MutexLock lock(queue_mutex_);
  queue_depth_ = nullptr;
  oldest_age_ = nullptr;
}

void ThreadRecord::Bind() {
  if (stopped()) return;
  os_id_.store(OsThreadId(), kRelaxed);
  Binding::Add(weak_from_this());
}

void ThreadRecord::Unbind(int os_id) {
  if (os_id_.load(kRelaxed) != os_id) return;
  final_cpu_ns_.store(absl::ToInt64Nanoseconds(CpuTimeOf(os_id).value_or(absl::ZeroDuration())),
                      kRelaxed);
  os_id_.store(0, std::memory_order_release);
}

absl::Duration ThreadRecord::CpuTime() const {
  if (const int os_id = os_id_.load(std::memory_order_acquire); os_id != 0) {
    const std::optional<absl::Duration> time = CpuTimeOf(os_id);
    // Still the same afterwards: it was this thread's time and not that of a later one with its id.
    if (time.has_value() && os_id_.load(std::memory_order_acquire) == os_id) return *time;
  }
  return absl::Nanoseconds(final_cpu_ns_.load(kRelaxed));
}

void ThreadRecord::SetStalled(std::optional<absl::Time> since) {
  const int64_t before = stalled_ns_.load(kRelaxed);
  const int64_t now = since.has_value() ? Nanoseconds(*since) : 0;
  if (now == before) return;
  if (now != 0) stalls_.fetch_add(1, kRelaxed);
  if (now == 0) recovered_ns_.store(Nanoseconds(clock_.Now()), kRelaxed);
  stalled_ns_.store(now, kRelaxed);
}

std::optional<ShardId> ThreadRecord::parent_shard() const {
  const ShardId parent{parent_shard_.load(kRelaxed)};
  return parent.value == 0 ? std::nullopt : std::optional(parent);
}

absl::Duration ThreadRecord::BusyTime(absl::Time now) const {
  const absl::Duration ended = absl::Nanoseconds(busy_ns_.load(kRelaxed));
  if (stopped() || phase_.load(std::memory_order_acquire) == ThreadPhase::kIdle) return ended;
  return ended + (now - absl::FromUnixNanos(turn_since_ns_.load(kRelaxed)));
}

ThreadState ThreadRecord::StateAt(absl::Time now, absl::Duration* age) const {
  const std::optional<absl::Time> stopped = TimeOf(stopped_ns_.load(kRelaxed));
  const std::optional<absl::Time> stalled = TimeOf(stalled_ns_.load(kRelaxed));
  const std::optional<absl::Time> loop = TimeOf(loop_ns_.load(kRelaxed));
  const std::optional<absl::Time> recovered = TimeOf(recovered_ns_.load(kRelaxed));
  const absl::Time phase_since = absl::FromUnixNanos(phase_since_ns_.load(kRelaxed));
  ThreadState state = ThreadState::kStarting;
  absl::Time since = start_time_;
  if (stopped.has_value()) {
    state = ThreadState::kStopped;
    since = *stopped;
  } else if (stalled.has_value() && phase_since <= *stalled) {
    state = ThreadState::kStalled;
    since = *stalled;
  } else if (loop.has_value()) {
    state = ThreadState::kRunning;
    // Maybe the watchdog has not seen yet that it goes on.
    since = std::max(*loop, stalled.has_value() ? phase_since : recovered.value_or(*loop));
  }
  *age = now - since;
  return state;
}

ThreadStatus ThreadRecord::Read() const {
  const absl::Time now = clock_.Now();
  ThreadStatus status;
  status.id = id_;
  status.name = name_;
  status.role = role_;
  status.state = StateAt(now, &status.state_age);
  status.phase = phase_.load(std::memory_order_acquire);
  status.phase_age = now - absl::FromUnixNanos(phase_since_ns_.load(kRelaxed));
  status.shard = shard_;
  status.parent_shard = parent_shard();
  status.start_time = start_time_;
  if (const char* operation = operation_.load(std::memory_order_acquire)) {
    status.operation = operation;
    status.operation_age = now - absl::FromUnixNanos(operation_since_ns_.load(kRelaxed));
  }
  status.turns_total = turns_.load(kRelaxed);
  status.items_total = items_.load(kRelaxed);
  status.busy_time = absl::Nanoseconds(busy_ns_.load(kRelaxed));
  status.longest_turn = absl::Nanoseconds(longest_turn_ns_.load(kRelaxed));
  status.busy_ratio = status.state == ThreadState::kStopped ? 0 : busy_ratio_.load(kRelaxed);
  status.cpu_time = CpuTime();
  status.stalls_total = stalls_.load(kRelaxed);
  status.os_id = os_id_.load(kRelaxed);
  MutexLock lock(queue_mutex_);
  if (queue_depth_) status.queue_depth = queue_depth_();
  if (oldest_age_) status.queue_oldest_age = oldest_age_();
  return status;
}

ThreadSample ThreadRecord::Sample() const {
  const absl::Time now = clock_.Now();
  ThreadSample sample;
  sample.id = id_;
  sample.name = name_;
  sample.role = role_;
  sample.shard = shard_;
  sample.parent_shard = parent_shard();
  sample.loop_time = TimeOf(loop_ns_.load(kRelaxed));
  sample.stop_time = TimeOf(stopped_ns_.load(kRelaxed));
  sample.phase = phase_.load(std::memory_order_acquire);
  sample.phase_since = absl::FromUnixNanos(phase_since_ns_.load(kRelaxed));
  if (waiting_work_ != nullptr) sample.work_since = waiting_work_->since();
  if (const char* operation = operation_.load(std::memory_order_acquire)) {
    sample.operation = operation;
  }
  sample.busy_time = BusyTime(now);
  if (sample.phase != ThreadPhase::kIdle) sample.cpu_time = CpuTime();
  return sample;
}

}  // namespace shardd
