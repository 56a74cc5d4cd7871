// Plan: a steady stream has its rate, and what has ended fades; two rates are one sum; a clock that
// was set back changes nothing. Of more senders than are told apart the busiest stay, the rest is
// one, and nothing is counted twice or lost.

#include "server/cross_thread_messaging/message_rates.h"

#include <gtest/gtest.h>

#include <map>

#include "server/base/limits.h"

namespace shardd {
namespace {

const absl::Time kBegin = absl::UnixEpoch() + absl::Hours(1);
constexpr absl::Duration kSmoothing = limits::kMessageRateSmoothing;

std::map<uint64_t, double> Read(const MessageRates& rates, absl::Time now) {
  std::map<uint64_t, double> read;
  for (const MessageRate& rate : rates.rates()) read[rate.from.value] = rate.rate.PerSecond(now);
  return read;
}

TEST(SmoothedRateTest, ASteadyStreamHasItsRate) {
  SmoothedRate rate;
  absl::Time now = kBegin;
  for (; now < kBegin + 10 * kSmoothing; now += absl::Milliseconds(10)) rate.Add(now);
  EXPECT_NEAR(rate.PerSecond(now), 100, 0.1);
}

TEST(SmoothedRateTest, WhatHasBegunIsSeenBy63Percent) {
  SmoothedRate rate;
  absl::Time now = kBegin;
  for (; now < kBegin + kSmoothing; now += absl::Milliseconds(10)) rate.Add(now);
  EXPECT_NEAR(rate.PerSecond(now), 63.2, 0.1);
}

TEST(SmoothedRateTest, WhatHasEndedFades) {
  SmoothedRate rate;
  for (int i = 0; i < 100; ++i) rate.Add(kBegin);
  EXPECT_NEAR(rate.PerSecond(kBegin), 10, 1e-9);
  EXPECT_NEAR(rate.PerSecond(kBegin + kSmoothing), 3.68, 0.01);
  EXPECT_NEAR(rate.PerSecond(kBegin + 20 * kSmoothing), 0, 1e-6);
}

TEST(SmoothedRateTest, AClockThatWasSetBackChangesNothing) {
  SmoothedRate rate;
  rate.Add(kBegin);
  rate.Add(kBegin - absl::Hours(1));
  EXPECT_NEAR(rate.PerSecond(kBegin - absl::Hours(1)), 0.2, 1e-9);
  EXPECT_NEAR(rate.PerSecond(kBegin), 0.2, 1e-9);
}

TEST(SmoothedRateTest, RatesAddUp) {
  SmoothedRate early;
  early.Add(kBegin);
  SmoothedRate late;
  const absl::Time now = kBegin + kSmoothing;
  late.Add(now);
  SmoothedRate sum = early;
  sum.Add(late, now);
  EXPECT_NEAR(sum.PerSecond(now), early.PerSecond(now) + late.PerSecond(now), 1e-9);
}

TEST(MessageRatesTest, SendersAreToldApart) {
  MessageRates rates(2);
  rates.Add({7}, kBegin);
  rates.Add({8}, kBegin);
  rates.Add({7}, kBegin);
  const std::map<uint64_t, double> read = Read(rates, kBegin);
  ASSERT_EQ(read.size(), 2u) << "there are no others";
  EXPECT_NEAR(read.at(7), 0.2, 1e-9);
  EXPECT_NEAR(read.at(8), 0.1, 1e-9);
}

// Plan: one busy sender, and 1000 that send one message each, at the same pace together.
TEST(MessageRatesTest, TheBusyOnesAreToldApartAndTheRestIsOne) {
  constexpr size_t kSourcesMax = 4;
  MessageRates rates(kSourcesMax);
  SmoothedRate busy;
  SmoothedRate all;
  absl::Time now = kBegin;
  for (uint64_t other = 100; other < 1100; ++other) {
    now += absl::Milliseconds(50);
    rates.Add({7}, now);
    rates.Add({other}, now);
    busy.Add(now);
    all.Add(now);
    all.Add(now);
  }
  const std::map<uint64_t, double> read = Read(rates, now);
  EXPECT_EQ(read.size(), kSourcesMax + 1);
  EXPECT_NEAR(read.at(7), busy.PerSecond(now), 1e-6);
  double sum = 0;
  for (const auto& [from, rate] : read) sum += rate;
  EXPECT_NEAR(sum, all.PerSecond(now), 1e-6);
}

// Plan: who was busy and has stopped makes room for who begins.
TEST(MessageRatesTest, WhoBeginsIsSeen) {
  MessageRates rates(2);
  for (int i = 0; i < 100; ++i) {
    rates.Add({1}, kBegin);
    rates.Add({2}, kBegin);
  }
  const absl::Time later = kBegin + 10 * kSmoothing;
  rates.Add({3}, later);
  rates.Add({3}, later);
  EXPECT_NEAR(Read(rates, later).at(3), 0.2, 1e-9);
}

}  // namespace
}  // namespace shardd
