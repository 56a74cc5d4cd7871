#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/codec.h"
#include "server/load_balancing_service/load_rate.h"
#include "server/load_balancing_service/load_window.h"
#include "server/load_balancing_service/split_key_choice.h"

namespace shardd {

// What the planner goes by. All of it can change while the daemon runs.
struct BalancingConfig {
  std::string policy = "load";

  // A shard should be split when its load is above the mean by `imbalance_max`, but never below
  // `load_floor` (an idle daemon has nothing to balance) and always above 1. A shard below
  // `load_floor` counts into the mean by its share of that, an idle one not at all.
  LoadThresholds thresholds;
  double imbalance_max = 1.4;
  double load_floor = 0.05;
  absl::Duration check_interval = absl::Seconds(5);
  absl::Duration smoothing = absl::Seconds(10);
  uint32_t breaches_min = 3;  // checks in a row

  SplitKeyRules keys;
  uint64_t shard_bytes_max = uint64_t{8} << 30;     // above it the size policy splits
  uint64_t own_home_bytes_min = uint64_t{4} << 30;  // from here a shard gets a home of its own

  // Two neighbours are merged if the sum of their peaks, and of their bytes, is below this share of
  // what one shard is split at: what was merged would have to double before it is split again.
  double merge_share_max = 0.5;
  absl::Duration merge_age_min = absl::Minutes(10);  // since the last split of either
  absl::Duration cool_down = absl::Seconds(30);      // of a shard, after any change
  absl::Duration warm_up = absl::Minutes(1);         // of the daemon, before the first change

  uint32_t changes_max = 4;  // at once
  uint32_t shards_min = 1;
  uint32_t shards_max = 1024;
  uint32_t homes_max = 64;

  LoadWindow::Pace pace() const { return {check_interval, smoothing}; }
  friend bool operator==(const BalancingConfig&, const BalancingConfig&) = default;
};

// OK, or kInvalidField naming what is wrong and what is allowed.
absl::Status Validate(const BalancingConfig& config);

void PutConfig(ByteWriter& writer, const BalancingConfig& config);
// Not validated.
BalancingConfig GetConfig(ByteReader& reader);

}  // namespace shardd
