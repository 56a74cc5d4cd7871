#include "server/core/coordinator_core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"

namespace shardd {
namespace {

// Keys in meta (storage/FORMAT.md).
constexpr absl::string_view kTableKey = "table";
constexpr absl::string_view kNamespacePrefix = "namespace/";
constexpr absl::string_view kOperationPrefix = "operation/";
constexpr storage::Family kFirstHome{1};

std::string NamespaceKey(absl::string_view name) { return absl::StrCat(kNamespacePrefix, name); }

std::string OperationKey(OperationId id) {
  return ByteWriter().Raw(kOperationPrefix).Fixed64(id.value).Take();
}

// Calls `use(rest of key, value)` for every record in meta whose key begins with `prefix`.
template <typename Use>
absl::Status ForEachRecord(const storage::Reader& meta, absl::string_view prefix, Use use) {
  const std::string lower(prefix);
  const auto cursor = meta.NewCursor(storage::kMeta, {lower, PrefixEnd(lower)});
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    SHARDD_RETURN_IF_ERROR(use(cursor->key().substr(prefix.size()), cursor->value()));
  }
  return cursor->status();
}

// A running operation is taken up again at start: what it works on must be as it left it.
absl::Status CheckResumable(const OperationRecord& operation, const NamespaceTable& namespaces) {
  if (!operation.running()) return absl::OkStatus();
  const auto found = namespaces.find(operation.target);
  if (operation.kind == OperationKind::kDeleteNamespace && found != namespaces.end() &&
      found->second.state == NamespaceState::kDeleting) {
    return absl::OkStatus();
  }
  return Error(Reason::kStorageCorrupt,
               absl::StrCat("the stored operation ", ToText(operation.id),
                            " is running, but what it works on does not say so"));
}

// So that a restart changes nothing of what was shown.
absl::Time AsStored(absl::Time now) { return FromStoredTime(ToStoredTime(now)); }

absl::Status OperationNotFound(OperationId id) {
  return Error(Reason::kOperationNotFound,
               absl::StrCat("operation ", ToText(id), " does not exist or is no longer kept"));
}

}  // namespace

absl::StatusOr<CoordinatorCore> CoordinatorCore::Load(const storage::Reader& meta,
                                                      size_t shard_count) {
  CoordinatorCore core;
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(const bool found, meta.Get(storage::kMeta, kTableKey, &bytes));
  if (found) {
    SHARDD_ASSIGN_OR_RETURN(RouteTable table, RouteTable::Decode(bytes));
    core.tables_.Add(std::make_shared<const RouteTable>(std::move(table)));
  } else {
    core.first_start_ = true;
    core.tables_.Add(
        std::make_shared<const RouteTable>(RouteTable::Uniform(shard_count, kFirstHome)));
  }
  SHARDD_RETURN_IF_ERROR(ForEachRecord(
      meta, kNamespacePrefix, [&](absl::string_view name, absl::string_view value) -> absl::Status {
        SHARDD_ASSIGN_OR_RETURN(core.namespaces_[std::string(name)],
                                NamespaceRecord::Decode(value));
        return absl::OkStatus();
      }));
  SHARDD_RETURN_IF_ERROR(ForEachRecord(
      meta, kOperationPrefix, [&](absl::string_view, absl::string_view value) -> absl::Status {
        SHARDD_ASSIGN_OR_RETURN(OperationRecord operation, OperationRecord::Decode(value));
        absl::Status resumable = CheckResumable(operation, core.namespaces_);
        if (!resumable.ok()) return resumable;
        core.next_operation_ = std::max(core.next_operation_, operation.id.value + 1);
        core.operations_.emplace(operation.id, std::move(operation));
        return absl::OkStatus();
      }));
  return core;
}

void CoordinatorCore::Start(CoordinatorTurn& turn) {
  if (first_start_) turn.batch.Put(storage::kMeta, std::string(kTableKey), table().Encode());
  for (auto& [id, operation] : operations_) {
    if (operation.state == OperationState::kCancelling) {
      // Nothing of it is under way any more.
      EndDeletion(operation, OperationState::kCancelled, absl::OkStatus(), turn);
    } else if (operation.running()) {
      BeginPurge(operation, operation.delete_accounts, turn);
    }
  }
  PublishTables tables;
  tables.routing = std::make_shared<const TableHistory>(tables_);
  tables.namespaces = std::make_shared<const NamespaceTable>(namespaces_);
  tables.operations = std::make_shared<const OperationTable>(operations_);
  turn.effects.push_back(std::move(tables));
}

void CoordinatorCore::Step(CoordinatorRequest request, CoordinatorTurn& turn) {
  std::visit([&](auto&& body) { Run(request.call, std::move(body), turn); },
             std::move(request.body));
}

void CoordinatorCore::Run(CallId call, CreateNamespaceRequest&& request, CoordinatorTurn& turn) {
  turn.effects.push_back(CoordinatorReply{call, CreateNamespace(request, turn)});
}

void CoordinatorCore::Run(CallId call, DeleteNamespaceRequest&& request, CoordinatorTurn& turn) {
  turn.effects.push_back(CoordinatorReply{call, DeleteNamespace(request, turn)});
}

void CoordinatorCore::Run(CallId call, CancelOperationRequest&& request, CoordinatorTurn& turn) {
  turn.effects.push_back(CoordinatorReply{call, Cancel(request, turn)});
}

void CoordinatorCore::Run(CallId call, WaitOperationRequest&& request, CoordinatorTurn& turn) {
  const auto operation = operations_.find(request.operation);
  if (operation == operations_.end()) {
    turn.effects.push_back(CoordinatorReply{call, OperationNotFound(request.operation)});
  } else if (!operation->second.running() || request.until <= turn.now) {
    turn.effects.push_back(CoordinatorReply{call, operation->second});
  } else if (waiters_.size() >= limits::kOperationWaitersMax) {
    turn.effects.push_back(CoordinatorReply{
        call, Error(Reason::kTooManyCalls, "too many calls wait for operations; try again later")});
  } else {
    waiters_[call] = Waiter{request.operation, request.until};
  }
}

void CoordinatorCore::Run(CallId call, StopWaiting&&, CoordinatorTurn& turn) {
  const auto waiter = waiters_.find(call);
  if (waiter == waiters_.end()) return;  // answered in the meantime
  turn.effects.push_back(CoordinatorReply{call, operations_.at(waiter->second.operation)});
  waiters_.erase(waiter);
}

absl::StatusOr<NamespaceResult> CoordinatorCore::CreateNamespace(
    const CreateNamespaceRequest& request, CoordinatorTurn& turn) {
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
  WriteNamespace(request.name, turn);
  Reopen(request.name, turn);
  return NamespaceResult{request.name, std::move(record)};
}

absl::StatusOr<OperationRecord> CoordinatorCore::DeleteNamespace(
    const DeleteNamespaceRequest& request, CoordinatorTurn& turn) {
  SHARDD_RETURN_IF_ERROR(ValidateNamespaceName(request.name));
  SHARDD_RETURN_IF_ERROR(CheckNamespace(namespaces_, request.name));
  if (purging_.size() >= limits::kOperationsRunningMax) {
    return WithRetryAfter(Error(Reason::kTooManyCalls,
                                absl::StrCat(limits::kOperationsRunningMax,
                                             " operations are running, as many as may at once")),
                          limits::kMailboxRetryAfter);
  }
  namespaces_.find(request.name)->second.state = NamespaceState::kDeleting;
  WriteNamespace(request.name, turn);
  OperationRecord operation;
  operation.id = OperationId{next_operation_++};
  operation.kind = OperationKind::kDeleteNamespace;
  operation.target = request.name;
  operation.delete_accounts = request.delete_accounts;
  operation.status_message = "deleting accounts";
  operation.create_time = AsStored(turn.now);
  operations_.emplace(operation.id, operation);
  Write(operation, turn);
  ForgetOldOperations(turn);
  BeginPurge(operation, operation.delete_accounts, turn);
  return operation;
}

absl::StatusOr<OperationRecord> CoordinatorCore::Cancel(const CancelOperationRequest& request,
                                                        CoordinatorTurn& turn) {
  const auto found = operations_.find(request.operation);
  if (found == operations_.end()) return OperationNotFound(request.operation);
  OperationRecord& operation = found->second;
  if (!operation.running()) {
    return Error(Reason::kOperationEnded,
                 absl::StrCat("operation ", ToText(operation.id), " has already ended"));
  }
  if (operation.state != OperationState::kCancelling) {
    operation.state = OperationState::kCancelling;
    operation.status_message = "stopping at the next step";
    Write(operation, turn);
  }
  return operation;
}

void CoordinatorCore::BeginPurge(const OperationRecord& operation, bool deletes,
                                 CoordinatorTurn& turn) {
  Deletion& deletion = purging_[operation.id];
  deletion.deletes = deletes;
  const KeyRange range = RangeOfNamespace(operation.target);
  for (const Route& route : table().routes()) {
    if (!route.range.Overlaps(range)) continue;
    deletion.left.insert(route.shard);
    SendPurge(operation, route.shard, /*position=*/"", turn);
  }
}

void CoordinatorCore::SendPurge(const OperationRecord& operation, ShardId shard,
                                std::string position, CoordinatorTurn& turn) {
  PurgeNamespace purge;
  purge.operation = operation.id;
  purge.name_space = operation.target;
  purge.delete_accounts = purging_.at(operation.id).deletes;
  purge.position = std::move(position);
  turn.effects.push_back(SendToShard{shard, std::move(purge)});
}

void CoordinatorCore::Step(PurgeResult result, CoordinatorTurn& turn) {
  const auto found = operations_.find(result.operation);
  if (found == operations_.end() || !found->second.running()) return;  // told twice
  OperationRecord& operation = found->second;
  Deletion& deletion = purging_.at(operation.id);
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
    EndPart(operation, result.shard, turn);
  } else {
    if (result.accounts_deleted > 0) Write(operation, turn);
    SendPurge(operation, result.shard, std::move(result.position), turn);
  }
}

void CoordinatorCore::EndPart(OperationRecord& operation, ShardId shard, CoordinatorTurn& turn) {
  Deletion& deletion = purging_.at(operation.id);
  deletion.left.erase(shard);
  if (!deletion.left.empty()) {
    // Also if it failed or is cancelled: an operation that has ended does nothing any more.
    Write(operation, turn);
  } else if (!deletion.error.ok()) {
    EndDeletion(operation, OperationState::kFailed, deletion.error, turn);
  } else if (operation.state == OperationState::kCancelling) {
    EndDeletion(operation, OperationState::kCancelled, absl::OkStatus(), turn);
  } else if (!deletion.deletes) {
    BeginPurge(operation, /*deletes=*/true, turn);
  } else {
    EndDeletion(operation, OperationState::kSucceeded, absl::OkStatus(), turn);
  }
}

void CoordinatorCore::EndDeletion(OperationRecord& operation, OperationState state,
                                  absl::Status error, CoordinatorTurn& turn) {
  operation.state = state;
  operation.end_time = AsStored(turn.now);
  operation.status_message = "";
  operation.error_reason = ReasonOf(error);
  operation.error_message = std::string(error.message());
  Write(operation, turn);
  if (state == OperationState::kSucceeded) {
    namespaces_.erase(operation.target);
  } else {
    namespaces_.find(operation.target)->second.state = NamespaceState::kActive;
  }
  WriteNamespace(operation.target, turn);
  // A namespace that is gone stays closed in the shards until it is created again: a request that
  // was let in before the deletion may still be on its way there.
  if (state != OperationState::kSucceeded) Reopen(operation.target, turn);
  purging_.erase(operation.id);
  AnswerWaiters(operation.id, turn);
}

void CoordinatorCore::Reopen(const std::string& name, CoordinatorTurn& turn) {
  const KeyRange range = RangeOfNamespace(name);
  for (const Route& route : table().routes()) {
    if (route.range.Overlaps(range)) {
      turn.effects.push_back(SendToShard{route.shard, ReopenNamespace{name}});
    }
  }
}

void CoordinatorCore::Write(const OperationRecord& operation, CoordinatorTurn& turn) {
  turn.batch.Put(storage::kMeta, OperationKey(operation.id), operation.Encode());
  operations_changed_ = true;
}

void CoordinatorCore::WriteNamespace(const std::string& name, CoordinatorTurn& turn) {
  const auto found = namespaces_.find(name);
  if (found == namespaces_.end()) {
    turn.batch.Delete(storage::kMeta, NamespaceKey(name));
  } else {
    turn.batch.Put(storage::kMeta, NamespaceKey(name), found->second.Encode());
  }
  namespaces_changed_ = true;
}

void CoordinatorCore::ForgetOldOperations(CoordinatorTurn& turn) {
  for (auto oldest = operations_.begin();
       oldest != operations_.end() && operations_.size() > limits::kOperationsKept;) {
    if (oldest->second.running()) {
      ++oldest;
      continue;
    }
    turn.batch.Delete(storage::kMeta, OperationKey(oldest->first));
    oldest = operations_.erase(oldest);
  }
}

void CoordinatorCore::AnswerWaiters(OperationId operation, CoordinatorTurn& turn) {
  std::erase_if(waiters_, [&](const auto& waiter) {
    if (waiter.second.operation != operation) return false;
    turn.effects.push_back(CoordinatorReply{waiter.first, operations_.at(operation)});
    return true;
  });
}

void CoordinatorCore::EndWaits(CoordinatorTurn& turn) {
  for (const auto& [call, waiter] : waiters_) {
    turn.effects.push_back(
        CoordinatorReply{call, Error(Reason::kDraining,
                                     "the daemon is stopping; the operation goes on when it is "
                                     "started again")});
  }
  waiters_.clear();
}

void CoordinatorCore::FinishTurn(CoordinatorTurn& turn) {
  turn.wake_at = absl::InfiniteFuture();
  std::erase_if(waiters_, [&](const auto& waiter) {
    if (waiter.second.until > turn.now) {
      turn.wake_at = std::min(turn.wake_at, waiter.second.until);
      return false;
    }
    turn.effects.push_back(CoordinatorReply{waiter.first, operations_.at(waiter.second.operation)});
    return true;
  });
  Publish(turn);
}

void CoordinatorCore::Publish(CoordinatorTurn& turn) {
  if (!namespaces_changed_ && !operations_changed_) return;
  PublishTables tables;
  if (namespaces_changed_) {
    tables.namespaces = std::make_shared<const NamespaceTable>(namespaces_);
  }
  if (operations_changed_) {
    tables.operations = std::make_shared<const OperationTable>(operations_);
  }
  namespaces_changed_ = operations_changed_ = false;
  // Shards hear of it first: a namespace that everybody sees open again is open in all of them.
  // Answers come last: whoever gets one finds what it says in force.
  const auto after_shards = std::stable_partition(
      turn.effects.begin(), turn.effects.end(),
      [](const auto& effect) { return std::holds_alternative<SendToShard>(effect); });
  turn.effects.insert(after_shards, std::move(tables));
}

}  // namespace shardd
