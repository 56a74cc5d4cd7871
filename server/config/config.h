#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace shardd {

// A number of bytes; written as "256MiB" or as a plain number.
struct ByteCount {
  uint64_t value = 0;
  friend bool operator==(ByteCount, ByteCount) = default;
};

// The values in force, checked. The option table (options.h) says what each means, what it may be
// and what it is if nobody sets it.
struct Config {
  std::string listen;
  std::string http_listen;  // empty: no HTTP port
  bool insecure = false;
  int pollers = 0;
  bool reflection = true;

  std::string data;
  ByteCount cache_bytes;
  ByteCount write_buffer_bytes;
  ByteCount wal_bytes_max;
  ByteCount reserve_bytes;

  int shards_initial = 0;

  bool balancing_enabled = true;
  std::string balancing_policy;
  double balancing_operations_per_second = 0;
  double balancing_busy_fraction = 0;
  absl::Duration balancing_mailbox_wait;
  ByteCount balancing_bytes_per_second;
  double balancing_imbalance_max = 0;
  absl::Duration balancing_check_interval;
  absl::Duration balancing_merge_age_min;
  absl::Duration balancing_cool_down;
  absl::Duration balancing_warm_up;
  int balancing_changes_max = 0;
  int balancing_shards_min = 0;  // 0: shards_initial
  int balancing_shards_max = 0;
  int balancing_homes_max = 0;
  absl::Duration stall_after;  // zero: nothing is ever a stall

  absl::Duration drain_wait;
  absl::Duration drain_timeout;

  std::string log_level;
  std::string log_format;
};

}  // namespace shardd
