#include "server/http/metric_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace shardd::http {
namespace {

// Plan: one family of each kind, with a label that must be escaped; compare the whole text.
TEST(MetricTextTest, WritesWhatPrometheusReads) {
  MetricFamily counter = MetricFamily::Counter("a_total", "Counts.");
  counter.Add(1, {{"l", "x\"y\\z\n"}});
  counter.Add(2.5, {{"l", "other"}});
  MetricFamily gauge = MetricFamily::Gauge("b", "Is.");
  gauge.Add(0);
  MetricFamily histogram = MetricFamily::Histogram("c_seconds", "Takes.");
  histogram.Add({.sample_count = 3, .sample_sum = 1.5, .bucket = {{1, 0.1}, {2, 1}}}, {});
  EXPECT_EQ(ToPrometheusText(
                {std::move(counter).Take(), std::move(gauge).Take(), std::move(histogram).Take()}),
            "# HELP a_total Counts.\n"
            "# TYPE a_total counter\n"
            "a_total{l=\"x\\\"y\\\\z\\n\"} 1\n"
            "a_total{l=\"other\"} 2.5\n"
            "# HELP b Is.\n"
            "# TYPE b gauge\n"
            "b 0\n"
            "# HELP c_seconds Takes.\n"
            "# TYPE c_seconds histogram\n"
            "c_seconds_count 3\n"
            "c_seconds_sum 1.5\n"
            "c_seconds_bucket{le=\"0.1\"} 1\n"
            "c_seconds_bucket{le=\"1\"} 2\n"
            "c_seconds_bucket{le=\"+Inf\"} 3\n");
}

// Plan: counts of each bucket by itself; those of Prometheus add up, and the last is the total.
TEST(MetricTextTest, HistogramsAddUp) {
  constexpr absl::Duration kBounds[] = {absl::Milliseconds(1), absl::Seconds(2)};
  const prometheus::ClientMetric::Histogram histogram =
      HistogramOf(kBounds, {3, 0, 4}, absl::Milliseconds(2500));
  EXPECT_EQ(histogram.sample_count, 7u);
  EXPECT_EQ(histogram.sample_sum, 2.5);
  ASSERT_EQ(histogram.bucket.size(), 3u);
  EXPECT_EQ(histogram.bucket[0].upper_bound, 0.001);
  EXPECT_EQ(histogram.bucket[0].cumulative_count, 3u);
  EXPECT_EQ(histogram.bucket[1].upper_bound, 2);
  EXPECT_EQ(histogram.bucket[1].cumulative_count, 3u);
  EXPECT_EQ(histogram.bucket[2].cumulative_count, 7u);
  EXPECT_EQ(histogram.bucket[2].upper_bound, std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace shardd::http
