#include "server/http/metric_text.h"

#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "server/base/check.h"

namespace shardd::http {

prometheus::ClientMetric::Histogram HistogramOf(absl::Span<const absl::Duration> bounds,
                                                absl::Span<const uint64_t> counts,
                                                absl::Duration sum) {
  SHARDD_CHECK(counts.size() == bounds.size() + 1);
  prometheus::ClientMetric::Histogram histogram;
  histogram.sample_sum = absl::ToDoubleSeconds(sum);
  for (size_t i = 0; i < counts.size(); ++i) {
    histogram.sample_count += counts[i];
    const double bound = i < bounds.size() ? absl::ToDoubleSeconds(bounds[i])
                                           : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({histogram.sample_count, bound});
  }
  return histogram;
}

MetricFamily::MetricFamily(absl::string_view name, absl::string_view help,
                           prometheus::MetricType type)
    : family_{.name = std::string(name), .help = std::string(help), .type = type, .metric = {}} {}

void MetricFamily::Add(double value, MetricLabels labels) {
  SHARDD_CHECK(family_.type != prometheus::MetricType::Histogram);
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  if (family_.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family_.metric.push_back(std::move(metric));
}

void MetricFamily::Add(prometheus::ClientMetric::Histogram value, MetricLabels labels) {
  SHARDD_CHECK(family_.type == prometheus::MetricType::Histogram);
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.histogram = std::move(value);
  family_.metric.push_back(std::move(metric));
}

std::string ToPrometheusText(const std::vector<prometheus::MetricFamily>& families) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

}  // namespace shardd::http
