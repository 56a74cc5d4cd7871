#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/shardctl/latencies.h"

namespace shardd::shardctl {

struct LoadOptions {
  std::string name_space = "bench";
  enum class Mix { kPut, kGet, kMixed };
  Mix mix = Mix::kMixed;
  size_t accounts = 1000;
  size_t value_bytes = 100;
  // Calls in flight; with sessions, frames in flight in each.
  size_t in_flight = 64;
  // 0 makes single calls.
  size_t sessions = 0;
  size_t frame_operations = 64;
  absl::Duration duration = absl::Seconds(10);
};

struct LoadResult {
  uint64_t operations = 0;
  uint64_t errors = 0;
  // Of the first error.
  std::string first_error;
  absl::Duration time;
  // Of calls, or of frames with sessions.
  Latencies latencies;
};

// Puts load on the daemon until the time is up or `stop` says so. The namespace must exist;
// accounts are created as they are written.
absl::StatusOr<LoadResult> RunLoad(client::Client& client, const LoadOptions& options,
                                   const std::function<bool()>& stop);

}  // namespace shardd::shardctl
