#include "server/rpc/load_balancing_service.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/routing/table_edits.h"
#include "server/load_balancing_service/balancing_policy.h"
#include "server/load_balancing_service/limits.h"
#include "server/rpc/convert_balancing.h"
#include "server/rpc/load_trace_stream.h"
#include "server/rpc/name_page.h"
#include "server/rpc/proto_time.h"
#include "server/rpc/shard_id.h"

namespace shardd::rpc {
namespace {

using GetLoadCall = UnaryCall<v1::GetLoadRequest, v1::GetLoadResponse>;
using GetPolicyCall = UnaryCall<v1::GetPolicyRequest, v1::GetPolicyResponse>;
using SetPolicyCall = UnaryCall<v1::SetPolicyRequest, v1::SetPolicyResponse>;
using PauseCall = UnaryCall<v1::PauseBalancingRequest, v1::PauseBalancingResponse>;
using ResumeCall = UnaryCall<v1::ResumeBalancingRequest, v1::ResumeBalancingResponse>;
using PlanCall = UnaryCall<v1::PlanRequest, v1::PlanResponse>;
using ExplainCall = UnaryCall<v1::ExplainShardRequest, v1::ExplainShardResponse>;
using ListCall = UnaryCall<v1::ListDecisionsRequest, v1::ListDecisionsResponse>;

constexpr size_t kHistoryShown = 20;

// Ends a call when the balancer has done what it asked for.
template <typename Call>
Balancer::Done FinishOf(Call& call) {
  return [&call](const absl::Status& status) {
    call.FinishLater([status](Call& ended) { ended.Finish(status); });
  };
}

absl::Status GetLoad(GetLoadCall& call) {
  const Balancer& balancer = call.runtime().balancer();
  const BalancerStatus status = balancer.Status();
  v1::GetLoadResponse& response = call.response();
  ToProto(status, response);
  const std::shared_ptr<const BalancingRound> round = balancer.round();
  if (round != nullptr) {
    ToProto(*round, response);
    if (status.paused_until > round->snapshot.now) {
      ToProto(status.paused_until, *response.mutable_paused_until());
    }
  }
  const auto acts = [](const LoggedDecision& entry) { return entry.decision.acts(); };
  for (const LoggedDecision& last : balancer.Decisions(UINT64_MAX, 1, acts)) {
    ToProto(last, *response.mutable_last_change());
  }
  return absl::OkStatus();
}

absl::Status GetPolicy(GetPolicyCall& call) {
  const BalancerStatus status = call.runtime().balancer().Status();
  ToProto(status.config, *call.response().mutable_policy());
  if (status.config_set) ToProto(status.config_set_time, *call.response().mutable_set_time());
  for (const absl::string_view name : BalancingPolicyNames()) {
    call.response().add_policy_names(std::string(name));
  }
  return absl::OkStatus();
}

void SetPolicy(SetPolicyCall& call) {
  const v1::SetPolicyRequest& request = call.request();
  const Balancer::Done done = [&call](const absl::Status& status) {
    call.FinishLater([status](SetPolicyCall& ended) {
      const BalancerStatus now = ended.runtime().balancer().Status();
      ToProto(now.config, *ended.response().mutable_policy());
      ended.Finish(status);
    });
  };
  if (!request.reset()) {
    const auto edit = [policy = request.policy()](BalancingConfig& config) {
      Apply(policy, config);
    };
    return call.runtime().balancer().ChangePolicy(edit, done);
  }
  if (request.has_policy()) {
    return call.Finish(InvalidField("policy", "is set; with reset it must not be"));
  }
  call.runtime().balancer().ResetPolicy(done);
}

void Pause(const Clock& clock, PauseCall& call) {
  absl::StatusOr<absl::Duration> duration = limits::kBalancerPauseDefault;
  if (call.request().has_duration()) {
    duration = DurationFrom(call.request().duration(), limits::kBalancerPauseMax);
  }
  if (!duration.ok()) return call.Finish(duration.status());
  const absl::Time until = clock.Now() + *duration;
  ToProto(until, *call.response().mutable_paused_until());
  call.runtime().balancer().PauseUntil(until, FinishOf(call));
}

void Resume(ResumeCall& call) {
  Balancer& balancer = call.runtime().balancer();
  call.response().set_enabled(balancer.Status().enabled);
  balancer.PauseUntil(absl::InfinitePast(), FinishOf(call));
}

absl::Status Plan(PlanCall& call) {
  const v1::PlanRequest& request = call.request();
  const auto edit = [&request](BalancingConfig& config) { Apply(request.policy(), config); };
  const Balancer& balancer = call.runtime().balancer();
  SHARDD_ASSIGN_OR_RETURN(const std::vector<Decision> decisions,
                          balancer.DryRun(edit, request.ignore_pause()));
  for (const Decision& decision : decisions) {
    ToProto(decision, decision.acts(), *call.response().add_decisions());
  }
  if (!decisions.empty()) ToProto(decisions.front().time, *call.response().mutable_time());
  return absl::OkStatus();
}

absl::Status Explain(ExplainCall& call) {
  SHARDD_ASSIGN_OR_RETURN(const ShardId shard, ShardIdFrom("shard_id", call.request().shard_id()));
  const Balancer& balancer = call.runtime().balancer();
  if (const auto round = balancer.round(); round != nullptr) {
    for (const Decision& decision : round->decisions) {
      if (decision.shard != shard) continue;
      ToProto(decision, true, *call.response().mutable_now());
    }
  }
  const auto of_shard = [shard](const LoggedDecision& entry) {
    return entry.decision.shard == shard || entry.decision.partner == shard;
  };
  for (const LoggedDecision& entry : balancer.Decisions(UINT64_MAX, kHistoryShown, of_shard)) {
    ToProto(entry, *call.response().add_history());
  }
  const bool known = call.response().has_now() || call.response().history_size() > 0;
  return known ? absl::OkStatus() : CheckShard(call.runtime(), shard);
}

absl::Status List(ListCall& call) {
  const v1::ListDecisionsRequest& request = call.request();
  std::optional<ShardId> shard;
  if (!request.shard_id().empty()) {
    SHARDD_ASSIGN_OR_RETURN(shard, ShardIdFrom("shard_id", request.shard_id()));
  }
  const bool acting_only = request.acting_only();
  // A token holds for the same question only.
  const std::string list = absl::StrCat("decisions/", request.shard_id(), "/", acting_only);
  SHARDD_ASSIGN_OR_RETURN(NamePage page,
                          NamePage::Begin(list, request.page_size(), request.page_token()));
  SHARDD_ASSIGN_OR_RETURN(const size_t size, PageSizeFrom(request.page_size()));
  uint64_t before = 0;
  if (!absl::SimpleAtoi(page.after(), &before)) before = UINT64_MAX;  // empty: from the newest
  const auto wanted = [&](const LoggedDecision& entry) {
    if (acting_only && !entry.decision.acts()) return false;
    return !shard.has_value() || entry.decision.shard == shard || entry.decision.partner == shard;
  };
  const Balancer& balancer = call.runtime().balancer();
  for (const LoggedDecision& entry : balancer.Decisions(before, PageSize(size) + 1, wanted)) {
    if (!page.Take(absl::StrCat(entry.number))) break;
    ToProto(entry, *call.response().add_decisions());
  }
  call.response().set_next_page_token(page.next_page_token());
  return absl::OkStatus();
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *v1::ShardLoad::descriptor()->file()->FindServiceByName("LoadBalancingService");
}

}  // namespace

LoadBalancingService::LoadBalancingService(CallContext& context)
    : CallService(Descriptor(), Descriptor().full_name(), context) {
  const Admission always = Admission::kOperator;
  Unary<v1::GetLoadRequest, v1::GetLoadResponse>(
      "GetLoad", always, [](GetLoadCall& call) { call.Finish(GetLoad(call)); });
  Unary<v1::GetPolicyRequest, v1::GetPolicyResponse>(
      "GetPolicy", always, [](GetPolicyCall& call) { call.Finish(GetPolicy(call)); });
  Unary<v1::SetPolicyRequest, v1::SetPolicyResponse>("SetPolicy", always, SetPolicy);
  Unary<v1::PauseBalancingRequest, v1::PauseBalancingResponse>(
      "PauseBalancing", always, [&context](PauseCall& call) { Pause(context.clock, call); });
  Unary<v1::ResumeBalancingRequest, v1::ResumeBalancingResponse>("ResumeBalancing", always, Resume);
  Unary<v1::PlanRequest, v1::PlanResponse>("Plan", always,
                                           [](PlanCall& call) { call.Finish(Plan(call)); });
  Unary<v1::ExplainShardRequest, v1::ExplainShardResponse>(
      "ExplainShard", always, [](ExplainCall& call) { call.Finish(Explain(call)); });
  Unary<v1::ListDecisionsRequest, v1::ListDecisionsResponse>(
      "ListDecisions", always, [](ListCall& call) { call.Finish(List(call)); });
  Stream<LoadTraceStream>("StreamLoadTrace", always);
}

}  // namespace shardd::rpc
