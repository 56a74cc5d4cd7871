#include "server/daemon/drain.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace shardd {
namespace {

constexpr absl::string_view kDrainComponent = "drain";
constexpr absl::Duration kLookInterval = absl::Milliseconds(20);
constexpr absl::Duration kProgressInterval = absl::Seconds(1);

std::string Seconds(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(1)));
}

// Serves on while load balancers notice; whether the operator is in a hurry.
bool Wait(absl::Duration wait, DrainTimer& timer, Log& log) {
  const absl::Time end = timer.Now() + wait;
  bool hurried = false;
  while (!hurried && timer.Now() < end) {
    log.Info(kDrainComponent, "not ready, still serving", {{"left", Seconds(end - timer.Now())}});
    hurried = timer.WaitUntil(std::min(end, timer.Now() + kProgressInterval));
  }
  return hurried || timer.WaitUntil(timer.Now());
}

// Waits until nothing is unfinished or `deadline`; whether the operator is in a hurry.
bool AwaitWork(absl::Time deadline, DrainSteps& steps, DrainTimer& timer, Log& log) {
  absl::Time next_report = timer.Now() + kProgressInterval;
  while (const uint64_t unfinished = steps.Unfinished()) {
    if (timer.Now() >= deadline) return false;
    if (timer.Now() >= next_report) {
      log.Info(kDrainComponent, "finishing accepted work", {{"unfinished", unfinished}});
      next_report += kProgressInterval;
    }
    if (timer.WaitUntil(std::min(deadline, timer.Now() + kLookInterval))) return true;
  }
  return false;
}

}  // namespace

absl::Status Drain(const DrainOptions& options, DrainSteps& steps, DrainTimer& timer, Log& log) {
  steps.StopBeingReady();
  bool hurried = Wait(options.wait, timer, log);
  steps.RefuseNewWork();
  log.Info(kDrainComponent, "refusing new work");
  const absl::Time deadline = timer.Now() + options.timeout;
  if (!hurried) hurried = AwaitWork(deadline, steps, timer, log);
  if (hurried) log.Warning(kDrainComponent, "asked to hurry; skipping the waits");
  const absl::Status ended = steps.EndWork(hurried ? timer.Now() : deadline);
  if (!ended.ok()) {
    log.Warning(kDrainComponent, "some accepted work was given up unanswered",
                {{"reason", std::string(ended.message())}});
  }
  absl::Status closed = steps.Close();
  if (!closed.ok()) {
    log.Error(kDrainComponent,
              "the data folder was not synced and closed; acknowledged writes may be at risk",
              {{"reason", std::string(closed.message())}});
  }
  return closed;
}

}  // namespace shardd
