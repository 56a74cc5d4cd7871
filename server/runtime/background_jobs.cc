#include "server/runtime/background_jobs.h"

#include <optional>
#include <string>
#include <utility>

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

BackgroundJobs::Added BackgroundJobs::Add(Job job) {
  return queue_.Push(std::move(job), 1, 0);
}

void BackgroundJobs::Stop() {
  queue_.Close();
  thread_.reset();
}

void BackgroundJobs::Loop() {
  std::vector<Job> jobs;
  record_->EnterPhase(ThreadPhase::kIdle);
  while (queue_.PopAll(jobs, absl::InfiniteFuture(), clock_)) {
    record_->EnterPhase(ThreadPhase::kRunning);
    for (Job& job : jobs) {
      std::exchange(job, nullptr)(*record_);  // it may hold a snapshot
      record_->CountItems(1);
    }
    jobs.clear();
    record_->EnterPhase(ThreadPhase::kIdle);
  }
  record_->Stop();
}

}  // namespace shardd
