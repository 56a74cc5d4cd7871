#include "server/threads_tracking_service/thread_watch.h"

#include <iterator>
#include <utility>

#include "server/threads_tracking_service/limits.h"

namespace shardd {

ThreadWatch::ThreadWatch(ThreadRegistry& threads, const StallLimits& limits, Report report)
    : threads_(threads), report_(std::move(report)), monitor_(limits) {}

void ThreadWatch::Look(absl::Time now) {
  threads_.TryUpdate(version_, records_);
  samples_.clear();
  for (const auto& record : records_) samples_.push_back(record->Sample());
  ThreadMonitor::Findings findings = monitor_.Look(now, samples_);
  for (size_t i = 0; i < records_.size(); ++i) {
    const ThreadMonitor::Verdict& verdict = findings.verdicts[i];
    records_[i]->SetStalled(verdict.stalled_since);
    records_[i]->SetBusyRatio(verdict.busy_ratio);
  }
  Note(std::move(findings.events));
}

void ThreadWatch::Note(std::vector<ThreadEvent> events) {
  if (report_) {
    for (const ThreadEvent& event : events) report_(event);
  }
  unlogged_.insert(unlogged_.end(), std::make_move_iterator(events.begin()),
                   std::make_move_iterator(events.end()));
  if (unlogged_.size() > limits::kThreadEventsKept) {
    const auto excess = static_cast<std::ptrdiff_t>(unlogged_.size() - limits::kThreadEventsKept);
    unlogged_.erase(unlogged_.begin(), unlogged_.begin() + excess);
  }
  static_cast<void>(threads_.events().TryAppend(unlogged_));
}

}  // namespace shardd
