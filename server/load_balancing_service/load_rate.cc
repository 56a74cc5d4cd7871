#include "server/load_balancing_service/load_rate.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/check.h"

namespace shardd {
namespace {

constexpr double kBusyShareToCountWaiting = 0.5;

// Whole nanoseconds, so that a stored value is the value.
absl::Duration Whole(absl::Duration duration) {
  return absl::Trunc(duration, absl::Nanoseconds(1));
}

}  // namespace

LoadRate RateOf(const LoadSample& sample) {
  SHARDD_CHECK(sample.length > absl::ZeroDuration());
  const double seconds = absl::ToDoubleSeconds(sample.length);
  LoadRate rate;
  rate.operations_per_second = static_cast<double>(sample.operations) / seconds;
  rate.busy_fraction = absl::FDivDuration(sample.busy, sample.length);
  if (sample.operations > 0) {
    rate.mailbox_wait = Whole(sample.mailbox_wait / static_cast<double>(sample.operations));
  }
  rate.bytes_per_second = static_cast<double>(sample.bytes) / seconds;
  return rate;
}

LoadRate Highest(const LoadRate& a, const LoadRate& b) {
  return LoadRate{std::max(a.operations_per_second, b.operations_per_second),
                  std::max(a.busy_fraction, b.busy_fraction),
                  std::max(a.mailbox_wait, b.mailbox_wait),
                  std::max(a.bytes_per_second, b.bytes_per_second)};
}

LoadRate Blend(const LoadRate& older, const LoadRate& newer, double weight) {
  SHARDD_CHECK(weight >= 0 && weight <= 1);
  const auto blend = [weight](double a, double b) { return a + weight * (b - a); };
  return LoadRate{blend(older.operations_per_second, newer.operations_per_second),
                  blend(older.busy_fraction, newer.busy_fraction),
                  Whole(older.mailbox_wait + weight * (newer.mailbox_wait - older.mailbox_wait)),
                  blend(older.bytes_per_second, newer.bytes_per_second)};
}

Load LoadOf(const LoadRate& rate, const LoadThresholds& thresholds) {
  Load load{rate.operations_per_second / thresholds.operations_per_second, LoadSignal::kOperations};
  const auto raise = [&load](double value, LoadSignal signal) {
    if (value > load.value) load = Load{value, signal};
  };
  const double busy = rate.busy_fraction / thresholds.busy_fraction;
  raise(busy, LoadSignal::kBusy);
  if (busy >= kBusyShareToCountWaiting) {
    raise(absl::FDivDuration(rate.mailbox_wait, thresholds.mailbox_wait), LoadSignal::kMailboxWait);
  }
  raise(rate.bytes_per_second / thresholds.bytes_per_second, LoadSignal::kBytes);
  return load;
}

std::string Describe(const LoadRate& rate, LoadSignal signal) {
  switch (signal) {
    case LoadSignal::kOperations:
      return absl::StrFormat("%.0f operations/s", rate.operations_per_second);
    case LoadSignal::kBusy:
      return absl::StrFormat("%.0f %% busy", rate.busy_fraction * 100);
    case LoadSignal::kMailboxWait:
      return absl::StrCat("requests wait ", absl::FormatDuration(rate.mailbox_wait));
    case LoadSignal::kBytes:
      return absl::StrFormat("%.1f MiB/s", rate.bytes_per_second / (1 << 20));
  }
  return "";
}

}  // namespace shardd
