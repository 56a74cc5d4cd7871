#include "tests/bench/meter.h"

#include <cmath>

#include "server/base/check.h"

namespace shardd::bench {
namespace {

double Rounded(double value) { return std::round(value * 100) / 100; }

double Microseconds(uint64_t nanoseconds) {
  return Rounded(static_cast<double>(nanoseconds) / 1000);
}

}  // namespace

Meter::Meter(const MeterOptions& options)
    : server_pid_(options.server_pid),
      begin_(MeterClock::now() + absl::ToChronoNanoseconds(options.warm_up)),
      end_(begin_ + absl::ToChronoNanoseconds(options.measured)) {}

void Meter::Record(MeterClock::time_point started, MeterClock::time_point now,
                   uint64_t operations) {
  if (now < begin_ || closed_) return;
  if (!measuring_) {
    // What is answered at this edge was work of the warm-up.
    first_ = last_ = {now, ReadProcessUsage(server_pid_)};
    measuring_ = true;
    return;
  }
  const auto latency = std::chrono::duration_cast<std::chrono::nanoseconds>(now - started).count();
  latency_.Add(static_cast<uint64_t>(latency), operations);
  if (now < end_) return;
  last_ = {now, ReadProcessUsage(server_pid_)};
  closed_ = true;
}

nlohmann::json Meter::Report() const {
  SHARDD_CHECK(closed_);
  const double seconds = std::chrono::duration<double>(last_.time - first_.time).count();
  const auto operations = static_cast<double>(latency_.count());
  nlohmann::json report = {{"ops_per_s", std::round(operations / seconds)},
                           {"p50_us", Microseconds(latency_.Quantile(0.5))},
                           {"p99_us", Microseconds(latency_.Quantile(0.99))}};
  if (server_pid_ != 0) {
    const absl::Duration cpu = last_.usage.cpu - first_.usage.cpu;
    report["server_cpu_us_per_op"] = Rounded(absl::ToDoubleMicroseconds(cpu) / operations);
    report["server_rss_bytes"] = last_.usage.resident_bytes;
  }
  return report;
}

}  // namespace shardd::bench
