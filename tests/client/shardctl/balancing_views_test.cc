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
using ::testing::Not;

// What the fake daemon calls now: it started at 1 700 000 000, and 26 hours ago.
constexpr int64_t kNowSeconds = 1'700'000'000 + 93'600;

struct GivenLoad {
  double load = 0;
  v1::BalancingReason reason = v1::BALANCING_REASON_WITHIN_THRESHOLD;
};

// Shards s-0001 and so on, with a threshold of 0.5.
v1::GetLoadResponse Loads(const std::vector<GivenLoad>& given) {
  v1::GetLoadResponse load;
  load.mutable_time()->set_seconds(kNowSeconds);
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

void SetHotAccount(const std::string& id, double share, v1::ShardLoad& shard) {
  shard.mutable_hot_account()->mutable_account()->set_namespace_("shop");
  shard.mutable_hot_account()->mutable_account()->set_id(id);
  shard.mutable_hot_account()->set_share(share);
}

v1::GetLoadResponse OneHotAccount() {
  v1::GetLoadResponse load = Loads({{0.1}, {19, v1::BALANCING_REASON_SPLIT_WILL_NOT_HELP}});
  SetHotAccount("cart", 0.83, *load.mutable_shards(1));
  return load;
}

v1::Operation MovesHome(const std::string& id, v1::OperationState state) {
  v1::Operation operation;
  operation.set_id(id);
  operation.set_kind(v1::OPERATION_KIND_REHOME);
  operation.set_state(state);
  operation.set_target("s-0003");
  operation.set_steps_done(12'345);
  operation.set_status_message("copying");
  operation.mutable_create_time()->set_seconds(kNowSeconds - 120);
  operation.mutable_shard_change()->set_shard_id("s-0003");
  operation.mutable_shard_change()->set_to_home("h0002");
  return operation;
}

class BalancingViewsTest : public ::testing::Test {
 protected:
  void AddOperation(const v1::Operation& operation) {
    ctl_.daemon.WithShards([&](client::FakeShards& shards) {
      shards.operations[operation.id()] = operation;
      return 0;
    });
  }

  // Sets what the balancer says, and asks for the status.
  std::string StatusWith(const v1::GetLoadResponse& load) {
    ctl_.daemon.balancing().SetLoad(load);
    const Ran ran = ctl_.Run({"status"});
    EXPECT_EQ(ran.exit_code, kOk) << ran.err;
    return ran.out;
  }

  nlohmann::json StatusJsonWith(const v1::GetLoadResponse& load) {
    ctl_.daemon.balancing().SetLoad(load);
    return ctl_.Run({"status", "-o", "json"}).json();
  }

  Shardctl ctl_;
};

// It is a notice: the daemon stays healthy.
TEST_F(BalancingViewsTest, StatusNamesAnAccountThatNoSplitHelps) {
  const std::string screen = StatusWith(OneHotAccount());
  EXPECT_THAT(screen, HasSubstr("● HEALTHY"));
  EXPECT_THAT(screen, HasSubstr("\n! s-0002 is hot, 38.0 times the threshold: one account, "
                                "shop/cart, makes 83% of it; a split will not help\n"
                                "  next: shardctl balancer explain s-0002\n"));
  const auto json = StatusJsonWith(OneHotAccount());
  EXPECT_EQ(json["verdict"], "healthy");
  EXPECT_TRUE(json["reasons"].empty());
  ASSERT_EQ(json["notices"].size(), 1u);
  EXPECT_EQ(json["notices"][0]["kind"], "hot_account");
  EXPECT_EQ(json["notices"][0]["shard"], "s-0002");
  EXPECT_EQ(json["notices"][0]["next_command"], "shardctl balancer explain s-0002");
}

TEST_F(BalancingViewsTest, StatusCountsHotAndColdShards) {
  v1::GetLoadResponse load = Loads({{0.6, v1::BALANCING_REASON_NOT_SUSTAINED},
                                    {0.5},
                                    {0.01, v1::BALANCING_REASON_TOO_YOUNG_TO_MERGE},
                                    {0.01, v1::BALANCING_REASON_PART_OF_MERGE}});
  const std::string screen = StatusWith(load);
  EXPECT_THAT(screen, HasSubstr("Shards      4   hot 1   cold 2   epoch 1\n"));
  // The balancer sees to it.
  EXPECT_THAT(screen, Not(HasSubstr("!")));
  EXPECT_EQ(StatusJsonWith(load)["shards_hot"], 1);
  EXPECT_EQ(StatusJsonWith(load)["shards_cold"], 2);
  load.set_policy("manual");
  EXPECT_TRUE(StatusJsonWith(load)["shards_cold"].is_null());
}

TEST_F(BalancingViewsTest, StatusSaysWhyNobodyHelpsAHotShard) {
  struct LeftAlone {
    v1::BalancingReason reason;
    bool enabled;
    bool paused;
    const char* policy;
    const char* message;
    const char* next;
  };
  const LeftAlone rows[] = {
      {v1::BALANCING_REASON_PAUSED, true, true, "load",
       "and balancing is paused until 2023-11-16 00:13:20Z", "shardctl balancer resume"},
      {v1::BALANCING_REASON_PAUSED, false, false, "load",
       "and balancing is off (balancing.enabled)", "shardctl shard split s-0001"},
      {v1::BALANCING_REASON_MANUAL_POLICY, true, false, "manual",
       "and the policy manual leaves it to you", "shardctl shard split s-0001"},
      {v1::BALANCING_REASON_PINNED, true, false, "load", "and is left alone: it is pinned",
       "shardctl balancer explain s-0001"},
      {v1::BALANCING_REASON_NO_BALANCED_KEY, true, false, "load",
       "and is left alone: no key leaves two like parts", "shardctl balancer explain s-0001"},
      {v1::BALANCING_REASON_WITHIN_THRESHOLD, true, false, "size",
       "and is left alone: the policy size does not split by load",
       "shardctl balancer explain s-0001"},
  };
  for (const LeftAlone& row : rows) {
    SCOPED_TRACE(row.message);
    v1::GetLoadResponse load = Loads({{1.2, row.reason}, {0.1, row.reason}});
    load.set_enabled(row.enabled);
    load.set_policy(row.policy);
    if (row.paused) load.mutable_paused_until()->set_seconds(kNowSeconds);
    EXPECT_THAT(StatusWith(load),
                HasSubstr(std::string("\n! s-0001 is hot, 2.4 times the threshold, ") +
                          row.message + "\n  next: " + row.next + "\n"));
    EXPECT_EQ(StatusJsonWith(load)["notices"].size(), 1u);
  }
}

TEST_F(BalancingViewsTest, StatusNamesTheHottestOfManyHotShards) {
  std::vector<GivenLoad> given(9, {1, v1::BALANCING_REASON_PINNED});
  given[8].load = 3;
  const std::string screen = StatusWith(Loads(given));
  EXPECT_THAT(screen, HasSubstr("! s-0009 is hot, 6.0 times"));
  EXPECT_THAT(screen, Not(HasSubstr("s-0005 is hot")));
  EXPECT_THAT(screen, HasSubstr("\n! 4 more shards are hot\n"
                                "  next: shardctl shard list --sort load\n"));
  EXPECT_EQ(StatusJsonWith(Loads(given))["notices"].size(), 9u);
}

TEST_F(BalancingViewsTest, StatusSaysWhatTheBalancerDoes) {
  EXPECT_THAT(StatusWith(Loads({{0.1}})),
              HasSubstr("\nBalancer    auto, policy load   load max/mean 1.75\n"));
  v1::GetLoadResponse load = Loads({});
  load.clear_time();
  EXPECT_THAT(StatusWith(load), HasSubstr("auto, policy load   has not looked yet\n"));
  load = Loads({{0.1}});
  load.set_load_max_over_mean(0);
  load.set_changes_failed(2);
  load.mutable_paused_until()->set_seconds(kNowSeconds);
  EXPECT_THAT(StatusWith(load),
              HasSubstr("Balancer    paused until 2023-11-16 00:13:20Z, policy load   2 failed\n"));
  EXPECT_EQ(StatusJsonWith(load)["balancer"]["state"], "paused");
  EXPECT_EQ(StatusJsonWith(load)["balancer"]["paused_until"], "2023-11-16T00:13:20Z");
  load.set_enabled(false);
  EXPECT_THAT(StatusWith(load), HasSubstr("Balancer    off (balancing.enabled)"));
  load.set_enabled(true);
  load.clear_paused_until();
  load.set_policy("manual");
  EXPECT_THAT(StatusWith(load), HasSubstr("policy manual: changes are left to the operator"));
}

// Plan: of two like operations on the shard, the one before the decision is not what it led to.
TEST_F(BalancingViewsTest, StatusSaysHowTheLastChangeWent) {
  v1::GetLoadResponse load = Loads({{0.1}});
  v1::BalancingDecision& last = *load.mutable_last_change();
  last.set_shard_id("s-0001");
  last.set_kind(v1::BALANCING_DECISION_KIND_SPLIT);
  last.set_reason(v1::BALANCING_REASON_TOO_HOT);
  last.mutable_time()->set_seconds(kNowSeconds - 125);
  EXPECT_THAT(StatusWith(load), HasSubstr("   last: split s-0001, 2m 5s ago\n"));
  EXPECT_TRUE(StatusJsonWith(load)["balancer"]["last_change"]["operation"].is_null());

  v1::Operation split;
  split.set_kind(v1::OPERATION_KIND_SPLIT);
  split.set_state(v1::OPERATION_STATE_SUCCEEDED);
  split.mutable_shard_change()->set_shard_id("s-0001");
  split.mutable_shard_change()->set_other_shard_id("s-0064");
  split.mutable_create_time()->set_seconds(kNowSeconds - 126);
  split.set_id("op-2");
  AddOperation(split);
  split.mutable_shard_change()->set_other_shard_id("s-0065");
  split.mutable_shard_change()->mutable_pause()->set_nanos(11'004'000);
  split.mutable_create_time()->set_seconds(kNowSeconds - 125);
  split.set_id("op-3");
  AddOperation(split);
  EXPECT_THAT(StatusWith(load),
              HasSubstr("   last: split s-0001 -> s-0065, 2m 5s ago, writes paused 11ms\n"));
  const auto json = StatusJsonWith(load)["balancer"]["last_change"];
  EXPECT_EQ(json["kind"], "split");
  EXPECT_EQ(json["reason"], "too_hot");
  EXPECT_EQ(json["operation"], "op-3");
  EXPECT_EQ(json["pause_seconds"], 0.011004);

  split.set_state(v1::OPERATION_STATE_FAILED);
  AddOperation(split);
  EXPECT_THAT(StatusWith(load), HasSubstr("2m 5s ago, op-3 failed\n"));
}

TEST_F(BalancingViewsTest, StatusSaysHowFarOperationsAre) {
  AddOperation(MovesHome("op-7", v1::OPERATION_STATE_RUNNING));
  AddOperation(MovesHome("op-6", v1::OPERATION_STATE_SUCCEEDED));
  v1::GetLoadResponse load = Loads({{0.1}});
  load.add_running()->set_operation_id("op-7");
  const std::string screen = StatusWith(load);
  EXPECT_THAT(screen,
              HasSubstr("\n  op-7 rehome s-0003: 12,345 steps, by the balancer  copying\n"));
  EXPECT_THAT(screen, Not(HasSubstr("op-6")));
  const auto json = StatusJsonWith(load)["operations"];
  ASSERT_EQ(json.size(), 2u) << "and the one that the fake daemon always has";
  EXPECT_EQ(json[0]["id"], "op-7");
  EXPECT_EQ(json[0]["steps_done"], 12'345);
  EXPECT_EQ(json[0]["by_balancer"], true);
  EXPECT_EQ(json[1]["by_balancer"], false);
}

TEST_F(BalancingViewsTest, TopNamesHotAccountsAndWhatRuns) {
  v1::GetLoadResponse load = OneHotAccount();
  SetHotAccount("basket", 0.5, *load.mutable_shards(0));
  ctl_.daemon.balancing().SetLoad(load);
  AddOperation(MovesHome("op-7", v1::OPERATION_STATE_RUNNING));
  const Ran screen = ctl_.Run({"top", "--once"});
  EXPECT_EQ(screen.exit_code, kOk) << screen.err;
  EXPECT_THAT(screen.out, HasSubstr("\nHOT ACCOUNTS  shop/cart 157,700/s (83% of s-0002) · "
                                    "shop/basket 500/s (50% of s-0001)\n"
                                    "BALANCER      auto, policy load   load max/mean 1.75   "
                                    "op-7 rehome s-0003: 12,345 steps"));
  const auto json = ctl_.Run({"top", "--once", "-o", "json"}).json();
  EXPECT_EQ(json["hot_accounts"][0]["id"], "cart");
  EXPECT_EQ(json["hot_accounts"][0]["shard"], "s-0002");
  EXPECT_NEAR(json["hot_accounts"][0]["operations_per_second"].get<double>(), 157'700, 1);
  EXPECT_EQ(json["balancer"]["state"], "active");
  EXPECT_EQ(json["operations"][0]["steps_done"], 12'345);
  EXPECT_EQ(json["items"].size(), 4u);

  ctl_.daemon.balancing().SetLoad(Loads({{0.1}}));
  EXPECT_THAT(ctl_.Run({"top", "--once"}).out, HasSubstr("\nHOT ACCOUNTS  none\n"));
}

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
