#include "server/load_balancing_service/balancing_config.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/load_balancing_service/balancing_policy.h"
#include "server/load_balancing_service/limits.h"
#include "server/load_balancing_service/value_codec.h"

namespace shardd {
namespace {

template <typename T>
struct Bounds {
  T least;
  T most;
};

std::string Shown(double value) { return absl::StrCat(value); }
std::string Shown(absl::Duration value) { return absl::FormatDuration(value); }

template <typename T>
absl::Status Within(absl::string_view field, T value, Bounds<T> bounds) {
  // Written so that NaN is refused.
  if (value >= bounds.least && value <= bounds.most) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("is ", Shown(value), "; it must be from ",
                                          Shown(bounds.least), " to ", Shown(bounds.most)));
}

absl::Status Count(absl::string_view field, uint32_t value, Bounds<uint32_t> bounds) {
  return Within<double>(field, value, {double(bounds.least), double(bounds.most)});
}

absl::Status ValidateThresholds(const LoadThresholds& thresholds) {
  constexpr Bounds<double> kPositive{1e-9, 1e18};
  SHARDD_RETURN_IF_ERROR(
      Within("operations_per_second", thresholds.operations_per_second, kPositive));
  SHARDD_RETURN_IF_ERROR(Within("bytes_per_second", thresholds.bytes_per_second, kPositive));
  SHARDD_RETURN_IF_ERROR(Within("busy_fraction", thresholds.busy_fraction, {0.01, 1.0}));
  return Within("mailbox_wait", thresholds.mailbox_wait,
                {absl::Microseconds(1), absl::Minutes(10)});
}

absl::Status ValidateRules(const SplitKeyRules& rules) {
  constexpr Bounds<double> kShare{0.01, 1.0};
  SHARDD_RETURN_IF_ERROR(Within("split_imbalance_max", rules.imbalance_max, kShare));
  SHARDD_RETURN_IF_ERROR(Within("split_contained_max", rules.contained_max, kShare));
  SHARDD_RETURN_IF_ERROR(Within("hot_share", rules.hot_share, kShare));
  SHARDD_RETURN_IF_ERROR(Within("isolate_rest_min", rules.isolate_rest_min, kShare));
  SHARDD_RETURN_IF_ERROR(
      Within<double>("split_requests_min", static_cast<double>(rules.requests_min), {1, 1e9}));
  return Within("split_recorded_min", rules.recorded_min,
                {absl::ZeroDuration(), limits::kSampleAgeMax / 2});
}

absl::Status ValidateTimes(const BalancingConfig& config) {
  SHARDD_RETURN_IF_ERROR(Within("check_interval", config.check_interval,
                                {absl::Milliseconds(100), limits::kPeakSlotLength}));
  SHARDD_RETURN_IF_ERROR(
      Within("smoothing", config.smoothing, {absl::Milliseconds(100), limits::kPeakWindow}));
  const Bounds<absl::Duration> wait{absl::ZeroDuration(), limits::kBalancingWaitMax};
  SHARDD_RETURN_IF_ERROR(Within("merge_age_min", config.merge_age_min, wait));
  SHARDD_RETURN_IF_ERROR(Within("cool_down", config.cool_down, wait));
  return Within("warm_up", config.warm_up, wait);
}

absl::Status ValidateCounts(const BalancingConfig& config) {
  SHARDD_RETURN_IF_ERROR(
      Count("breaches_min", config.breaches_min, {1, uint32_t{limits::kLoadChecksKept}}));
  SHARDD_RETURN_IF_ERROR(Count("changes_max", config.changes_max, {0, limits::kChangesAtOnceMax}));
  SHARDD_RETURN_IF_ERROR(Count("shards_max", config.shards_max, {1, limits::kBalancedShardsMax}));
  SHARDD_RETURN_IF_ERROR(Count("shards_min", config.shards_min, {1, config.shards_max}));
  return Count("homes_max", config.homes_max, {1, limits::kBalancedHomesMax});
}

absl::Status ValidateSizes(const BalancingConfig& config) {
  SHARDD_RETURN_IF_ERROR(Within("merge_share_max", config.merge_share_max, {0.0, 0.5}));
  if (config.shard_bytes_max == 0) {
    return InvalidField("shard_bytes_max", "is 0; it must be 1 or more");
  }
  const double mergeable = config.merge_share_max * static_cast<double>(config.shard_bytes_max);
  if (static_cast<double>(config.own_home_bytes_min) >= mergeable) return absl::OkStatus();
  // A shard would be given a home of its own, and be brought back to its neighbour's to be merged.
  return InvalidField("own_home_bytes_min",
                      absl::StrCat("is ", config.own_home_bytes_min,
                                   "; it must be merge_share_max of shard_bytes_max or more"));
}

}  // namespace

absl::Status Validate(const BalancingConfig& config) {
  SHARDD_RETURN_IF_ERROR(FindBalancingPolicy(config.policy).status());
  SHARDD_RETURN_IF_ERROR(ValidateThresholds(config.thresholds));
  SHARDD_RETURN_IF_ERROR(Within("imbalance_max", config.imbalance_max, {1.1, 1000.0}));
  SHARDD_RETURN_IF_ERROR(Within("load_floor", config.load_floor, {0.0, 1.0}));
  SHARDD_RETURN_IF_ERROR(ValidateRules(config.keys));
  SHARDD_RETURN_IF_ERROR(ValidateTimes(config));
  SHARDD_RETURN_IF_ERROR(ValidateCounts(config));
  return ValidateSizes(config);
}

void PutConfig(ByteWriter& writer, const BalancingConfig& config) {
  writer.Bytes(config.policy);
  for (const double value :
       {config.thresholds.operations_per_second, config.thresholds.busy_fraction,
        config.thresholds.bytes_per_second, config.imbalance_max, config.load_floor,
        config.keys.imbalance_max, config.keys.contained_max, config.keys.hot_share,
        config.keys.isolate_rest_min, config.merge_share_max}) {
    PutDouble(writer, value);
  }
  for (const absl::Duration value :
       {config.thresholds.mailbox_wait, config.check_interval, config.smoothing,
        config.keys.recorded_min, config.merge_age_min, config.cool_down, config.warm_up}) {
    PutDuration(writer, value);
  }
  for (const uint64_t value :
       {uint64_t{config.breaches_min}, config.keys.requests_min, config.shard_bytes_max,
        config.own_home_bytes_min, uint64_t{config.changes_max}, uint64_t{config.shards_min},
        uint64_t{config.shards_max}, uint64_t{config.homes_max}}) {
    writer.Varint(value);
  }
}

BalancingConfig GetConfig(ByteReader& reader) {
  BalancingConfig config;
  config.policy = std::string(reader.Bytes());
  for (double* value :
       {&config.thresholds.operations_per_second, &config.thresholds.busy_fraction,
        &config.thresholds.bytes_per_second, &config.imbalance_max, &config.load_floor,
        &config.keys.imbalance_max, &config.keys.contained_max, &config.keys.hot_share,
        &config.keys.isolate_rest_min, &config.merge_share_max}) {
    *value = GetDouble(reader);
  }
  for (absl::Duration* value :
       {&config.thresholds.mailbox_wait, &config.check_interval, &config.smoothing,
        &config.keys.recorded_min, &config.merge_age_min, &config.cool_down, &config.warm_up}) {
    *value = GetDuration(reader);
  }
  config.breaches_min = GetUint32(reader);
  config.keys.requests_min = reader.Varint();
  config.shard_bytes_max = reader.Varint();
  config.own_home_bytes_min = reader.Varint();
  for (uint32_t* value :
       {&config.changes_max, &config.shards_min, &config.shards_max, &config.homes_max}) {
    *value = GetUint32(reader);
  }
  return config;
}

}  // namespace shardd
