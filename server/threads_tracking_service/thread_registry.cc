#include "server/threads_tracking_service/thread_registry.h"

#include <string>
#include <utility>

#include "server/threads_tracking_service/limits.h"

namespace shardd {

std::shared_ptr<ThreadRecord> ThreadRegistry::Register(
    absl::string_view name, ThreadRole role, std::optional<ShardId> shard,
    std::function<size_t()> queue_depth, std::shared_ptr<const WaitingWork> waiting_work) {
  MutexLock lock(mutex_);
  const ThreadId id{next_id_++};
  auto record = std::make_shared<ThreadRecord>(id, std::string(name), role, shard, clock_,
                                               std::move(queue_depth), std::move(waiting_work));
  records_.emplace(id, record);
  ForgetStopped();
  return record;
}

void ThreadRegistry::ForgetStopped() {
  size_t stopped = 0;
  for (const auto& [id, record] : records_) stopped += record->stopped() ? 1 : 0;
  for (auto it = records_.begin(); stopped > limits::kThreadsStoppedKept;) {
    if (!it->second->stopped()) {
      ++it;
      continue;
    }
    forgotten_cpu_time_[it->second->role()] += it->second->CpuTime();
    it = records_.erase(it);
    --stopped;
  }
}

ThreadRegistry::Records ThreadRegistry::Copy() const {
  MutexLock lock(mutex_);
  Records records;
  records.reserve(records_.size());
  for (const auto& [id, record] : records_) records.push_back(record);
  return records;
}

std::vector<ThreadStatus> ThreadRegistry::List() const {
  std::vector<ThreadStatus> statuses;
  for (const auto& record : Copy()) statuses.push_back(record->Read());
  return statuses;
}

std::optional<ThreadStatus> ThreadRegistry::Find(ThreadId id) const {
  std::shared_ptr<ThreadRecord> record;
  {
    MutexLock lock(mutex_);
    const auto found = records_.find(id);
    if (found == records_.end()) return std::nullopt;
    record = found->second;
  }
  return record->Read();
}

absl::Duration ThreadRegistry::CpuTime(ThreadRole role) const {
  absl::Duration total;
  MutexLock lock(mutex_);
  if (const auto found = forgotten_cpu_time_.find(role); found != forgotten_cpu_time_.end()) {
    total = found->second;
  }
  for (const auto& [id, record] : records_) {
    if (record->role() == role) total += record->CpuTime();
  }
  return total;
}

void ThreadRegistry::TryUpdate(uint64_t& version, Records& records) const {
  if (!mutex_.TryLock()) return;
  if (version != next_id_) {
    version = next_id_;
    records.clear();
    for (const auto& [id, record] : records_) records.push_back(record);
  }
  mutex_.Unlock();
}

}  // namespace shardd
