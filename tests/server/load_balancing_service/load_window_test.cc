// Plan: feed a window samples of known rates and compare checks, smoothing, peaks and the count of
// breaches with numbers done by hand.

#include "server/load_balancing_service/load_window.h"

#include "gtest/gtest.h"

namespace shardd {
namespace {

constexpr absl::Time kStart = absl::FromUnixSeconds(5000);
constexpr LoadWindow::Pace kPace{absl::Seconds(5), absl::Seconds(10)};
constexpr LoadThresholds kThresholds{100, 0.5, absl::Milliseconds(10), 1000};

LoadSample OneSecond(uint64_t operations) {
  return LoadSample{.length = absl::Seconds(1), .operations = operations};
}

// Adds `seconds` samples of one second each that end after `now`, which moves on.
void Feed(LoadWindow& window, absl::Time& now, int seconds, uint64_t operations) {
  for (int i = 0; i < seconds; ++i) window.Add(now += absl::Seconds(1), OneSecond(operations));
}

TEST(LoadRateTest, IsPerSecondAndPerOperation) {
  const LoadRate rate =
      RateOf(LoadSample{absl::Seconds(4), 200, absl::Seconds(1), absl::Milliseconds(600), 8000});
  EXPECT_EQ(rate.operations_per_second, 50);
  EXPECT_EQ(rate.busy_fraction, 0.25);
  EXPECT_EQ(rate.mailbox_wait, absl::Milliseconds(3));
  EXPECT_EQ(rate.bytes_per_second, 2000);
}

struct LoadRow {
  const char* name;
  LoadRate rate;
  double load;
  LoadSignal signal;
};

// Plan: the signal nearest to its threshold is the load; waiting counts behind a busy worker only.
TEST(LoadRateTest, LoadIsTheSignalNearestToItsThreshold) {
  const absl::Duration wait = absl::Milliseconds(20);
  const LoadRow rows[] = {
      {"idle", {0, 0, {}, 0}, 0, LoadSignal::kOperations},
      {"operations", {50, 0.1, {}, 0}, 0.5, LoadSignal::kOperations},
      {"busy", {50, 0.5, {}, 0}, 1, LoadSignal::kBusy},
      {"bytes", {50, 0.1, {}, 3000}, 3, LoadSignal::kBytes},
      {"waits behind a busy worker", {50, 0.25, wait, 0}, 2, LoadSignal::kMailboxWait},
      {"waits behind an idle worker", {50, 0.24, wait, 0}, 0.5, LoadSignal::kOperations},
  };
  for (const LoadRow& row : rows) {
    const Load load = LoadOf(row.rate, kThresholds);
    EXPECT_DOUBLE_EQ(load.value, row.load) << row.name;
    EXPECT_EQ(load.signal, row.signal) << row.name;
    EXPECT_FALSE(Describe(row.rate, load.signal).empty()) << row.name;
  }
}

TEST(LoadWindowTest, ChecksOnceInAnInterval) {
  LoadWindow window(kStart, kPace);
  absl::Time now = kStart;
  Feed(window, now, 4, 10);
  EXPECT_FALSE(window.Summary().measured());
  Feed(window, now, 1, 60);
  const LoadSummary summary = window.Summary();
  ASSERT_EQ(summary.checks.size(), 1u);
  EXPECT_EQ(summary.checks[0].at, now);
  EXPECT_EQ(summary.checks[0].own.operations_per_second, 20);
  EXPECT_EQ(summary.since, kStart);
}

TEST(LoadWindowTest, SmoothedRateFollowsSlowly) {
  LoadWindow window(kStart, kPace);
  absl::Time now = kStart;
  Feed(window, now, 5, 0);
  Feed(window, now, 10, 100);
  // Two checks of 5 s at a time constant of 10 s: 1 - e^-1.
  EXPECT_NEAR(window.Summary().smoothed().operations_per_second, 63.2, 0.1);
  EXPECT_EQ(window.Summary().checks.back().own.operations_per_second, 100);
}

TEST(LoadWindowTest, RemembersTheNewestChecksOnly) {
  LoadWindow window(kStart, kPace);
  absl::Time now = kStart;
  Feed(window, now, 5 * (static_cast<int>(limits::kLoadChecksKept) + 3), 7);
  const LoadSummary summary = window.Summary();
  ASSERT_EQ(summary.checks.size(), limits::kLoadChecksKept);
  EXPECT_EQ(summary.until(), now);
  EXPECT_EQ(summary.checks.front().at, now - 5 * (limits::kLoadChecksKept - 1) * absl::Seconds(1));
}

// Plan: three breaches, then one check below: the count starts again.
TEST(LoadWindowTest, BreachesAreConsecutive) {
  LoadWindow window(kStart, kPace);
  absl::Time now = kStart;
  Feed(window, now, 15, 120);
  EXPECT_EQ(BreachesOf(window.Summary(), kThresholds, 1), 3u);
  EXPECT_EQ(BreachesOf(window.Summary(), kThresholds, 1.2), 0u);
  Feed(window, now, 5, 90);
  EXPECT_EQ(BreachesOf(window.Summary(), kThresholds, 1), 0u);
  Feed(window, now, 5, 120);
  EXPECT_EQ(BreachesOf(window.Summary(), kThresholds, 1), 1u);
}

// Plan: one second a hundred times too hot keeps the smoothed rate up for long; it must count once.
TEST(LoadWindowTest, OneBurstIsOneBreachAtMost) {
  LoadWindow window(kStart, kPace);
  absl::Time now = kStart;
  Feed(window, now, 5, 10);
  Feed(window, now, 1, 10'000);
  Feed(window, now, 4, 10);
  EXPECT_EQ(BreachesOf(window.Summary(), kThresholds, 1), 1u);
  Feed(window, now, 5, 10);
  EXPECT_GT(LoadOf(window.Summary().smoothed(), kThresholds).value, 1);
  EXPECT_EQ(BreachesOf(window.Summary(), kThresholds, 1), 0u);
}

// Plan: a burst stays the peak for five minutes and is forgotten within six.
TEST(LoadWindowTest, PeakLastsFiveMinutes) {
  LoadWindow window(kStart, kPace);
  absl::Time now = kStart;
  Feed(window, now, 5, 500);
  Feed(window, now, 290, 10);
  EXPECT_FALSE(window.Summary().peak_known());
  Feed(window, now, 5, 10);
  EXPECT_TRUE(window.Summary().peak_known());
  EXPECT_EQ(window.Summary().peak.operations_per_second, 500);
  Feed(window, now, 65, 10);
  EXPECT_EQ(window.Summary().peak.operations_per_second, 10);
}

// Plan: checks of a minute, with the sample missing that would take over the oldest slot.
TEST(LoadWindowTest, AnOldPeakIsForgottenEvenIfItsSlotIsNotTakenOver) {
  LoadWindow window(kStart, {absl::Minutes(1), absl::Minutes(1)});
  for (const int minute : {1, 2, 3, 4, 5, 6, 8}) {
    const uint64_t operations = minute == 1 ? 60'000 : 60;
    window.Add(kStart + absl::Minutes(minute),
               LoadSample{.length = absl::Minutes(1), .operations = operations});
  }
  EXPECT_EQ(window.Summary().since, kStart);
  EXPECT_EQ(window.Summary().peak.operations_per_second, 1);
}

TEST(LoadWindowTest, NothingFromBeforeTheStartCounts) {
  LoadWindow window(kStart, kPace);
  window.Add(kStart + absl::Seconds(4),
             LoadSample{.length = absl::Seconds(5), .operations = 1'000'000});
  EXPECT_FALSE(window.Summary().measured());
  window.Add(kStart + absl::Seconds(9), LoadSample{.length = absl::Seconds(5), .operations = 5});
  EXPECT_EQ(window.Summary().peak.operations_per_second, 1);
}

// Plan: leave out more than three checks; what was before the gap is forgotten, peaks too.
TEST(LoadWindowTest, AGapBeginsTheWindowAnew) {
  LoadWindow window(kStart, kPace);
  absl::Time now = kStart;
  Feed(window, now, 400, 500);
  now += absl::Seconds(16);
  Feed(window, now, 5, 10);
  const LoadSummary summary = window.Summary();
  EXPECT_EQ(summary.since, now - absl::Seconds(5));
  EXPECT_EQ(summary.checks.size(), 1u);
  EXPECT_EQ(summary.peak.operations_per_second, 10);
  EXPECT_FALSE(summary.peak_known());
}

// Plan: leave out as many checks as may be missed; nothing is forgotten.
TEST(LoadWindowTest, AShortGapIsNone) {
  LoadWindow window(kStart, kPace);
  absl::Time now = kStart;
  Feed(window, now, 10, 500);
  now += limits::kChecksMissedMax * kPace.check_interval;
  Feed(window, now, 5, 10);
  const LoadSummary summary = window.Summary();
  EXPECT_EQ(summary.since, kStart);
  EXPECT_EQ(summary.checks.size(), 3u);
  EXPECT_EQ(summary.peak.operations_per_second, 500);
}

TEST(LoadWindowDeathTest, SamplesCoverTime) {
  LoadWindow window(kStart, kPace);
  EXPECT_DEATH(window.Add(kStart, LoadSample{}), "length");
}

}  // namespace
}  // namespace shardd
