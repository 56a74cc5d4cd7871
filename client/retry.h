#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/request_id.h"

namespace shardd::client {

// How often and how patiently a safe call is tried.
struct RetryPolicy {
  // The first try counts.
  int tries_max = 4;
  absl::Duration wait_first = absl::Milliseconds(100);
  absl::Duration wait_max = absl::Seconds(1);
  double factor = 2;
};

// The waits between tries: they grow by the policy's factor and vary by up to half at random, so
// that many clients do not come back together.
//
// Thread safety: none.
class Backoff {
 public:
  Backoff(const RetryPolicy& policy, const RandomBits& random)
      : policy_(policy), random_(random), wait_(policy.wait_first) {}

  // The next wait: not less than what the daemon asked for in `error`, and if that decides, up to
  // half more.
  absl::Duration Next(const absl::Status& error);

  // Starts again with the first wait.
  void Reset() { wait_ = policy_.wait_first; }

 private:
  const RetryPolicy policy_;
  const RandomBits& random_;
  absl::Duration wait_;
};

// Whether a call that failed so may succeed when repeated: the daemon was not reachable, or it, or
// the shard, was too busy and said when to come back. Says nothing about whether repeating it is
// safe.
bool IsTransient(const absl::Status& error);

}  // namespace shardd::client
