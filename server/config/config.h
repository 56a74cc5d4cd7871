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

  absl::Duration drain_wait;
  absl::Duration drain_timeout;

  std::string log_level;
  std::string log_format;
};

}  // namespace shardd
