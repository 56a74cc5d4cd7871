#pragma once

#include <grpcpp/support/status.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace shardd::rpc {

// Upper bounds of the histogram of handling times; the last bucket has none.
inline constexpr std::array<absl::Duration, 15> kHandlingBuckets = {
    absl::Microseconds(100), absl::Microseconds(250),  absl::Microseconds(500),
    absl::Milliseconds(1),   absl::Microseconds(2500), absl::Milliseconds(5),
    absl::Milliseconds(10),  absl::Milliseconds(25),   absl::Milliseconds(50),
    absl::Milliseconds(100), absl::Milliseconds(250),  absl::Milliseconds(500),
    absl::Seconds(1),        absl::Seconds(5),         absl::Seconds(30)};

// The 17 canonical codes.
inline constexpr size_t kCodeCount = 17;

// What is counted of one method. Fields are read while calls run, so they may be of slightly
// different moments.
struct MethodCounts {
  std::string service;
  std::string method;
  std::string type;  // "unary", "server_stream", "bidi_stream"
  uint64_t started = 0;
  std::array<uint64_t, kCodeCount> handled{};  // by canonical code
  // Handling times: how many fell into each bucket (not cumulative), and their sum.
  std::array<uint64_t, kHandlingBuckets.size() + 1> buckets{};
  absl::Duration handling_sum;
};

// The name of a code as gRPC's metrics spell it: "OK", "InvalidArgument", ….
const char* CodeName(size_t code);

// The counters of one method.
//
// Thread safety: safe; relaxed atomics, no look-up on the way of a call.
class MethodMetrics {
 public:
  MethodMetrics(std::string service, std::string method, std::string type);

  void CountStarted() { started_.fetch_add(1, std::memory_order_relaxed); }
  void CountHandled(grpc::StatusCode code, absl::Duration handling);
  MethodCounts Read() const;

 private:
  const std::string service_;
  const std::string method_;
  const std::string type_;
  std::atomic<uint64_t> started_{0};
  std::array<std::atomic<uint64_t>, kCodeCount> handled_{};
  std::array<std::atomic<uint64_t>, kHandlingBuckets.size() + 1> buckets_{};
  std::atomic<int64_t> handling_ns_{0};
};

// The counters of all methods, for /metrics.
//
// Thread safety: Add before any call runs; then safe.
class CallMetrics {
 public:
  // Lives as long as this.
  MethodMetrics* Add(std::string service, std::string method, std::string type);
  std::vector<MethodCounts> Read() const;

 private:
  std::deque<MethodMetrics> methods_;
};

}  // namespace shardd::rpc
