#include "server/runtime/background_jobs.h"

#include <optional>
#include <utility>
#include <vector>

#include "server/base/limits.h"

namespace shardd {

BackgroundJobs::BackgroundJobs(absl::string_view name, ThreadRegistry& threads, const Clock& clock)
    : clock_(clock),
      queue_({.items_max = limits::kOperationsRunningMax, .bytes_max = 0}),
      record_(threads.Register(name, ThreadRole::kBackground, std::nullopt,
                               [this] { return queue_.depth(); })),
      thread_(std::make_unique<ServiceThread>(name, [this] { Loop(); })) {}

BackgroundJobs::~BackgroundJobs() {
  Stop();
  record_->Stop();
}

BackgroundJobs::Added BackgroundJobs::Add(OperationId operation, Work work) {
  auto job = std::make_shared<Job>();
  job->operation = operation;
  job->work = std::move(work);
  // Under the lock: it cannot end before it is on the list.
  MutexLock lock(mutex_);
  const Added added = queue_.Push(std::shared_ptr<Job>(job), 1, 0);
  if (added == Added::kAccepted) jobs_.push_back(std::move(job));
  return added;
}

template <typename Predicate>
void BackgroundJobs::CancelIf(Predicate predicate) {
  MutexLock lock(mutex_);
  for (const std::shared_ptr<Job>& job : jobs_) {
    if (predicate(*job)) job->cancelled.store(true);
  }
}

void BackgroundJobs::Cancel(OperationId operation) {
  CancelIf([&](const Job& job) { return job.operation == operation; });
}

void BackgroundJobs::Stop() {
  queue_.Close();
  CancelIf([](const Job&) { return true; });
  thread_.reset();
}

void BackgroundJobs::Loop() {
  std::vector<std::shared_ptr<Job>> jobs;
  record_->EnterPhase(ThreadPhase::kIdle);
  while (queue_.PopAll(jobs, absl::InfiniteFuture(), clock_)) {
    record_->EnterPhase(ThreadPhase::kRunning);
    for (const std::shared_ptr<Job>& job : jobs) {
      std::exchange(job->work, nullptr)(*record_, job->cancelled);  // it may hold a snapshot
      record_->CountItems(1);
      MutexLock lock(mutex_);
      jobs_.remove(job);
    }
    jobs.clear();
    record_->EnterPhase(ThreadPhase::kIdle);
  }
  record_->Stop();
}

}  // namespace shardd
