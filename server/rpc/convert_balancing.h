#pragma once

#include "server/load_balancing_service/balancing_config.h"
#include "server/load_balancing_service/decision.h"
#include "server/load_balancing_service/decision_log.h"
#include "server/runtime/balancer.h"
#include "shardd/v1/load_balancing.pb.h"

namespace shardd::rpc {

// What the balancer says, as callers see it; and what they ask of it.

void ToProto(const BalancingConfig& config, v1::BalancingPolicy& proto);
// Sets what is set in `proto`. Not validated.
void Apply(const v1::BalancingPolicy& proto, BalancingConfig& config);

void ToProto(const DecisionInputs& inputs, v1::BalancingInputs& proto);
void ToProto(const HotAccount& hot, v1::HotAccount& proto);
// `with_candidates`: they are many, and stand for one decision only.
void ToProto(const Decision& decision, bool with_candidates, v1::BalancingDecision& proto);
void ToProto(const LoggedDecision& entry, v1::BalancingDecision& proto);
void ToProto(const BalancerStatus& status, v1::GetLoadResponse& proto);
void ToProto(const BalancingRound& round, v1::GetLoadResponse& proto);

}  // namespace shardd::rpc
