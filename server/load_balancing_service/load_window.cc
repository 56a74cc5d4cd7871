#include "server/load_balancing_service/load_window.h"

#include <algorithm>
#include <cmath>

#include "server/base/check.h"

namespace shardd {

uint32_t BreachesOf(const LoadSummary& summary, const LoadThresholds& thresholds,
                    double threshold) {
  uint32_t breaches = 0;
  for (auto check = summary.checks.rbegin(); check != summary.checks.rend(); ++check) {
    if (LoadOf(check->own, thresholds).value <= threshold) break;
    if (LoadOf(check->smoothed, thresholds).value <= threshold) break;
    ++breaches;
  }
  return breaches;
}

LoadWindow::LoadWindow(absl::Time since, Pace pace) : pace_(pace) {
  SHARDD_CHECK(pace.check_interval > absl::ZeroDuration());
  SHARDD_CHECK(pace.smoothing > absl::ZeroDuration());
  Restart(since);
}

void LoadWindow::Restart(absl::Time since) {
  since_ = since;
  until_ = since;
  pending_ = LoadSample{};
  checks_made_ = 0;
  peaks_.fill(PeakSlot{});
  newest_slot_ = 0;
}

void LoadWindow::Add(absl::Time now, const LoadSample& sample) {
  SHARDD_CHECK(sample.length > absl::ZeroDuration());
  SHARDD_CHECK(now >= until_ || checks_made_ == 0);
  const absl::Time began = now - sample.length;
  if (began < since_) return;
  if (began - until_ > limits::kChecksMissedMax * pace_.check_interval) Restart(began);
  until_ = now;
  pending_.length += sample.length;
  pending_.operations += sample.operations;
  pending_.busy += sample.busy;
  pending_.mailbox_wait += sample.mailbox_wait;
  pending_.bytes += sample.bytes;
  if (pending_.length >= pace_.check_interval) Check();
}

void LoadWindow::Check() {
  LoadCheck check{until_, RateOf(pending_), RateOf(pending_)};
  if (checks_made_ > 0) {
    const double weight = 1 - std::exp(-absl::FDivDuration(pending_.length, pace_.smoothing));
    const LoadCheck& before = checks_[(checks_made_ - 1) % checks_.size()];
    check.smoothed = Blend(before.smoothed, check.own, weight);
  }
  checks_[checks_made_++ % checks_.size()] = check;
  RaisePeak(check.own);
  pending_ = LoadSample{};
}

void LoadWindow::RaisePeak(const LoadRate& rate) {
  newest_slot_ = (until_ - since_) / limits::kPeakSlotLength;
  PeakSlot& slot = peaks_[static_cast<size_t>(newest_slot_) % peaks_.size()];
  if (slot.number != newest_slot_) slot = PeakSlot{newest_slot_, LoadRate{}};
  slot.highest = Highest(slot.highest, rate);
}

LoadRate LoadWindow::Peak() const {
  LoadRate peak;
  for (const PeakSlot& slot : peaks_) {
    const bool recent = newest_slot_ - slot.number < static_cast<int64_t>(peaks_.size());
    if (slot.number >= 0 && recent) peak = Highest(peak, slot.highest);
  }
  return peak;
}

LoadSummary LoadWindow::Summary() const {
  LoadSummary summary;
  summary.since = since_;
  const size_t kept = std::min(checks_made_, checks_.size());
  for (size_t i = checks_made_ - kept; i < checks_made_; ++i) {
    summary.checks.push_back(checks_[i % checks_.size()]);
  }
  summary.peak = Peak();
  return summary;
}

}  // namespace shardd
