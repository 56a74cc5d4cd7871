#include "server/http/metric_text.h"

#include <prometheus/text_serializer.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "server/base/check.h"

namespace shardd::http {

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
