// Plan: the balancer over a real connection, its rounds made by hand: what it says before and after
// one, its policy, pauses, plans, explanations, decisions page by page, its trace; and everything
// that must be refused.

#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server/load_balancing_service/limits.h"
#include "server/load_balancing_service/load_trace.h"
#include "shardd/v1/load_balancing.grpc.pb.h"
#include "tests/server/rpc/test_daemon.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace shardd::rpc {
namespace {

using Stub = v1::LoadBalancingService::Stub;

class LoadBalancingTest : public testing::Test {
 protected:
  LoadBalancingTest() : daemon_({.front_end = {}, .runtime = {}, .clock = &clock_}) {}

  template <typename Request, typename Response>
  grpc::Status Try(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                   const Request& request, Response* response) {
    CallScope call;
    return ((*balancing_).*method)(&call, request, response);
  }

  template <typename Request, typename Response>
  Response Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                const Request& request = Request()) {
    Response response;
    const grpc::Status status = Try(method, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  template <typename Request, typename Response>
  ErrorFacts Refusal(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                     const Request& request) {
    Response response;
    const grpc::Status status = Try(method, request, &response);
    EXPECT_FALSE(status.ok());
    return FactsOf(status);
  }

  v1::GetLoadResponse Load() { return Call(&Stub::GetLoad); }

  void RunRound() {
    clock_.Advance(absl::Seconds(5));
    daemon_.runtime().balancer().RunRound();
  }

  static v1::PauseBalancingRequest PauseFor(int64_t seconds) {
    v1::PauseBalancingRequest request;
    request.mutable_duration()->set_seconds(seconds);
    return request;
  }

  FakeClock clock_;
  TestDaemon daemon_;
  const std::unique_ptr<Stub> balancing_ = v1::LoadBalancingService::NewStub(daemon_.channel());
};

TEST_F(LoadBalancingTest, SaysOfTheLoadWhatItSawInItsLastRound) {
  const v1::GetLoadResponse before = Load();
  EXPECT_FALSE(before.has_time());
  EXPECT_EQ(before.shards_size(), 0);
  EXPECT_TRUE(before.enabled());
  EXPECT_EQ(before.policy(), "load");
  RunRound();
  const v1::GetLoadResponse load = Load();
  EXPECT_TRUE(load.has_time());
  EXPECT_EQ(load.epoch(), 1u);
  ASSERT_EQ(load.shards_size(), 4);
  for (int i = 0; i < load.shards_size(); ++i) {
    const v1::ShardLoad& shard = load.shards(i);
    if (i > 0) {
      EXPECT_EQ(shard.route().start(), load.shards(i - 1).route().end());
    }
    EXPECT_EQ(shard.kind(), v1::BALANCING_DECISION_KIND_NOTHING);
    EXPECT_EQ(shard.reason(), v1::BALANCING_REASON_JUST_STARTED);
  }
  ASSERT_EQ(load.decision_counts_size(), 1);
  EXPECT_EQ(load.decision_counts(0).reason(), v1::BALANCING_REASON_JUST_STARTED);
  EXPECT_EQ(load.decision_counts(0).count(), 4u);
}

TEST_F(LoadBalancingTest, ThePolicyIsChangedInPartAndReset) {
  const v1::GetPolicyResponse configured = Call(&Stub::GetPolicy);
  EXPECT_FALSE(configured.has_set_time());
  EXPECT_EQ(configured.policy().imbalance_max(), 1.4);
  const std::set<std::string> names(configured.policy_names().begin(),
                                    configured.policy_names().end());
  EXPECT_EQ(names, (std::set<std::string>{"load", "manual", "size"}));

  v1::SetPolicyRequest set;
  set.mutable_policy()->set_imbalance_max(2);
  const v1::SetPolicyResponse changed = Call(&Stub::SetPolicy, set);
  v1::BalancingPolicy expected = configured.policy();
  expected.set_imbalance_max(2);
  EXPECT_EQ(changed.policy().DebugString(), expected.DebugString());
  const v1::GetPolicyResponse in_force = Call(&Stub::GetPolicy);
  EXPECT_EQ(in_force.policy().DebugString(), expected.DebugString());
  EXPECT_TRUE(in_force.has_set_time());

  set.set_reset(true);
  EXPECT_EQ(Refusal(&Stub::SetPolicy, set).field, "policy");
  set.clear_policy();
  EXPECT_EQ(Call(&Stub::SetPolicy, set).policy().DebugString(),
            configured.policy().DebugString());
  EXPECT_FALSE(Call(&Stub::GetPolicy).has_set_time());
}

TEST_F(LoadBalancingTest, AWrongPolicyIsNamedAndChangesNothing) {
  const v1::GetPolicyResponse before = Call(&Stub::GetPolicy);
  v1::SetPolicyRequest set;
  set.mutable_policy()->set_policy("fair");
  EXPECT_EQ(Refusal(&Stub::SetPolicy, set).field, "policy");
  set.mutable_policy()->set_policy("size");
  set.mutable_policy()->set_imbalance_max(1);
  EXPECT_EQ(Refusal(&Stub::SetPolicy, set).field, "imbalance_max");
  EXPECT_EQ(Call(&Stub::GetPolicy).DebugString(), before.DebugString());
}

TEST_F(LoadBalancingTest, APauseEndsByItselfOrWhenItIsAsked) {
  RunRound();
  EXPECT_EQ(Refusal(&Stub::PauseBalancing, PauseFor(0)).field, "duration");
  EXPECT_EQ(Refusal(&Stub::PauseBalancing, PauseFor(-1)).field, "duration");
  const auto longest = absl::ToInt64Seconds(limits::kBalancerPauseMax);
  EXPECT_EQ(Refusal(&Stub::PauseBalancing, PauseFor(longest + 1)).field, "duration");
  EXPECT_FALSE(Load().has_paused_until());

  const v1::PauseBalancingResponse paused = Call(&Stub::PauseBalancing, PauseFor(longest));
  EXPECT_EQ(Load().paused_until().DebugString(), paused.paused_until().DebugString());
  EXPECT_TRUE(Call(&Stub::ResumeBalancing).enabled());
  EXPECT_FALSE(Load().has_paused_until());

  const v1::PauseBalancingResponse unset =
      Call(&Stub::PauseBalancing, v1::PauseBalancingRequest());
  EXPECT_EQ(unset.paused_until().seconds(),
            absl::ToUnixSeconds(clock_.Now() + limits::kBalancerPauseDefault));
  clock_.Advance(limits::kBalancerPauseDefault);
  RunRound();
  EXPECT_FALSE(Load().has_paused_until());
}

TEST_F(LoadBalancingTest, APlanChangesNothing) {
  EXPECT_EQ(Call(&Stub::Plan).decisions_size(), 0);
  EXPECT_FALSE(Call(&Stub::Plan).has_time());
  RunRound();
  v1::PlanRequest request;
  request.mutable_policy()->set_policy("manual");
  const v1::PlanResponse plan = Call(&Stub::Plan, request);
  ASSERT_EQ(plan.decisions_size(), 4);
  EXPECT_TRUE(plan.has_time());
  for (const v1::BalancingDecision& decision : plan.decisions()) {
    EXPECT_EQ(decision.policy(), "manual");
    EXPECT_EQ(decision.reason(), v1::BALANCING_REASON_MANUAL_POLICY);
  }
  EXPECT_EQ(Load().policy(), "load");
  request.mutable_policy()->set_policy("fair");
  EXPECT_EQ(Refusal(&Stub::Plan, request).field, "policy");
}

TEST_F(LoadBalancingTest, ExplainsAShardThatItKnows) {
  v1::ExplainShardRequest request;
  request.set_shard_id("s-0002");
  const v1::ExplainShardResponse before = Call(&Stub::ExplainShard, request);
  EXPECT_FALSE(before.has_now());
  EXPECT_EQ(before.history_size(), 0);
  RunRound();
  const v1::ExplainShardResponse after = Call(&Stub::ExplainShard, request);
  EXPECT_EQ(after.now().shard_id(), "s-0002");
  EXPECT_EQ(after.now().reason(), v1::BALANCING_REASON_JUST_STARTED);
  EXPECT_NE(after.now().text(), "");
  ASSERT_EQ(after.history_size(), 1);
  EXPECT_EQ(after.history(0).times(), 1u);
  request.set_shard_id("s-0099");
  EXPECT_EQ(Refusal(&Stub::ExplainShard, request).reason, "SHARD_NOT_FOUND");
  request.set_shard_id("2");
  EXPECT_EQ(Refusal(&Stub::ExplainShard, request).field, "shard_id");
}

TEST_F(LoadBalancingTest, DecisionsComeInPagesTheNewestFirst) {
  RunRound();
  v1::SetPolicyRequest manual;
  manual.mutable_policy()->set_policy("manual");
  Call(&Stub::SetPolicy, manual);
  RunRound();
  RunRound();  // the same again is no entry of its own

  v1::ListDecisionsRequest request;
  request.set_page_size(3);
  std::vector<uint64_t> numbers;
  v1::ListDecisionsResponse page;
  do {
    page = Call(&Stub::ListDecisions, request);
    EXPECT_LE(page.decisions_size(), 3);
    for (const v1::BalancingDecision& decision : page.decisions()) {
      numbers.push_back(decision.number());
      EXPECT_EQ(decision.times(), numbers.size() <= 4 ? 2u : 1u);
    }
    request.set_page_token(page.next_page_token());
  } while (!page.next_page_token().empty());
  EXPECT_EQ(numbers, (std::vector<uint64_t>{8, 7, 6, 5, 4, 3, 2, 1}));

  request.clear_page_token();
  const std::string token = Call(&Stub::ListDecisions, request).next_page_token();
  request.set_shard_id("s-0002");
  EXPECT_EQ(Call(&Stub::ListDecisions, request).decisions_size(), 2);
  request.set_page_token(token);  // of another question
  EXPECT_EQ(Refusal(&Stub::ListDecisions, request).reason, "INVALID_PAGE_TOKEN");
  request.clear_page_token();
  request.set_page_size(-1);
  EXPECT_EQ(Refusal(&Stub::ListDecisions, request).field, "page_size");
  request.set_page_size(0);
  request.set_shard_id("x");
  EXPECT_EQ(Refusal(&Stub::ListDecisions, request).field, "shard_id");
  request.clear_shard_id();
  request.set_acting_only(true);
  EXPECT_EQ(Call(&Stub::ListDecisions, request).decisions_size(), 0);
}

TEST_F(LoadBalancingTest, TheTraceIsAFileThatCanBeReplayed) {
  RunRound();
  RunRound();
  CallScope call;
  const auto reader = balancing_->StreamLoadTrace(&call, v1::StreamLoadTraceRequest());
  std::string file;
  v1::StreamLoadTraceResponse response;
  while (reader->Read(&response)) file += response.data();
  ASSERT_TRUE(reader->Finish().ok());
  ASSERT_OK_AND_ASSIGN(const LoadTrace trace, LoadTrace::Decode(file));
  EXPECT_FALSE(trace.cut_short);
  ASSERT_EQ(trace.records.size(), 2u);
  EXPECT_EQ(trace.records[1].snapshot.now, clock_.Now());
  EXPECT_EQ(trace.records[1].snapshot.shards.size(), 4u);
}

}  // namespace
}  // namespace shardd::rpc
