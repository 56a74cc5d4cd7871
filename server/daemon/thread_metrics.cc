#include "server/daemon/thread_metrics.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/http/metric_text.h"

namespace shardd {
namespace {

using http::MetricFamily;

constexpr ThreadRole kOwnRoles[] = {ThreadRole::kWorker, ThreadRole::kPoller,
                                    ThreadRole::kCoordinator, ThreadRole::kBackground};

std::string Text(absl::string_view name) { return std::string(name); }

// Zeros too, so that a first stalled thread is a step and not a new series.
MetricFamily CountsOf(const std::vector<ThreadStatus>& threads) {
  std::map<std::pair<ThreadRole, ThreadState>, uint64_t> counts;
  for (const ThreadStatus& thread : threads) ++counts[{thread.role, thread.state}];
  MetricFamily family = MetricFamily::Gauge(
      "shardd_threads", "Threads by role and state; stopped ones are counted for a while.");
  for (const ThreadRole role : kOwnRoles) {
    for (const ThreadState state : kThreadStates) {
      family.Add(static_cast<double>(counts[{role, state}]),
                 {{"role", Text(NameOf(role))}, {"state", Text(NameOf(state))}});
    }
  }
  return family;
}

MetricFamily StallsOf(const ThreadEventLog::StallCounts& stalls) {
  MetricFamily family = MetricFamily::Counter(
      "shardd_thread_stalls_total", "Threads found to be stalled, by the phase they were in.");
  for (const ThreadRole role : kOwnRoles) {
    for (const ThreadPhase phase : kThreadPhases) {
      if (phase == ThreadPhase::kCompacting) continue;  // never a stall
      const auto found = stalls.find({role, phase});
      family.Add(static_cast<double>(found == stalls.end() ? 0 : found->second),
                 {{"role", Text(NameOf(role))}, {"phase", Text(NameOf(phase))}});
    }
  }
  return family;
}

void AddRatio(const ThreadStatus& thread, MetricFamily& family) {
  family.Add(thread.busy_ratio, {{"role", Text(NameOf(thread.role))}, {"thread", thread.name}});
}

// One series for each name, as Prometheus wants it: of threads with the same name the busiest.
MetricFamily BusyRatiosOf(const std::vector<ThreadStatus>& threads) {
  std::vector<const ThreadStatus*> workers;
  std::map<std::pair<ThreadRole, std::string>, const ThreadStatus*> others;
  for (const ThreadStatus& thread : threads) {
    if (thread.state == ThreadState::kStopped) continue;
    if (thread.role == ThreadRole::kWorker) {
      workers.push_back(&thread);
      continue;
    }
    const ThreadStatus*& named = others[{thread.role, thread.name}];
    if (named == nullptr || named->busy_ratio < thread.busy_ratio) named = &thread;
  }
  std::sort(workers.begin(), workers.end(), [](const ThreadStatus* a, const ThreadStatus* b) {
    return a->busy_ratio != b->busy_ratio ? a->busy_ratio > b->busy_ratio : a->id < b->id;
  });
  MetricFamily family = MetricFamily::Gauge(
      "shardd_thread_busy_ratio", "Part of the last ten seconds that a thread was not idle.");
  for (const auto& [name, thread] : others) AddRatio(*thread, family);
  const size_t named = std::min(workers.size(), kWorkersNamedMax);
  for (size_t i = 0; i < named; ++i) AddRatio(*workers[i], family);
  if (workers.size() == named) return family;
  double sum = 0;
  for (size_t i = named; i < workers.size(); ++i) sum += workers[i]->busy_ratio;
  family.Add(sum / static_cast<double>(workers.size() - named),
             {{"role", Text(NameOf(ThreadRole::kWorker))}, {"thread", "other"}});
  return family;
}

MetricFamily CpuTimesOf(const std::map<ThreadRole, absl::Duration>& cpu_time) {
  MetricFamily family = MetricFamily::Counter("shardd_thread_cpu_seconds_total",
                                              "Processor time used by threads, by role.");
  for (const auto& [role, time] : cpu_time) {
    family.Add(absl::ToDoubleSeconds(time), {{"role", Text(NameOf(role))}});
  }
  return family;
}

}  // namespace

std::vector<prometheus::MetricFamily> ThreadMetricFamiliesOf(const ThreadMetrics& metrics) {
  std::vector<prometheus::MetricFamily> families;
  families.push_back(CountsOf(metrics.threads).Take());
  families.push_back(StallsOf(metrics.stalls).Take());
  families.push_back(BusyRatiosOf(metrics.threads).Take());
  families.push_back(CpuTimesOf(metrics.cpu_time).Take());
  return families;
}

}  // namespace shardd
