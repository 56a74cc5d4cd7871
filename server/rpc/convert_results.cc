#include "server/rpc/convert_results.h"

#include <string>
#include <utility>
#include <vector>

#include "server/rpc/errors.h"
#include "server/rpc/proto_time.h"

namespace shardd::rpc {
namespace {

void Fill(const std::vector<MutationResult>& results,
          google::protobuf::RepeatedPtrField<v1::MutationResult>& proto) {
  proto.Reserve(static_cast<int>(results.size()));
  for (const MutationResult& result : results) {
    v1::MutationResult& item = *proto.Add();
    item.set_integer(result.integer);
    item.set_deleted(result.deleted);
    item.set_length(result.length);
  }
}

v1::RequestOutcome ProtoOf(RequestOutcome outcome) {
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

v1::AccountState ProtoOf(AccountState state) {
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

void Fill(const ShardChange& change, v1::ShardChange& proto) {
  proto.set_shard_id(ToText(change.shard));
  if (change.other.value != 0) proto.set_other_shard_id(ToText(change.other));
  if (change.at.has_value()) proto.set_split_key(ToBytes(*change.at));
  if (change.from != storage::kMeta) proto.set_from_home(storage::ToText(change.from));
  if (change.to != storage::kMeta) proto.set_to_home(storage::ToText(change.to));
  proto.set_epoch(change.epoch.value);
  if (change.epoch.value != 0) ToProto(change.pause, *proto.mutable_pause());
}

void Fill(const Verification& verification, v1::ShardTotals& proto) {
  proto.set_account_count(verification.totals.account_count);
  proto.set_entry_count(verification.totals.entry_count);
  proto.set_byte_count(verification.totals.byte_count);
  proto.set_record_count(verification.totals.record_count);
  proto.set_checksum(verification.totals.checksum);
  proto.set_error_count(verification.error_count);
  proto.set_first_error(verification.first_error);
}

// A shard that works on something while it is paused does so when the pause is over.
v1::ShardState StateOf(const ShardNote& note, absl::Time now) {
  if (note.paused_until > now) return v1::SHARD_STATE_PAUSED;
  if (note.operation.value == 0) return v1::SHARD_STATE_ACTIVE;
  switch (note.operation_kind) {
    case OperationKind::kSplit:
      return v1::SHARD_STATE_SPLITTING;
    case OperationKind::kMerge:
      return v1::SHARD_STATE_MERGING;
    case OperationKind::kRehome:
      return v1::SHARD_STATE_MOVING_HOME;
    case OperationKind::kDeleteNamespace:
    case OperationKind::kImport:
    case OperationKind::kBackup:
    case OperationKind::kDrain:
    case OperationKind::kVerify:
    case OperationKind::kCompact:
      return v1::SHARD_STATE_ACTIVE;
  }
  return v1::SHARD_STATE_ACTIVE;
}

}  // namespace

void ToProto(ApplyResult&& result, v1::ApplyResponse& proto) {
  proto.set_revision(result.revision);
  Fill(result.results, *proto.mutable_results());
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
  proto.set_outcome(ProtoOf(result.outcome));
  proto.set_revision(result.applied.revision);
  Fill(result.applied.results, *proto.mutable_results());
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
  proto.set_state(ProtoOf(record.state));
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
  proto.set_kind(static_cast<v1::OperationKind>(record.kind));
  proto.set_target(record.target);
  proto.set_status_message(record.status_message);
  if (record.change.has_value()) Fill(*record.change, *proto.mutable_shard_change());
  if (record.id.value == 0) return;
  proto.set_id(ToText(record.id));
  proto.set_state(static_cast<v1::OperationState>(record.state));
  proto.set_steps_done(record.steps_done);
  if (record.verification.has_value()) Fill(*record.verification, *proto.mutable_totals());
  ToProto(record.create_time, *proto.mutable_create_time());
  if (!record.running()) ToProto(record.end_time, *proto.mutable_end_time());
  proto.set_error_reason(static_cast<v1::ErrorReason>(record.error_reason));
  proto.set_error_message(record.error_message);
}

void ToProto(const TableChange& change, v1::TableChange& proto) {
  proto.set_epoch(change.diff.epoch.value);
  ToProto(change.time, *proto.mutable_time());
  proto.set_kind(static_cast<v1::OperationKind>(change.kind));
  proto.set_operation_id(ToText(change.operation));
  for (const Route& route : change.diff.removed) ToProto(route, *proto.add_removed());
  for (const Route& route : change.diff.added) ToProto(route, *proto.add_added());
}

void ToProto(const Route& route, v1::Route& proto) {
  proto.set_shard_id(ToText(route.shard));
  proto.set_home(storage::ToText(route.home));
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

void ToProto(const ShardStatus& status, const ShardNote& note, absl::Time now, v1::Shard& proto) {
  proto.set_id(ToText(status.route.shard));
  ToProto(status.route, *proto.mutable_route());
  proto.set_state(StateOf(note, now));
  proto.set_home(storage::ToText(status.route.home));
  proto.set_thread_id(ToText(status.thread));
  proto.set_account_count(status.stats.account_count);
  proto.set_entry_count(status.stats.entry_count);
  proto.set_byte_count(status.stats.byte_count);
  proto.set_mailbox_depth(status.mailbox_depth);
  proto.set_requests_total(status.requests_total);
  proto.set_batches_total(status.batches_total);
  if (note.pinned_until > now) ToProto(note.pinned_until, *proto.mutable_pinned_until());
  if (note.paused_until > now) ToProto(note.paused_until, *proto.mutable_paused_until());
  if (note.operation.value != 0) proto.set_operation_id(ToText(note.operation));
  if (note.last_change != absl::InfinitePast()) {
    ToProto(note.last_change, *proto.mutable_last_change_time());
  }
}

}  // namespace shardd::rpc
