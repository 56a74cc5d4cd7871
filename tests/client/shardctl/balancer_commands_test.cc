// Plan: run the balancer's commands against what the test says it saw and decided, and compare what
// people and scripts see; replay traces that are whole, cut short and wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/load_balancing_service/load_trace.h"
#include "tests/client/shardctl/shardctl_run.h"

namespace shardd::shardctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::BalancingDecision DecisionOn(const std::string& shard, v1::BalancingDecisionKind kind,
                                 v1::BalancingReason reason) {
  v1::BalancingDecision decision;
  decision.mutable_time()->set_seconds(1'700'000'000);
  decision.set_shard_id(shard);
  decision.set_kind(kind);
  decision.set_wanted(kind);
  decision.set_reason(reason);
  decision.set_times(3);
  decision.set_epoch(7);
  decision.set_text(shard + " because");
  return decision;
}

v1::BalancingDecision Split(const std::string& shard) {
  v1::BalancingDecision decision =
      DecisionOn(shard, v1::BALANCING_DECISION_KIND_SPLIT, v1::BALANCING_REASON_TOO_HOT);
  decision.add_split_keys(std::string(16, '\x80'));
  return decision;
}

v1::BalancingDecision Nothing(const std::string& shard, v1::BalancingReason reason) {
  return DecisionOn(shard, v1::BALANCING_DECISION_KIND_NOTHING, reason);
}

v1::GetLoadResponse TwoShards() {
  v1::GetLoadResponse load;
  load.mutable_time()->set_seconds(1'700'000'000);
  load.set_enabled(true);
  load.set_policy("load");
  load.set_epoch(7);
  load.set_load_max_over_mean(1.75);
  for (const char* id : {"s-0001", "s-0002"}) {
    v1::ShardLoad& shard = *load.add_shards();
    shard.mutable_route()->set_shard_id(id);
    shard.set_kind(v1::BALANCING_DECISION_KIND_NOTHING);
    shard.set_reason(v1::BALANCING_REASON_WITHIN_THRESHOLD);
    shard.mutable_inputs()->set_load(0.5);
    shard.mutable_inputs()->set_signal(v1::LOAD_SIGNAL_OPERATIONS);
    shard.mutable_inputs()->mutable_rate()->set_operations_per_second(5000);
  }
  v1::ShardLoad& hot = *load.mutable_shards(1);
  hot.set_reason(v1::BALANCING_REASON_SPLIT_WILL_NOT_HELP);
  hot.mutable_hot_account()->mutable_account()->set_namespace_("shop");
  hot.mutable_hot_account()->mutable_account()->set_id("cart");
  hot.mutable_hot_account()->set_share(0.83);
  return load;
}

class BalancerCommandsTest : public ::testing::Test {
 protected:
  Shardctl ctl_;
};

TEST_F(BalancerCommandsTest, StatusSaysWhetherItActsAndWhatItDidLast) {
  v1::GetLoadResponse load = TwoShards();
  load.set_changes_done(4);
  load.set_changes_failed(1);
  load.set_last_failure("operation op-3 failed");
  *load.mutable_last_change() = Split("s-0001");
  *load.add_running()->mutable_decision() = Split("s-0002");
  load.mutable_running(0)->set_operation_id("op-9");
  ctl_.daemon.balancing().SetLoad(load);
  const auto status = ctl_.Run({"balancer", "status", "-o", "json"}).json();
  EXPECT_EQ(status["state"], "active");
  EXPECT_EQ(status["policy"], "load");
  EXPECT_EQ(status["shards"], 2);
  EXPECT_EQ(status["load_max_over_mean"], 1.75);
  EXPECT_EQ(status["changes_done"], 4);
  EXPECT_EQ(status["changes_failed"], 1);
  EXPECT_EQ(status["last_failure"], "operation op-3 failed");
  EXPECT_EQ(status["running"][0]["operation"], "op-9");
  EXPECT_TRUE(status["paused_until"].is_null());

  load.mutable_paused_until()->set_seconds(1'700'000'100);
  ctl_.daemon.balancing().SetLoad(load);
  EXPECT_EQ(ctl_.Run({"balancer", "status", "-o", "json"}).json()["state"], "paused");
  load.set_enabled(false);
  ctl_.daemon.balancing().SetLoad(load);
  EXPECT_EQ(ctl_.Run({"balancer", "status", "-o", "json"}).json()["state"], "off");
  load = v1::GetLoadResponse();
  load.set_enabled(true);
  load.set_policy("manual");
  ctl_.daemon.balancing().SetLoad(load);
  EXPECT_EQ(ctl_.Run({"balancer", "status", "-o", "json"}).json()["state"], "manual");
}

TEST_F(BalancerCommandsTest, LoadNamesTheAccountThatNoSplitHelps) {
  EXPECT_THAT(ctl_.Run({"balancer", "load"}).err, HasSubstr("not looked yet"));
  ctl_.daemon.balancing().SetLoad(TwoShards());
  const Ran people = ctl_.Run({"balancer", "load"});
  EXPECT_EQ(people.exit_code, kOk);
  EXPECT_THAT(people.out, HasSubstr("shop/cart 83%"));
  EXPECT_THAT(people.out, HasSubstr("split_will_not_help"));
  EXPECT_THAT(people.out, HasSubstr("5,000"));
  const auto list = ctl_.Run({"balancer", "load", "-o", "json"}).json();
  EXPECT_EQ(list["load_max_over_mean"], 1.75);
  EXPECT_EQ(list["items"].size(), 2u);
  EXPECT_EQ(list["items"][1]["hot_account"]["id"], "cart");
  EXPECT_TRUE(list["items"][0]["hot_account"].is_null());
}

TEST_F(BalancerCommandsTest, ExplainShowsTheKeysThatWereLookedAt) {
  v1::ExplainShardResponse explanation;
  *explanation.mutable_now() = Split("s-0001");
  v1::SplitKeyCandidate& candidate = *explanation.mutable_now()->add_candidates();
  candidate.set_routing_key(std::string(16, '\x80'));
  candidate.set_left_share(0.4);
  candidate.set_requests(512);
  candidate.set_fault("UNBALANCED");
  *explanation.add_history() = Nothing("s-0001", v1::BALANCING_REASON_COOLING_DOWN);
  ctl_.daemon.balancing().SetExplanation(explanation);
  const Ran people = ctl_.Run({"balancer", "explain", "s-0001"});
  EXPECT_THAT(people.out, HasSubstr("80808080"));
  EXPECT_THAT(people.out, HasSubstr("cooling_down"));
  const auto json = ctl_.Run({"balancer", "explain", "s-0001", "-o", "json"}).json();
  EXPECT_EQ(json["kind"], "split");
  EXPECT_EQ(json["candidates"][0]["requests"], 512);
  EXPECT_EQ(json["history"][0]["reason"], "cooling_down");
  EXPECT_EQ(ctl_.Run({"balancer", "explain"}).exit_code, kUsage);

  // It is no more: what was decided of it last stands for it.
  explanation.clear_now();
  ctl_.daemon.balancing().SetExplanation(explanation);
  const Ran gone = ctl_.Run({"balancer", "explain", "s-0001"});
  EXPECT_THAT(gone.out, HasSubstr("cooling_down"));
  EXPECT_THAT(gone.err, HasSubstr("not there in the last check"));
}

// Plan: a past decision carries all that it rested on, wherever it is shown.
TEST_F(BalancerCommandsTest, PastDecisionsSayWhatTheyRestedOn) {
  v1::BalancingDecision decision = Split("s-0001");
  v1::SplitKeyCandidate& candidate = *decision.add_candidates();
  candidate.set_routing_key(std::string(16, '\x80'));
  candidate.set_left_share(0.4);
  candidate.set_fault("UNBALANCED");
  decision.mutable_inputs()->mutable_measured_since()->set_seconds(1'700'000'000);
  ctl_.daemon.balancing().SetDecisions({decision, Split("s-0002")});
  v1::ExplainShardResponse explanation;
  *explanation.add_history() = decision;
  ctl_.daemon.balancing().SetExplanation(explanation);

  const auto explained = ctl_.Run({"balancer", "explain", "s-0001", "-o", "json"}).json();
  const auto listed = ctl_.Run({"balancer", "decisions", "-o", "json"}).json()["items"];
  for (const auto& shown : {explained, explained["history"][0], listed[0]}) {
    EXPECT_EQ(shown["candidates"][0]["left"], 0.4) << shown;
    EXPECT_EQ(shown["candidates"][0]["fault"], "UNBALANCED") << shown;
    EXPECT_EQ(shown["inputs"]["measured_since"], "2023-11-14T22:13:20Z") << shown;
    ASSERT_TRUE(shown["inputs"].contains("last_change")) << shown;
    EXPECT_TRUE(shown["inputs"]["last_change"].is_null()) << shown;
  }
  EXPECT_EQ(listed[1]["candidates"].size(), 0u);
  EXPECT_THAT(ctl_.Run({"balancer", "explain", "s-0001"}).out, HasSubstr("UNBALANCED"));
}

TEST_F(BalancerCommandsTest, DecisionsAreListedPageByPage) {
  std::vector<v1::BalancingDecision> decisions;
  for (int i = 0; i < 70; ++i) {
    decisions.push_back(Nothing("s-0001", v1::BALANCING_REASON_PAUSED));
    decisions.back().set_number(static_cast<uint64_t>(100 - i));
  }
  ctl_.daemon.balancing().SetDecisions(decisions);
  EXPECT_EQ(ctl_.Run({"balancer", "decisions", "-o", "json"}).json()["items"].size(), 50u);
  const Ran twice = ctl_.Run({"balancer", "decisions", "-o", "name", "--watch", "--count", "2"});
  EXPECT_EQ(std::count(twice.out.begin(), twice.out.end(), '\n'), 100) << twice.err;
  const Ran all =
      ctl_.Run({"balancer", "decisions", "--all", "--acting", "--shard", "s-0001", "-o", "json"});
  EXPECT_EQ(all.json()["items"].size(), 70u);
  EXPECT_EQ(all.json()["items"][69]["number"], 31);
  EXPECT_TRUE(ctl_.daemon.balancing().last_list().acting_only());
  EXPECT_EQ(ctl_.daemon.balancing().last_list().shard_id(), "s-0001");
}

TEST_F(BalancerCommandsTest, PlanShowsWhatWouldBeChanged) {
  EXPECT_THAT(ctl_.Run({"balancer", "plan"}).err, HasSubstr("not looked yet"));
  v1::PlanResponse plan;
  plan.mutable_time()->set_seconds(1'700'000'000);
  *plan.add_decisions() = Split("s-0002");
  *plan.add_decisions() = Nothing("s-0001", v1::BALANCING_REASON_WITHIN_THRESHOLD);
  ctl_.daemon.balancing().SetPlan(plan);
  const Ran acting = ctl_.Run({"balancer", "plan", "--set", "imbalance_max=1.2", "--set",
                               "cool_down=1500ms", "--ignore-pause"});
  EXPECT_THAT(acting.out, HasSubstr("s-0002"));
  EXPECT_THAT(acting.out, Not(HasSubstr("s-0001 ")));
  EXPECT_THAT(acting.err, HasSubstr("1 of 2 shards"));
  const v1::PlanRequest asked = ctl_.daemon.balancing().last_plan();
  EXPECT_EQ(asked.policy().imbalance_max(), 1.2);
  EXPECT_EQ(asked.policy().cool_down().seconds(), 1);
  EXPECT_EQ(asked.policy().cool_down().nanos(), 500'000'000);
  EXPECT_TRUE(asked.ignore_pause());
  EXPECT_EQ(ctl_.Run({"balancer", "plan", "--all", "-o", "json"}).json()["items"].size(), 2u);
}

TEST_F(BalancerCommandsTest, PausesAndResumes) {
  const Ran paused = ctl_.Run({"balancer", "pause", "--for", "1h", "-o", "json"});
  EXPECT_EQ(paused.exit_code, kOk) << paused.err;
  EXPECT_EQ(ctl_.daemon.balancing().last_pause().duration().seconds(), 3600);
  ctl_.Run({"balancer", "pause"});
  EXPECT_FALSE(ctl_.daemon.balancing().last_pause().has_duration());
  EXPECT_EQ(ctl_.Run({"balancer", "pause", "--for", "never"}).exit_code, kUsage);
  EXPECT_EQ(ctl_.Run({"balancer", "resume", "-o", "json"}).json()["enabled"], true);
  ctl_.daemon.balancing().SetEnabled(false);
  EXPECT_THAT(ctl_.Run({"balancer", "resume"}).err, HasSubstr("balancing.enabled"));
}

TEST_F(BalancerCommandsTest, ThePolicyIsShownSetAndReset) {
  const Ran set =
      ctl_.Run({"balancer", "policy", "set", "policy=size", "shard_bytes_max=10", "-o", "csv"});
  EXPECT_EQ(set.exit_code, kOk) << set.err;
  EXPECT_THAT(set.out, HasSubstr("policy,size"));
  EXPECT_THAT(set.out, HasSubstr("shard_bytes_max,10"));
  const Ran get = ctl_.Run({"balancer", "policy", "get"});
  EXPECT_THAT(get.out, HasSubstr("size"));
  EXPECT_THAT(get.err, HasSubstr("policy reset"));
  EXPECT_THAT(ctl_.Run({"balancer", "policy", "reset"}).out, HasSubstr("load"));
  EXPECT_THAT(ctl_.Run({"balancer", "policy", "get"}).err, Not(HasSubstr("policy reset")));
}

// Plan: what was set comes back as it was written, so that one can go on from it.
TEST_F(BalancerCommandsTest, NumbersOfThePolicyAreNotRounded) {
  for (const char* word : {"operations_per_second=1234567.5", "bytes_per_second=34603008",
                           "imbalance_max=1.1", "own_home_bytes_min=18446744073709551615"}) {
    std::string line = word;
    line.replace(line.find('='), 1, ",");
    EXPECT_THAT(ctl_.Run({"balancer", "policy", "set", word, "-o", "csv"}).out, HasSubstr(line));
  }
}

struct BadPolicy {
  std::vector<std::string> words;
  std::string complaint;
};

TEST_F(BalancerCommandsTest, AWrongPolicyIsNamedBeforeAnythingIsSent) {
  const BadPolicy bad[] = {
      {{"cool_down"}, "KEY=VALUE"},
      {{"colour=red"}, "no field called \"colour\""},
      {{"changes_max=1", "changes_max=2"}, "given twice"},
      {{"changes_max=few"}, "a whole number"},
      {{"changes_max=4294967296"}, "a whole number"},
      {{"imbalance_max=high"}, "a number"},
      {{"cool_down=soon"}, "a duration"},
      {{"cool_down=inf"}, "a duration"},
  };
  for (const BadPolicy& row : bad) {
    std::vector<std::string> arguments = {"balancer", "policy", "set"};
    arguments.insert(arguments.end(), row.words.begin(), row.words.end());
    const Ran ran = ctl_.Run(arguments);
    EXPECT_NE(ran.exit_code, kOk);
    EXPECT_THAT(ran.err, HasSubstr(row.complaint));
  }
  EXPECT_THAT(ctl_.Run({"balancer", "policy", "get"}).err, Not(HasSubstr("policy reset")));
}

// Two rounds of an idle shard.
std::string Trace() {
  std::string trace(TraceHeader());
  for (int i = 0; i < 2; ++i) {
    TraceRecord record;
    record.snapshot.now = absl::FromUnixSeconds(1'700'000'000 + 5 * i);
    record.snapshot.started_at = record.snapshot.now - absl::Hours(1);
    record.snapshot.epoch = TableEpoch{1};
    record.snapshot.shards.emplace_back();
    record.snapshot.shards[0].route.shard = ShardId{1};
    record.snapshot.shards[0].route.home = storage::Family{1};
    trace += TraceFrame(record);
  }
  return trace;
}

TEST_F(BalancerCommandsTest, ATraceIsSavedAsItIsAndReplayed) {
  const std::string trace = Trace();
  ctl_.daemon.balancing().SetTrace({trace.substr(0, 10), trace.substr(10)});
  const Ran saved = ctl_.Run({"balancer", "trace"});
  EXPECT_EQ(saved.exit_code, kOk) << saved.err;
  EXPECT_EQ(saved.out, trace);
  ctl_.terminal = true;
  EXPECT_THAT(ctl_.Run({"balancer", "trace"}).err, HasSubstr("> FILE"));
  ctl_.terminal = false;

  ctl_.input = trace;
  auto replay = ctl_.Run({"balancer", "replay", "-", "-o", "json"});
  EXPECT_EQ(replay.exit_code, kOk) << replay.err;
  EXPECT_EQ(replay.json()["rounds"], 2);
  EXPECT_EQ(replay.json()["first_round"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(replay.json()["last_round"], "2023-11-14T22:13:25Z");
  EXPECT_EQ(replay.json()["would_change"], 0);
  EXPECT_EQ(replay.json()["cut_short"], false);
  ctl_.input = trace.substr(0, trace.size() - 1);
  replay = ctl_.Run({"balancer", "replay", "-", "-o", "json", "--set", "cool_down=2m"});
  EXPECT_EQ(replay.json()["rounds"], 1);
  EXPECT_EQ(replay.json()["cut_short"], true);
  ctl_.input = "Package: bash\n";
  EXPECT_NE(ctl_.Run({"balancer", "replay", "-"}).exit_code, kOk);
  ctl_.input = trace;
  EXPECT_THAT(ctl_.Run({"balancer", "replay", "-", "--set", "imbalance_max=0"}).err,
              HasSubstr("imbalance_max"));
  EXPECT_NE(ctl_.Run({"balancer", "replay", "/nowhere"}).exit_code, kOk);
}

}  // namespace
}  // namespace shardd::shardctl
