// Plan: add known durations; quantiles must come back within the promised 1.6 %.
#include "tests/bench/histogram.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace shardd::bench {
namespace {

TEST(HistogramTest, EmptyHasNoQuantile) { EXPECT_EQ(Histogram().Quantile(0.5), 0u); }

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (uint64_t value = 0; value < 128; ++value) histogram.Add(value);
  EXPECT_EQ(histogram.count(), 128u);
  EXPECT_EQ(histogram.Quantile(0), 0u);
  EXPECT_EQ(histogram.Quantile(0.5), 63u);
  EXPECT_EQ(histogram.Quantile(1), 127u);
}

TEST(HistogramTest, AnyValueIsWithinItsBucket) {
  for (uint64_t value = 1; value < (uint64_t{1} << 60); value = value * 3 + 1) {
    Histogram histogram;
    histogram.Add(value);
    EXPECT_GE(histogram.Quantile(0.5), value);
    EXPECT_LE(histogram.Quantile(0.5), value + value / 64);
  }
}

TEST(HistogramTest, TheLargestValueFits) {
  Histogram histogram;
  histogram.Add(std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(histogram.Quantile(1), std::numeric_limits<uint64_t>::max());
}

TEST(HistogramTest, CountsWeigh) {
  Histogram histogram;
  histogram.Add(10, 99);
  histogram.Add(100, 1);
  EXPECT_EQ(histogram.Quantile(0.99), 10u);
  EXPECT_EQ(histogram.Quantile(0.999), 100u);
}

}  // namespace
}  // namespace shardd::bench
