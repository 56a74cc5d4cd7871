#include "server/daemon/balancing_options.h"

#include <cstdint>

namespace shardd {

Balancer::Options BalancingOptionsOf(const Config& config) {
  Balancer::Options options;
  options.enabled = config.balancing_enabled;
  options.runs = true;
  BalancingConfig& begin = options.config;
  begin.policy = config.balancing_policy;
  begin.thresholds.operations_per_second = config.balancing_operations_per_second;
  begin.thresholds.busy_fraction = config.balancing_busy_fraction;
  begin.thresholds.mailbox_wait = config.balancing_mailbox_wait;
  begin.thresholds.bytes_per_second = static_cast<double>(config.balancing_bytes_per_second.value);
  begin.imbalance_max = config.balancing_imbalance_max;
  begin.check_interval = config.balancing_check_interval;
  begin.merge_age_min = config.balancing_merge_age_min;
  begin.cool_down = config.balancing_cool_down;
  begin.warm_up = config.balancing_warm_up;
  begin.changes_max = static_cast<uint32_t>(config.balancing_changes_max);
  begin.shards_min = static_cast<uint32_t>(
      config.balancing_shards_min > 0 ? config.balancing_shards_min : config.shards_initial);
  begin.shards_max = static_cast<uint32_t>(config.balancing_shards_max);
  begin.homes_max = static_cast<uint32_t>(config.balancing_homes_max);
  return options;
}

}  // namespace shardd
