#include "server/threads_tracking_service/thread_monitor.h"

#include <algorithm>
#include <utility>

#include "server/threads_tracking_service/limits.h"

namespace shardd {
namespace {

ThreadEvent EventOf(ThreadEventKind kind, absl::Time time, const ThreadSample& sample) {
  ThreadEvent event;
  event.kind = kind;
  event.time = time;
  event.thread = sample.id;
  event.name = std::string(sample.name);
  event.role = sample.role;
  event.shard = sample.shard;
  event.parent_shard = sample.parent_shard;
  return event;
}

}  // namespace

StallLimits StallLimits::After(absl::Duration stall_after) {
  if (stall_after == absl::ZeroDuration()) stall_after = absl::InfiniteDuration();
  return {.running = stall_after,
          .committing = stall_after,
          .replying = stall_after,
          .syncing = stall_after,
          .waiting = stall_after * limits::kStallWaitingFactor,
          .not_woken = stall_after};
}

absl::Duration StallLimits::Of(ThreadPhase phase) const {
  switch (phase) {
    case ThreadPhase::kIdle:
    case ThreadPhase::kCompacting:
      break;
    case ThreadPhase::kRunning:
      return running;
    case ThreadPhase::kCommitting:
      return committing;
    case ThreadPhase::kReplying:
      return replying;
    case ThreadPhase::kSyncing:
      return syncing;
    case ThreadPhase::kWaiting:
      return waiting;
  }
  return absl::InfiniteDuration();
}

ThreadMonitor::Findings ThreadMonitor::Look(absl::Time now,
                                            absl::Span<const ThreadSample> samples) {
  const absl::Duration step = std::min(now - last_look_.value_or(now), limits::kThreadLookGapMax);
  last_look_ = now;
  ++looks_;
  Findings findings;
  findings.verdicts.reserve(samples.size());
  for (const ThreadSample& sample : samples) {
    findings.verdicts.push_back(LookAt(now, step, sample, findings.events));
  }
  for (auto it = watched_.begin(); it != watched_.end();) {
    it = it->second.look == looks_ ? std::next(it) : watched_.erase(it);
  }
  return findings;
}

ThreadMonitor::Verdict ThreadMonitor::LookAt(absl::Time now, absl::Duration step,
                                             const ThreadSample& sample,
                                             std::vector<ThreadEvent>& events) {
  Watched& watched = watched_[sample.id];
  watched.look = looks_;
  if (sample.loop_time.has_value() && !std::exchange(watched.started, true)) {
    events.push_back(EventOf(ThreadEventKind::kStarted, *sample.loop_time, sample));
  }
  if (!watched.started || watched.stopped) return {};
  if (sample.stop_time.has_value()) {
    watched.stopped = true;
    if (watched.stalled_since.has_value()) EndStall(*sample.stop_time, sample, watched, events);
    events.push_back(EventOf(ThreadEventKind::kStopped, *sample.stop_time, sample));
    return {};
  }
  LookAtPhase(now, step, sample, watched, events);
  return {watched.stalled_since, watched.busy.Add(now, sample.busy_time)};
}

ThreadMonitor::Stay ThreadMonitor::StayOf(const ThreadSample& sample) {
  if (sample.phase != ThreadPhase::kIdle || !sample.work_since.has_value()) {
    return {sample.phase, false, sample.phase_since};
  }
  return {sample.phase, true, std::max(sample.phase_since, *sample.work_since)};
}

absl::Duration ThreadMonitor::LimitOf(const Stay& stay) const {
  return stay.not_woken ? limits_.not_woken : limits_.Of(stay.phase);
}

void ThreadMonitor::LookAtPhase(absl::Time now, absl::Duration step, const ThreadSample& sample,
                                Watched& watched, std::vector<ThreadEvent>& events) const {
  const Stay stay = StayOf(sample);
  if (stay != watched.stay) {
    if (watched.stalled_since.has_value()) {
      // Without a new phase it was its work that went, to another thread.
      const bool goes_on = sample.phase_since > *watched.stalled_since;
      EndStall(goes_on ? sample.phase_since : now, sample, watched, events);
    }
    watched.stay = stay;
    watched.stay_time = std::min(now - stay.since, limits::kThreadLookGapMax);
    watched.cpu_before = sample.cpu_time;
  } else {
    watched.stay_time += step;
  }
  watched.cpu_time = sample.cpu_time - watched.cpu_before;
  if (watched.stalled_since.has_value() || watched.stay_time < LimitOf(stay)) return;
  watched.stalled_since = now;
  watched.operation = std::string(sample.operation);
  ThreadEvent event = EventOf(ThreadEventKind::kStalled, now, sample);
  event.phase = sample.phase;
  event.operation = watched.operation;
  event.phase_time = now - stay.since;
  event.cpu_time = watched.cpu_time;
  events.push_back(std::move(event));
}

void ThreadMonitor::EndStall(absl::Time time, const ThreadSample& sample, Watched& watched,
                             std::vector<ThreadEvent>& events) {
  ThreadEvent event = EventOf(ThreadEventKind::kRecovered, time, sample);
  event.phase = watched.stay.phase;
  event.operation = std::move(watched.operation);
  event.phase_time = time - watched.stay.since;
  event.cpu_time = watched.cpu_time;
  events.push_back(std::move(event));
  watched.stalled_since.reset();
  watched.operation.clear();
}

}  // namespace shardd
