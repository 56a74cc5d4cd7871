#pragma once

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace shardd::http {

using MetricLabels = std::vector<prometheus::ClientMetric::Label>;

// A histogram of durations. `counts`: of each bucket by itself, the last one is above all bounds.
prometheus::ClientMetric::Histogram HistogramOf(absl::Span<const absl::Duration> bounds,
                                                absl::Span<const uint64_t> counts,
                                                absl::Duration sum);

// One family of metrics, filled by its maker: counters end in "_total", the rest are gauges.
class MetricFamily {
 public:
  static MetricFamily Counter(absl::string_view name, absl::string_view help) {
    return MetricFamily(name, help, prometheus::MetricType::Counter);
  }
  static MetricFamily Gauge(absl::string_view name, absl::string_view help) {
    return MetricFamily(name, help, prometheus::MetricType::Gauge);
  }
  static MetricFamily Histogram(absl::string_view name, absl::string_view help) {
    return MetricFamily(name, help, prometheus::MetricType::Histogram);
  }

  // For counters and gauges.
  void Add(double value, MetricLabels labels = {});
  // For histograms.
  void Add(prometheus::ClientMetric::Histogram value, MetricLabels labels);

  prometheus::MetricFamily Take() && { return std::move(family_); }

 private:
  MetricFamily(absl::string_view name, absl::string_view help, prometheus::MetricType type);

  prometheus::MetricFamily family_;
};

// The text that Prometheus reads.
std::string ToPrometheusText(const std::vector<prometheus::MetricFamily>& families);

}  // namespace shardd::http
