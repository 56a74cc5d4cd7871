#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/account/routing_key.h"
#include "server/base/ids.h"
#include "server/load_balancing_service/balancing_config.h"
#include "server/load_balancing_service/load_window.h"
#include "server/load_balancing_service/split_key_sampler.h"
#include "server/routing/route_table.h"

namespace shardd {

// All the planner knows of one shard.
struct ShardSnapshot {
  Route route;
  LoadSummary load;
  SplitSample sample;  // empty unless the shard is sampled
  uint64_t bytes_stored = 0;
  absl::Time last_change = absl::InfinitePast();  // of its range, its owner or its home
  absl::Time last_split = absl::InfinitePast();   // of it or of what it came from
  absl::Time pinned_until = absl::InfinitePast();
  bool changing = false;  // an operation on it is under way
  friend bool operator==(const ShardSnapshot&, const ShardSnapshot&) = default;
};

// All the planner knows.
struct BalancingSnapshot {
  absl::Time now;
  absl::Time started_at;  // when the daemon did
  TableEpoch epoch;
  absl::Time paused_until = absl::InfinitePast();
  uint32_t changes_running = 0;
  BalancingConfig config;
  std::vector<ShardSnapshot> shards;  // one for each route, in the table's order

  // Without `samples`, those of all shards are encoded as empty ones.
  std::string Encode(bool samples = true) const;
  // Errors: kStorageCorrupt.
  static absl::StatusOr<BalancingSnapshot> Decode(absl::string_view bytes);
  friend bool operator==(const BalancingSnapshot&, const BalancingSnapshot&) = default;
};

// OK, or InvalidArgument: the shards are no routing table, or the configuration is not valid. For
// snapshots that were read from a file.
absl::Status Validate(const BalancingSnapshot& snapshot);

void PutRate(ByteWriter& writer, const LoadRate& rate);
LoadRate GetRate(ByteReader& reader);

}  // namespace shardd
