// Plan: give a small daemon loads, pauses and changes of every kind; what `status`, `top` and
// `shard list` say of them is what an operator sees of a shard that is too hot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/client/shardctl/shardctl_run.h"

namespace shardd::shardctl {
namespace {

using ::testing::HasSubstr;

struct GivenLoad {
  double load = 0;
  v1::BalancingReason reason = v1::BALANCING_REASON_WITHIN_THRESHOLD;
};

// Shards s-0001 and so on, with a threshold of 0.5.
v1::GetLoadResponse Loads(const std::vector<GivenLoad>& given) {
  v1::GetLoadResponse load;
  load.mutable_time()->set_seconds(1'700'000'000);
  load.set_enabled(true);
  load.set_policy("load");
  load.set_load_max_over_mean(1.75);
  for (size_t i = 0; i < given.size(); ++i) {
    v1::ShardLoad& shard = *load.add_shards();
    shard.mutable_route()->set_shard_id("s-000" + std::to_string(i + 1));
    shard.set_kind(v1::BALANCING_DECISION_KIND_NOTHING);
    shard.set_reason(given[i].reason);
    v1::BalancingInputs& inputs = *shard.mutable_inputs();
    inputs.set_load(given[i].load);
    inputs.set_threshold(0.5);
    inputs.mutable_rate()->set_operations_per_second(10'000 * given[i].load);
    inputs.mutable_measured_since()->set_seconds(1'700'000'000);
  }
  return load;
}

class BalancingViewsTest : public ::testing::Test {
 protected:
  Shardctl ctl_;
};

// Plan: of four shards one is not measured yet, and one is new since the balancer looked.
TEST_F(BalancingViewsTest, ShardsAreListedWithTheirLoad) {
  v1::GetLoadResponse load = Loads({{0.25}, {0.75}, {0}});
  load.mutable_shards(2)->mutable_inputs()->clear_measured_since();
  ctl_.daemon.balancing().SetLoad(load);
  const auto items = ctl_.Run({"shard", "list", "-o", "json"}).json()["items"];
  EXPECT_EQ(items[0]["id"], "s-0001");
  EXPECT_EQ(items[0]["load"], 0.25);
  EXPECT_EQ(items[0]["operations_per_second"], 2500);
  EXPECT_EQ(items[0]["accounts"], 8);
  EXPECT_TRUE(items[2]["load"].is_null());
  EXPECT_TRUE(items[3]["operations_per_second"].is_null());
  const std::string table = ctl_.Run({"shard", "list"}).out;
  EXPECT_THAT(table, HasSubstr("  OPS/S  LOAD\n"));
  EXPECT_THAT(table, HasSubstr("  7,500  0.75\n"));
  EXPECT_THAT(table, HasSubstr("      -     -\n"));
}

TEST_F(BalancingViewsTest, ShardsAreListedInTheOrderAskedFor) {
  ctl_.daemon.balancing().SetLoad(Loads({{0}, {0.75}, {0.5}}));
  ctl_.daemon.WithShards([](client::FakeShards& shards) {
    shards.Find("s-0003")->set_byte_count(9000);
    shards.Find("s-0004")->set_account_count(9000);
    return 0;
  });
  struct SortedBy {
    const char* column;
    const char* names;
  };
  const SortedBy rows[] = {
      {"key", "s-0001\ns-0002\ns-0003\ns-0004\n"},
      {"load", "s-0002\ns-0003\ns-0001\ns-0004\n"},  // the last one is not measured
      {"ops", "s-0002\ns-0003\ns-0001\ns-0004\n"},
      {"bytes", "s-0003\ns-0001\ns-0002\ns-0004\n"},
      {"accounts", "s-0004\ns-0001\ns-0002\ns-0003\n"},
  };
  for (const SortedBy& row : rows) {
    EXPECT_EQ(ctl_.Run({"shard", "list", "--sort", row.column, "-o", "name"}).out, row.names)
        << row.column;
  }
  EXPECT_EQ(ctl_.Run({"shard", "list", "--sort", "luck"}).exit_code, kUsage);
}

}  // namespace
}  // namespace shardd::shardctl
