// Plan: the default configuration is valid; each field out of its bounds is refused by name.

#include "server/load_balancing_service/balancing_config.h"

#include <functional>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/error.h"
#include "server/load_balancing_service/balancing_fields.h"
#include "server/load_balancing_service/balancing_policy.h"
#include "server/load_balancing_service/limits.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

struct Row {
  const char* field;
  std::function<void(BalancingConfig&)> plant;
};

constexpr absl::Duration kTick = absl::Nanoseconds(1);
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const Row kRows[] = {
    {"policy", [](auto& c) { c.policy = "none"; }},
    {"operations_per_second", [](auto& c) { c.thresholds.operations_per_second = 0; }},
    {"operations_per_second", [](auto& c) { c.thresholds.operations_per_second = kNaN; }},
    {"bytes_per_second", [](auto& c) { c.thresholds.bytes_per_second = -1; }},
    {"busy_fraction", [](auto& c) { c.thresholds.busy_fraction = 1.1; }},
    {"mailbox_wait", [](auto& c) { c.thresholds.mailbox_wait = absl::ZeroDuration(); }},
    {"imbalance_max", [](auto& c) { c.imbalance_max = 1; }},
    {"load_floor", [](auto& c) { c.load_floor = 1.01; }},
    {"split_imbalance_max", [](auto& c) { c.keys.imbalance_max = 0; }},
    {"split_contained_max", [](auto& c) { c.keys.contained_max = 2; }},
    {"hot_share", [](auto& c) { c.keys.hot_share = 0; }},
    {"isolate_rest_min", [](auto& c) { c.keys.isolate_rest_min = kNaN; }},
    {"split_requests_min", [](auto& c) { c.keys.requests_min = 0; }},
    {"split_recorded_min",
     [](auto& c) { c.keys.recorded_min = limits::kSampleAgeMax / 2 + kTick; }},
    {"check_interval", [](auto& c) { c.check_interval = absl::ZeroDuration(); }},
    {"check_interval", [](auto& c) { c.check_interval = limits::kPeakSlotLength + kTick; }},
    {"smoothing", [](auto& c) { c.smoothing = limits::kPeakWindow + kTick; }},
    {"merge_age_min", [](auto& c) { c.merge_age_min = limits::kBalancingWaitMax + kTick; }},
    {"cool_down", [](auto& c) { c.cool_down = -absl::Seconds(1); }},
    {"cool_down", [](auto& c) { c.cool_down = limits::kBalancingWaitMax + kTick; }},
    {"warm_up", [](auto& c) { c.warm_up = limits::kBalancingWaitMax + kTick; }},
    {"warm_up", [](auto& c) { c.warm_up = absl::InfiniteDuration(); }},
    {"breaches_min", [](auto& c) { c.breaches_min = 0; }},
    {"breaches_min", [](auto& c) { c.breaches_min = limits::kLoadChecksKept + 1; }},
    {"changes_max", [](auto& c) { c.changes_max = limits::kChangesAtOnceMax + 1; }},
    {"shards_max", [](auto& c) { c.shards_max = limits::kBalancedShardsMax + 1; }},
    {"shards_min", [](auto& c) { c.shards_min = c.shards_max + 1; }},
    {"homes_max", [](auto& c) { c.homes_max = limits::kBalancedHomesMax + 1; }},
    {"merge_share_max", [](auto& c) { c.merge_share_max = 0.51; }},
    {"shard_bytes_max", [](auto& c) { c.shard_bytes_max = 0; }},
    {"own_home_bytes_min", [](auto& c) { c.own_home_bytes_min = c.shard_bytes_max / 2 - 1; }},
};

// The message begins with the field, and does not name it again.
void ExpectNamedOnce(const std::string& field, const absl::Status& status) {
  const std::string message(status.message());
  EXPECT_EQ(message.find(field + " is "), 0u) << message;
  EXPECT_EQ(message.find(field + " ", 1), std::string::npos) << message;
}

TEST(BalancingConfigTest, TheDefaultIsValid) { EXPECT_THAT(Validate(BalancingConfig{}), IsOk()); }

TEST(BalancingConfigTest, EachFieldHasItsBounds) {
  for (const Row& row : kRows) {
    BalancingConfig config;
    row.plant(config);
    const absl::Status status = Validate(config);
    EXPECT_THAT(status, HasReason(Reason::kInvalidField)) << row.field;
    EXPECT_EQ(MetadataOf(status)["field"], row.field);
    ExpectNamedOnce(row.field, status);
  }
}

// Plan: by the name that an error gives, each field can be set; not to just anything.
TEST(BalancingFieldsTest, EachFieldIsSetByItsName) {
  for (const Row& row : kRows) {
    BalancingConfig config;
    int forms = 0;
    for (const char* text : {"load", "7", "7.5", "7s"}) {
      forms += SetBalancingField(row.field, text, config).ok() ? 1 : 0;
    }
    EXPECT_GT(forms, 0) << row.field;
    if (std::string(row.field) == "policy") continue;
    EXPECT_LT(forms, 3) << row.field;
    EXPECT_NE(config, BalancingConfig()) << row.field;
    const absl::Status refused = SetBalancingField(row.field, "much", config);
    EXPECT_THAT(refused, HasReason(Reason::kInvalidField)) << row.field;
    EXPECT_EQ(MetadataOf(refused)["field"], row.field);
    ExpectNamedOnce(row.field, refused);
  }
  BalancingConfig config;
  const absl::Status unknown = SetBalancingField("colour", "7", config);
  EXPECT_THAT(unknown, HasReason(Reason::kInvalidField));
  ExpectNamedOnce("colour", unknown);
  EXPECT_EQ(config, BalancingConfig());
}

TEST(BalancingConfigTest, TheLargestValuesAreAllowed) {
  BalancingConfig config;
  config.breaches_min = limits::kLoadChecksKept;
  config.changes_max = limits::kChangesAtOnceMax;
  config.shards_max = config.shards_min = limits::kBalancedShardsMax;
  config.homes_max = limits::kBalancedHomesMax;
  config.cool_down = config.warm_up = config.merge_age_min = limits::kBalancingWaitMax;
  config.check_interval = limits::kPeakSlotLength;
  config.smoothing = limits::kPeakWindow;
  config.keys.recorded_min = limits::kSampleAgeMax / 2;
  EXPECT_THAT(Validate(config), IsOk());
}

TEST(BalancingPolicyTest, IsFoundByItsName) {
  EXPECT_THAT(BalancingPolicyNames(), ::testing::ElementsAre("load", "size", "manual"));
  for (const absl::string_view name : BalancingPolicyNames()) {
    ASSERT_OK_AND_ASSIGN(const BalancingPolicy* policy, FindBalancingPolicy(name));
    EXPECT_EQ(policy->name(), name);
  }
  EXPECT_THAT(FindBalancingPolicy(""), HasReason(Reason::kInvalidField));
}

}  // namespace
}  // namespace shardd
