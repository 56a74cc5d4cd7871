#include "server/core/namespace_directory.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/core/meta_records.h"

namespace shardd {
namespace {

constexpr absl::string_view kNamespacePrefix = "namespace/";

std::string NamespaceKey(absl::string_view name) { return absl::StrCat(kNamespacePrefix, name); }

// A running deletion is taken up again at start: what it works on must be as it left it.
absl::Status CheckResumable(const OperationRecord& operation, const NamespaceTable& namespaces) {
  if (operation.kind != OperationKind::kDeleteNamespace || !operation.running()) {
    return absl::OkStatus();
  }
  const auto found = namespaces.find(operation.target);
  if (found != namespaces.end() && found->second.state == NamespaceState::kDeleting) {
    return absl::OkStatus();
  }
  return Error(Reason::kStorageCorrupt,
               absl::StrCat("the stored operation ", ToText(operation.id),
                            " is running, but what it works on does not say so"));
}

bool Overlaps(const Route& route, const std::string& name) {
  return route.range.Overlaps(RangeOfNamespace(name));
}

}  // namespace

absl::Status NamespaceDirectory::Load(const storage::Reader& meta) {
  SHARDD_RETURN_IF_ERROR(ForEachRecord(
      meta, kNamespacePrefix, [&](absl::string_view name, absl::string_view value) -> absl::Status {
        SHARDD_ASSIGN_OR_RETURN(namespaces_[std::string(name)], NamespaceRecord::Decode(value));
        return absl::OkStatus();
      }));
  for (const auto& [id, operation] : operations_.table()) {
    SHARDD_RETURN_IF_ERROR(CheckResumable(operation, namespaces_));
  }
  return absl::OkStatus();
}

void NamespaceDirectory::Start(const RouteTable& table, CoordinatorTurn& turn) {
  changed_ = true;  // nobody knows it yet
  std::vector<OperationId> running;
  for (const auto& [id, operation] : operations_.table()) {
    if (operation.kind == OperationKind::kDeleteNamespace && operation.running()) {
      running.push_back(id);
    }
  }
  for (const OperationId id : running) {
    OperationRecord& operation = *operations_.Find(id);
    if (operation.state == OperationState::kCancelling) {
      // Nothing of it is under way any more.
      End(operation, OperationState::kCancelled, absl::OkStatus(), turn);
    } else {
      BeginStage(operation, operation.delete_accounts, table, turn);
    }
  }
}

absl::StatusOr<NamespaceResult> NamespaceDirectory::Create(const CreateNamespaceRequest& request,
                                                           CoordinatorTurn& turn) {
  const auto existing = namespaces_.find(request.name);
  if (existing != namespaces_.end()) {
    const bool repeat =
        !request.request_id.empty() && existing->second.request_id == request.request_id;
    if (repeat) return NamespaceResult{request.name, existing->second};
    return Error(Reason::kNamespaceExists,
                 absl::StrCat("namespace \"", request.name, "\" exists already"));
  }
  if (namespaces_.size() >= limits::kNamespacesMax) {
    return Error(Reason::kTooManyNamespaces, absl::StrCat("there are ", limits::kNamespacesMax,
                                                          " namespaces, as many as there may be"));
  }
  NamespaceRecord record;
  record.create_time = AsStored(turn.now);
  record.request_id = request.request_id;
  namespaces_[request.name] = record;
  Write(request.name, turn);
  Reopen(request.name, turn);
  return NamespaceResult{request.name, std::move(record)};
}

absl::StatusOr<OperationRecord> NamespaceDirectory::Delete(const DeleteNamespaceRequest& request,
                                                           const RouteTable& table,
                                                           CoordinatorTurn& turn) {
  SHARDD_RETURN_IF_ERROR(ValidateNamespaceName(request.name));
  SHARDD_RETURN_IF_ERROR(CheckNamespace(namespaces_, request.name));
  SHARDD_RETURN_IF_ERROR(operations_.CheckRoom());
  namespaces_.find(request.name)->second.state = NamespaceState::kDeleting;
  Write(request.name, turn);
  OperationRecord operation;
  operation.kind = OperationKind::kDeleteNamespace;
  operation.target = request.name;
  operation.delete_accounts = request.delete_accounts;
  operation.status_message = "deleting accounts";
  const OperationRecord& begun = operations_.Begin(std::move(operation), turn);
  BeginStage(begun, begun.delete_accounts, table, turn);
  return begun;
}

void NamespaceDirectory::BeginStage(const OperationRecord& operation, bool deletes,
                                    const RouteTable& table, CoordinatorTurn& turn) {
  Deletion& deletion = deletions_[operation.id];
  deletion.deletes = deletes;
  for (const Route& route : table.routes()) {
    if (Overlaps(route, operation.target)) deletion.left[route.shard];
  }
  SendSteps(operation, turn);
}

void NamespaceDirectory::SendSteps(const OperationRecord& operation, CoordinatorTurn& turn) {
  Deletion& deletion = deletions_.at(operation.id);
  for (auto& [shard, part] : deletion.left) {
    const bool held = std::find(held_.begin(), held_.end(), shard) != held_.end();
    if (part.under_way || held) continue;
    part.under_way = true;
    PurgeNamespace purge;
    purge.operation = operation.id;
    purge.name_space = operation.target;
    purge.delete_accounts = deletion.deletes;
    purge.position = part.position;
    turn.effects.push_back(SendToShard{shard, std::move(purge)});
  }
}

void NamespaceDirectory::Step(PurgeResult result, const RouteTable& table, CoordinatorTurn& turn) {
  const auto found = deletions_.find(result.operation);
  if (found == deletions_.end()) return;  // told twice
  OperationRecord& operation = *operations_.Find(result.operation);
  Deletion& deletion = found->second;
  const auto part = deletion.left.find(result.shard);
  if (part == deletion.left.end() || !part->second.under_way) return;  // told twice
  part->second.under_way = false;
  operation.steps_done += result.accounts_deleted;
  if (result.status.ok() && result.holds_accounts) {
    result.status = Error(Reason::kNamespaceNotEmpty,
                          absl::StrCat("namespace \"", operation.target,
                                       "\" holds accounts; ask to delete them too, or delete them "
                                       "first"));
  }
  if (deletion.error.ok() && !result.status.ok()) {
    deletion.error = result.status;
    operation.status_message = "failed; the other shards end their steps";
  }
  const bool stops = !deletion.error.ok() || operation.state == OperationState::kCancelling;
  if (stops || result.empty) {
    EndPart(operation, result.shard, table, turn);
  } else {
    if (result.accounts_deleted > 0) operations_.Write(operation, turn);
    part->second.position = std::move(result.position);
    SendSteps(operation, turn);
  }
}

void NamespaceDirectory::EndPart(OperationRecord& operation, ShardId shard, const RouteTable& table,
                                 CoordinatorTurn& turn) {
  Deletion& deletion = deletions_.at(operation.id);
  deletion.left.erase(shard);
  const bool stops = !deletion.error.ok() || operation.state == OperationState::kCancelling;
  // A part that is held and not under way would wait for a step that is not to come.
  if (stops) std::erase_if(deletion.left, [](const auto& part) { return !part.second.under_way; });
  if (!deletion.left.empty()) {
    // Also if it failed or is cancelled: an operation that has ended does nothing any more.
    operations_.Write(operation, turn);
  } else if (!deletion.error.ok()) {
    End(operation, OperationState::kFailed, deletion.error, turn);
  } else if (operation.state == OperationState::kCancelling) {
    End(operation, OperationState::kCancelled, absl::OkStatus(), turn);
  } else if (!deletion.deletes) {
    BeginStage(operation, /*deletes=*/true, table, turn);
  } else {
    End(operation, OperationState::kSucceeded, absl::OkStatus(), turn);
  }
}

void NamespaceDirectory::End(OperationRecord& operation, OperationState state, absl::Status error,
                             CoordinatorTurn& turn) {
  const std::string name = operation.target;
  if (state == OperationState::kSucceeded) {
    namespaces_.erase(name);
  } else {
    namespaces_.find(name)->second.state = NamespaceState::kActive;
  }
  Write(name, turn);
  // A namespace that is gone stays closed in the shards until it is created again: a request that
  // was let in before the deletion may still be on its way there.
  if (state != OperationState::kSucceeded) Reopen(name, turn);
  deletions_.erase(operation.id);
  operations_.End(operation, state, error, turn);
}

bool NamespaceDirectory::Hold(const std::vector<ShardId>& shards) {
  held_ = shards;
  for (const auto& [id, deletion] : deletions_) {
    for (const ShardId shard : shards) {
      const auto part = deletion.left.find(shard);
      if (part != deletion.left.end() && part->second.under_way) return true;
    }
  }
  return false;
}

void NamespaceDirectory::Release(const RouteTable& table, CoordinatorTurn& turn) {
  const std::vector<ShardId> held = std::exchange(held_, {});
  std::vector<OperationId> ids;
  for (const auto& [id, deletion] : deletions_) ids.push_back(id);
  for (const OperationId id : ids) {
    OperationRecord& operation = *operations_.Find(id);
    Deletion& deletion = deletions_.at(id);
    // What was done in shards whose ranges changed is looked at again, from the start. What is under
    // way ends first: the change was given up while it waited for that.
    std::erase_if(deletion.left, [&](const auto& part) {
      return !part.second.under_way &&
             std::find(held.begin(), held.end(), part.first) != held.end();
    });
    for (const ShardId shard : held) {
      const Route* const route = table.FindShard(shard);
      if (route != nullptr && Overlaps(*route, operation.target)) deletion.left[shard];
    }
    if (deletion.left.empty()) continue;  // it had no part in them
    const bool stops = !deletion.error.ok() || operation.state == OperationState::kCancelling;
    if (stops) {
      EndPart(operation, ShardId{0}, table, turn);
    } else {
      SendSteps(operation, turn);
    }
  }
}

void NamespaceDirectory::Reopen(const std::string& name, CoordinatorTurn& turn) {
  // By range: a shard that is being split must not open only what it keeps.
  turn.effects.push_back(SendToRange{RangeOfNamespace(name), ReopenNamespace{name}});
}

void NamespaceDirectory::Write(const std::string& name, CoordinatorTurn& turn) {
  const auto found = namespaces_.find(name);
  if (found == namespaces_.end()) {
    turn.batch.Delete(storage::kMeta, NamespaceKey(name));
  } else {
    turn.batch.Put(storage::kMeta, NamespaceKey(name), found->second.Encode());
  }
  changed_ = true;
}

std::shared_ptr<const NamespaceTable> NamespaceDirectory::TakeChanged() {
  if (!std::exchange(changed_, false)) return nullptr;
  return std::make_shared<const NamespaceTable>(namespaces_);
}

}  // namespace shardd
