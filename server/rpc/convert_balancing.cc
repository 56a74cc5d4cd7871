#include "server/rpc/convert_balancing.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/rpc/convert_results.h"
#include "server/rpc/proto_time.h"

namespace shardd::rpc {
namespace {

bool IsTime(absl::Time time) {
  return time != absl::InfinitePast() && time != absl::InfiniteFuture();
}

absl::string_view ToText(CutFault fault) {
  switch (fault) {
    case CutFault::kNone:
      return "";
    case CutFault::kTooFewRequests:
      return "too few requests";
    case CutFault::kUnbalanced:
      return "unbalanced";
    case CutFault::kContained:
      return "contained";
  }
  return "";
}

v1::BalancingDecisionKind ProtoOf(DecisionKind kind) {
  return static_cast<v1::BalancingDecisionKind>(kind);
}

v1::BalancingReason ProtoOf(DecisionReason reason) {
  return static_cast<v1::BalancingReason>(reason);
}

void Fill(const LoadRate& rate, v1::LoadRate& proto) {
  proto.set_operations_per_second(rate.operations_per_second);
  proto.set_busy_fraction(rate.busy_fraction);
  ToProto(rate.mailbox_wait, *proto.mutable_mailbox_wait());
  proto.set_bytes_per_second(rate.bytes_per_second);
}

void Fill(const ScoredCut& cut, v1::SplitKeyCandidate& proto) {
  proto.set_routing_key(ToBytes(cut.key));
  proto.set_left_share(cut.left_share);
  proto.set_imbalance(cut.imbalance);
  proto.set_contained(cut.contained);
  proto.set_requests(cut.requests);
  proto.set_fault(std::string(ToText(cut.fault)));
}

void ApplyLoad(const v1::BalancingPolicy& proto, BalancingConfig& config) {
  LoadThresholds& most = config.thresholds;
  if (proto.has_operations_per_second()) most.operations_per_second = proto.operations_per_second();
  if (proto.has_busy_fraction()) most.busy_fraction = proto.busy_fraction();
  if (proto.has_mailbox_wait()) most.mailbox_wait = FromProto(proto.mailbox_wait());
  if (proto.has_bytes_per_second()) most.bytes_per_second = proto.bytes_per_second();
  if (proto.has_imbalance_max()) config.imbalance_max = proto.imbalance_max();
  if (proto.has_load_floor()) config.load_floor = proto.load_floor();
  if (proto.has_check_interval()) config.check_interval = FromProto(proto.check_interval());
  if (proto.has_smoothing()) config.smoothing = FromProto(proto.smoothing());
  if (proto.has_breaches_min()) config.breaches_min = proto.breaches_min();
}

void ApplyKeys(const v1::BalancingPolicy& proto, SplitKeyRules& keys) {
  if (proto.has_split_imbalance_max()) keys.imbalance_max = proto.split_imbalance_max();
  if (proto.has_split_contained_max()) keys.contained_max = proto.split_contained_max();
  if (proto.has_split_requests_min()) keys.requests_min = proto.split_requests_min();
  if (proto.has_split_recorded_min()) keys.recorded_min = FromProto(proto.split_recorded_min());
  if (proto.has_hot_share()) keys.hot_share = proto.hot_share();
  if (proto.has_isolate_rest_min()) keys.isolate_rest_min = proto.isolate_rest_min();
}

void ApplyBounds(const v1::BalancingPolicy& proto, BalancingConfig& config) {
  if (proto.has_shard_bytes_max()) config.shard_bytes_max = proto.shard_bytes_max();
  if (proto.has_own_home_bytes_min()) config.own_home_bytes_min = proto.own_home_bytes_min();
  if (proto.has_merge_share_max()) config.merge_share_max = proto.merge_share_max();
  if (proto.has_merge_age_min()) config.merge_age_min = FromProto(proto.merge_age_min());
  if (proto.has_cool_down()) config.cool_down = FromProto(proto.cool_down());
  if (proto.has_warm_up()) config.warm_up = FromProto(proto.warm_up());
  if (proto.has_changes_max()) config.changes_max = proto.changes_max();
  if (proto.has_shards_min()) config.shards_min = proto.shards_min();
  if (proto.has_shards_max()) config.shards_max = proto.shards_max();
  if (proto.has_homes_max()) config.homes_max = proto.homes_max();
}

}  // namespace

void ToProto(const BalancingConfig& config, v1::BalancingPolicy& proto) {
  proto.set_policy(config.policy);
  proto.set_operations_per_second(config.thresholds.operations_per_second);
  proto.set_busy_fraction(config.thresholds.busy_fraction);
  ToProto(config.thresholds.mailbox_wait, *proto.mutable_mailbox_wait());
  proto.set_bytes_per_second(config.thresholds.bytes_per_second);
  proto.set_imbalance_max(config.imbalance_max);
  proto.set_load_floor(config.load_floor);
  ToProto(config.check_interval, *proto.mutable_check_interval());
  ToProto(config.smoothing, *proto.mutable_smoothing());
  proto.set_breaches_min(config.breaches_min);
  proto.set_split_imbalance_max(config.keys.imbalance_max);
  proto.set_split_contained_max(config.keys.contained_max);
  proto.set_split_requests_min(config.keys.requests_min);
  ToProto(config.keys.recorded_min, *proto.mutable_split_recorded_min());
  proto.set_hot_share(config.keys.hot_share);
  proto.set_isolate_rest_min(config.keys.isolate_rest_min);
  proto.set_shard_bytes_max(config.shard_bytes_max);
  proto.set_own_home_bytes_min(config.own_home_bytes_min);
  proto.set_merge_share_max(config.merge_share_max);
  ToProto(config.merge_age_min, *proto.mutable_merge_age_min());
  ToProto(config.cool_down, *proto.mutable_cool_down());
  ToProto(config.warm_up, *proto.mutable_warm_up());
  proto.set_changes_max(config.changes_max);
  proto.set_shards_min(config.shards_min);
  proto.set_shards_max(config.shards_max);
  proto.set_homes_max(config.homes_max);
}

void Apply(const v1::BalancingPolicy& proto, BalancingConfig& config) {
  if (proto.has_policy()) config.policy = proto.policy();
  ApplyLoad(proto, config);
  ApplyKeys(proto, config.keys);
  ApplyBounds(proto, config);
}

void ToProto(const DecisionInputs& inputs, v1::BalancingInputs& proto) {
  proto.set_load(inputs.load);
  proto.set_peak(inputs.peak);
  proto.set_mean(inputs.mean);
  proto.set_threshold(inputs.threshold);
  proto.set_signal(static_cast<v1::LoadSignal>(inputs.signal));
  Fill(inputs.rate, *proto.mutable_rate());
  proto.set_breaches(inputs.breaches);
  proto.set_bytes_stored(inputs.bytes_stored);
  if (IsTime(inputs.measured_since)) {
    ToProto(inputs.measured_since, *proto.mutable_measured_since());
  }
  if (IsTime(inputs.last_change)) ToProto(inputs.last_change, *proto.mutable_last_change_time());
}

void ToProto(const HotAccount& hot, v1::HotAccount& proto) {
  proto.mutable_account()->set_namespace_(hot.account.name_space);
  proto.mutable_account()->set_id(hot.account.id);
  proto.set_routing_key(ToBytes(hot.key));
  proto.set_share(hot.share);
}

void ToProto(const Decision& decision, bool with_candidates, v1::BalancingDecision& proto) {
  ToProto(decision.time, *proto.mutable_time());
  ToProto(decision.time, *proto.mutable_first_time());
  proto.set_times(1);
  proto.set_epoch(decision.epoch.value);
  proto.set_policy(decision.policy);
  proto.set_shard_id(shardd::ToText(decision.shard));
  proto.set_kind(ProtoOf(decision.kind));
  proto.set_reason(ProtoOf(decision.reason));
  proto.set_wanted(ProtoOf(decision.wanted));
  proto.set_score(decision.score);
  if (decision.partner.has_value()) proto.set_partner_id(shardd::ToText(*decision.partner));
  for (const RoutingKey key : decision.split_keys) proto.add_split_keys(ToBytes(key));
  if (decision.home.has_value()) proto.set_home(storage::ToText(*decision.home));
  if (decision.hot_account.has_value()) {
    ToProto(*decision.hot_account, *proto.mutable_hot_account());
  }
  ToProto(decision.inputs, *proto.mutable_inputs());
  if (with_candidates) {
    for (const ScoredCut& cut : decision.candidates) Fill(cut, *proto.add_candidates());
  }
  proto.set_text(decision.text);
}

void ToProto(const LoggedDecision& entry, v1::BalancingDecision& proto) {
  ToProto(entry.decision, false, proto);
  proto.set_number(entry.number);
  ToProto(entry.first_time, *proto.mutable_first_time());
  proto.set_times(entry.times);
}

void ToProto(const BalancerStatus& status, v1::GetLoadResponse& proto) {
  proto.set_enabled(status.enabled);
  proto.set_policy(status.config.policy);
  if (IsTime(status.next_round)) ToProto(status.next_round, *proto.mutable_next_time());
  for (const BalancingChanges::Running& running : status.running) {
    v1::BalancingChange& change = *proto.add_running();
    ToProto(running.decision, false, *change.mutable_decision());
    if (running.operation.has_value()) {
      change.set_operation_id(shardd::ToText(*running.operation));
    }
  }
  proto.set_changes_done(status.changes_done);
  proto.set_changes_failed(status.changes_failed);
  if (status.last_failure.has_value()) {
    proto.set_last_failure(absl::StrCat(shardd::ToText(status.last_failure->decision.kind), " of ",
                                        shardd::ToText(status.last_failure->decision.shard), ": ",
                                        status.last_failure->status.message()));
  }
  for (const auto& [decision, count] : status.decisions) {
    v1::BalancingDecisionCount& counted = *proto.add_decision_counts();
    counted.set_kind(ProtoOf(decision.first));
    counted.set_reason(ProtoOf(decision.second));
    counted.set_count(count);
  }
}

void ToProto(const BalancingRound& round, v1::GetLoadResponse& proto) {
  ToProto(round.snapshot.now, *proto.mutable_time());
  proto.set_epoch(round.snapshot.epoch.value);
  proto.set_load_max_over_mean(LoadMaxOverMean(round.snapshot));
  std::map<ShardId, const Decision*> decisions;
  for (const Decision& decision : round.decisions) decisions[decision.shard] = &decision;
  for (const ShardSnapshot& shard : round.snapshot.shards) {
    v1::ShardLoad& load = *proto.add_shards();
    const Decision& decision = *decisions.at(shard.route.shard);
    ToProto(shard.route, *load.mutable_route());
    ToProto(decision.inputs, *load.mutable_inputs());
    load.set_kind(ProtoOf(decision.kind));
    load.set_reason(ProtoOf(decision.reason));
    if (decision.hot_account.has_value()) {
      ToProto(*decision.hot_account, *load.mutable_hot_account());
    }
  }
}

}  // namespace shardd::rpc
