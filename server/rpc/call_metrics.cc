#include "server/rpc/call_metrics.h"

#include <utility>

#include "server/base/check.h"
#include "server/base/histogram_bucket.h"

namespace shardd::rpc {

const char* CodeName(size_t code) {
  static constexpr std::array<const char*, kCodeCount> kNames = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  SHARDD_CHECK(code < kCodeCount);
  return kNames[code];
}

MethodMetrics::MethodMetrics(std::string service, std::string method, std::string type)
    : service_(std::move(service)), method_(std::move(method)), type_(std::move(type)) {}

void MethodMetrics::CountHandled(grpc::StatusCode code, absl::Duration handling) {
  const size_t index = static_cast<size_t>(code);
  SHARDD_CHECK(index < kCodeCount);
  handled_[index].fetch_add(1, std::memory_order_relaxed);
  buckets_[BucketOf(kHandlingBuckets, handling)].fetch_add(1, std::memory_order_relaxed);
  handling_ns_.fetch_add(absl::ToInt64Nanoseconds(handling), std::memory_order_relaxed);
}

MethodCounts MethodMetrics::Read() const {
  MethodCounts counts;
  counts.service = service_;
  counts.method = method_;
  counts.type = type_;
  counts.started = started_.load(std::memory_order_relaxed);
  for (size_t i = 0; i < handled_.size(); ++i) {
    counts.handled[i] = handled_[i].load(std::memory_order_relaxed);
  }
  for (size_t i = 0; i < buckets_.size(); ++i) {
    counts.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
  }
  counts.handling_sum = absl::Nanoseconds(handling_ns_.load(std::memory_order_relaxed));
  return counts;
}

MethodMetrics* CallMetrics::Add(std::string service, std::string method, std::string type) {
  return &methods_.emplace_back(std::move(service), std::move(method), std::move(type));
}

std::vector<MethodCounts> CallMetrics::Read() const {
  std::vector<MethodCounts> counts;
  counts.reserve(methods_.size());
  for (const MethodMetrics& method : methods_) counts.push_back(method.Read());
  return counts;
}

}  // namespace shardd::rpc
