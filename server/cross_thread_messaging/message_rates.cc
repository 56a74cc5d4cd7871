#include "server/cross_thread_messaging/message_rates.h"

#include <algorithm>
#include <cmath>

#include "server/base/limits.h"

namespace shardd {
namespace {

constexpr ShardId kOthers{};

}  // namespace

double SmoothedRate::PerSecond(absl::Time now) const {
  if (now <= as_of_) return per_second_;
  return per_second_ * std::exp(-absl::FDivDuration(now - as_of_, limits::kMessageRateSmoothing));
}

void SmoothedRate::Add(absl::Time now) {
  // An event's share of a rate, integrated over all time after it, is one.
  per_second_ = PerSecond(now) + 1 / absl::ToDoubleSeconds(limits::kMessageRateSmoothing);
  as_of_ = std::max(as_of_, now);
}

void SmoothedRate::Add(const SmoothedRate& other, absl::Time now) {
  per_second_ = PerSecond(now) + other.PerSecond(now);
  as_of_ = std::max(as_of_, now);
}

void MessageRates::Add(ShardId from, absl::Time now) { Find(from, now).rate.Add(now); }

MessageRate& MessageRates::Find(ShardId from, absl::Time now) {
  const auto found = std::find_if(rates_.begin(), rates_.end(), [from](const MessageRate& rate) {
    return rate.from == from;
  });
  if (found != rates_.end()) return *found;
  const bool others_are_told = !rates_.empty() && rates_.front().from == kOthers;
  if (rates_.size() < sources_max_ + (others_are_told ? 1 : 0)) {
    return rates_.emplace_back(MessageRate{from, {}});
  }
  MessageRate& others = Others();
  MessageRate& lowest = *std::min_element(
      rates_.begin() + 1, rates_.end(), [now](const MessageRate& a, const MessageRate& b) {
        return a.rate.PerSecond(now) < b.rate.PerSecond(now);
      });
  others.rate.Add(lowest.rate, now);
  lowest = MessageRate{from, {}};
  return lowest;
}

MessageRate& MessageRates::Others() {
  if (rates_.front().from != kOthers) rates_.insert(rates_.begin(), MessageRate{});
  return rates_.front();
}

}  // namespace shardd
