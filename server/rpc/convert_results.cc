#include "server/rpc/convert_results.h"

#include <string>
#include <utility>
#include <vector>

#include "server/rpc/errors.h"
#include "server/rpc/proto_time.h"

namespace shardd::rpc {
namespace {

void ToProto(const std::vector<MutationResult>& results,
             google::protobuf::RepeatedPtrField<v1::MutationResult>& proto) {
  proto.Reserve(static_cast<int>(results.size()));
  for (const MutationResult& result : results) {
    v1::MutationResult& item = *proto.Add();
    item.set_integer(result.integer);
    item.set_deleted(result.deleted);
    item.set_length(result.length);
  }
}

v1::RequestOutcome ToProto(RequestOutcome outcome) {
  switch (outcome) {
    case RequestOutcome::kUnknown:
      return v1::REQUEST_OUTCOME_UNKNOWN;
    case RequestOutcome::kApplied:
      return v1::REQUEST_OUTCOME_APPLIED;
    case RequestOutcome::kNotApplied:
      return v1::REQUEST_OUTCOME_NOT_APPLIED;
  }
  return v1::REQUEST_OUTCOME_UNSPECIFIED;
}

v1::AccountState ToProto(AccountState state) {
  switch (state) {
    case AccountState::kActive:
      return v1::ACCOUNT_STATE_ACTIVE;
    case AccountState::kFrozen:
      return v1::ACCOUNT_STATE_FROZEN;
    case AccountState::kDeleted:
      return v1::ACCOUNT_STATE_UNSPECIFIED;
  }
  return v1::ACCOUNT_STATE_UNSPECIFIED;
}

}  // namespace

void ToProto(ApplyResult&& result, v1::ApplyResponse& proto) {
  proto.set_revision(result.revision);
  ToProto(result.results, *proto.mutable_results());
  proto.set_replayed(result.replayed);
}

void ToProto(Entry&& entry, v1::Entry& proto) {
  proto.set_key(std::move(entry.key));
  proto.set_value(std::move(entry.value));
  proto.set_revision(entry.revision);
}

void ToProto(GetResult&& result, v1::GetResponse& proto) {
  for (Entry& entry : result.entries) ToProto(std::move(entry), *proto.add_entries());
  for (std::string& key : result.missing_keys) proto.add_missing_keys(std::move(key));
}

void ToProto(ScanResult&& result, v1::ScanResponse& proto) {
  for (Entry& entry : result.entries) ToProto(std::move(entry), *proto.add_entries());
  proto.set_next_page_token(std::move(result.next_page_token));
  proto.set_revision(result.revision);
}

void ToProto(OutcomeResult&& result, v1::GetRequestOutcomeResponse& proto) {
  proto.set_outcome(ToProto(result.outcome));
  proto.set_revision(result.applied.revision);
  ToProto(result.applied.results, *proto.mutable_results());
  if (!result.refused.ok()) ToOperationError(result.refused, *proto.mutable_error());
}

void ToProto(const AccountChange& change, v1::AccountChange& proto) {
  proto.set_revision(change.revision);
  for (const EntryChange& entry : change.entries) {
    v1::EntryChange& item = *proto.add_entries();
    item.set_key(entry.key);
    if (entry.value.has_value()) item.set_value(*entry.value);
    item.set_deleted(!entry.value.has_value());
  }
  proto.set_created(change.created);
  proto.set_deleted(change.deleted);
  proto.set_updated(change.updated);
}

void ToProto(AccountResult&& result, v1::Account& proto) {
  proto.mutable_ref()->set_namespace_(std::move(result.account.name_space));
  proto.mutable_ref()->set_id(std::move(result.account.id));
  const AccountRecord& record = result.record;
  proto.set_state(ToProto(record.state));
  proto.set_revision(record.revision);
  for (const auto& [key, value] : record.labels) (*proto.mutable_labels())[key] = value;
  proto.mutable_limits()->set_entries_max(record.limits.entries_max);
  proto.mutable_limits()->set_bytes_max(record.limits.bytes_max);
  proto.set_entry_count(record.entry_count);
  proto.set_byte_count(record.byte_count);
  ToProto(record.create_time, *proto.mutable_create_time());
  ToProto(record.update_time, *proto.mutable_update_time());
}

void ToProto(const std::string& name, const NamespaceRecord& record, v1::Namespace& proto) {
  proto.set_name(name);
  proto.set_state(record.state == NamespaceState::kActive ? v1::NAMESPACE_STATE_ACTIVE
                                                          : v1::NAMESPACE_STATE_DELETING);
  ToProto(record.create_time, *proto.mutable_create_time());
}

void ToProto(const OperationRecord& record, v1::Operation& proto) {
  proto.set_id(ToText(record.id));
  proto.set_kind(static_cast<v1::OperationKind>(record.kind));
  proto.set_state(static_cast<v1::OperationState>(record.state));
  proto.set_target(record.target);
  proto.set_steps_done(record.steps_done);
  proto.set_status_message(record.status_message);
  ToProto(record.create_time, *proto.mutable_create_time());
  if (!record.running()) ToProto(record.end_time, *proto.mutable_end_time());
  proto.set_error_reason(static_cast<v1::ErrorReason>(record.error_reason));
  proto.set_error_message(record.error_message);
}

void ToProto(const Route& route, v1::Route& proto) {
  proto.set_shard_id(ToText(route.shard));
  proto.set_start(ToBytes(route.range.start));
  if (route.range.end.has_value()) proto.set_end(ToBytes(*route.range.end));
}

void ToProto(const RouteTable& table, v1::RouteTable& proto) {
  proto.set_epoch(table.epoch().value);
  for (const Route& route : table.routes()) ToProto(route, *proto.add_routes());
}

void ToProto(const RouteTableDiff& diff, v1::RouteTableDiff& proto) {
  proto.set_epoch(diff.epoch.value);
  for (const Route& route : diff.removed) ToProto(route, *proto.add_removed());
  for (const Route& route : diff.added) ToProto(route, *proto.add_added());
}

void ToProto(const ShardStatus& status, v1::Shard& proto) {
  proto.set_id(ToText(status.route.shard));
  ToProto(status.route, *proto.mutable_route());
  proto.set_state(v1::SHARD_STATE_ACTIVE);
  proto.set_home(storage::ToText(status.route.home));
  proto.set_thread_id(ToText(status.thread));
  proto.set_account_count(status.stats.account_count);
  proto.set_entry_count(status.stats.entry_count);
  proto.set_byte_count(status.stats.byte_count);
  proto.set_mailbox_depth(status.mailbox_depth);
  proto.set_requests_total(status.requests_total);
  proto.set_batches_total(status.batches_total);
}

void ToProto(const ThreadStatus& status, v1::Thread& proto) {
  proto.set_id(ToText(status.id));
  proto.set_name(status.name);
  proto.set_role(static_cast<v1::ThreadRole>(status.role));
  proto.set_state(static_cast<v1::ThreadState>(status.state));
  proto.set_phase(static_cast<v1::ThreadPhase>(status.phase));
  ToProto(status.phase_age, *proto.mutable_phase_age());
  if (status.shard.has_value()) proto.set_shard_id(ToText(*status.shard));
  ToProto(status.start_time, *proto.mutable_start_time());
  proto.set_queue_depth(status.queue_depth);
  proto.set_turns_total(status.turns_total);
  proto.set_items_total(status.items_total);
  ToProto(status.busy_time, *proto.mutable_busy_time());
  ToProto(status.longest_turn, *proto.mutable_longest_turn());
}

}  // namespace shardd::rpc
