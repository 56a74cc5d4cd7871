#include "server/runtime/background_jobs.h"

#include <optional>
#include <utility>
#include <vector>

#include "server/base/limits.h"

namespace shardd {

BackgroundJobs::BackgroundJobs(absl::string_view name, ThreadRegistry& threads)
    : record_(threads.Register(name, ThreadRole::kBackground, std::nullopt,
                               [this] { return depth(); })),
      thread_(std::make_unique<ServiceThread>(name, [this] { Loop(); })) {}

BackgroundJobs::~BackgroundJobs() {
  Stop();
  record_->Stop();
}

size_t BackgroundJobs::depth() const {
  MutexLock lock(mutex_);
  return waiting_.size();
}

BackgroundJobs::Added BackgroundJobs::Add(OperationId operation, Work work) {
  MutexLock lock(mutex_);
  if (closed_) return Added::kClosed;
  if (waiting_.size() >= limits::kOperationsRunningMax) return Added::kFull;
  waiting_.push_back(std::make_shared<Job>(operation, std::move(work)));
  changed_.NotifyOne();
  return Added::kAccepted;
}

template <typename Predicate>
void BackgroundJobs::CancelIf(Predicate predicate) {
  // Outlives the lock: what a job holds, such as a snapshot, may take its time to go.
  std::vector<std::shared_ptr<Job>> taken_out;
  MutexLock lock(mutex_);
  if (running_ != nullptr && predicate(*running_)) running_->cancelled.store(true);
  std::erase_if(waiting_, [&](std::shared_ptr<Job>& job) {
    if (!predicate(*job)) return false;
    taken_out.push_back(std::move(job));
    return true;
  });
}

void BackgroundJobs::Cancel(OperationId operation) {
  CancelIf([&](const Job& job) { return job.operation == operation; });
}

void BackgroundJobs::CancelAll() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
    changed_.NotifyOne();
  }
  CancelIf([](const Job&) { return true; });
}

void BackgroundJobs::Stop() {
  CancelAll();
  thread_.reset();
}

void BackgroundJobs::Loop() {
  while (true) {
    record_->EnterPhase(ThreadPhase::kIdle);
    std::shared_ptr<Job> job;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !closed_) changed_.Wait(mutex_);
      if (waiting_.empty()) break;
      job = std::move(waiting_.front());
      waiting_.pop_front();
      running_ = job;
    }
    record_->EnterPhase(ThreadPhase::kRunning);
    job->work(*record_, job->cancelled);
    record_->CountItems(1);
    MutexLock lock(mutex_);
    running_ = nullptr;
  }
  record_->Stop();
}

}  // namespace shardd
