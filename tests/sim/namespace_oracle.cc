#include "tests/sim/namespace_oracle.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/sim/answer_text.h"

namespace shardd::sim {
namespace {

std::string TextOf(const NamespaceResult& result) {
  return absl::StrCat("namespace ", result.name, " ", static_cast<int>(result.record.state), " ",
                      absl::ToUnixNanos(result.record.create_time), " ", result.record.request_id);
}

std::string TextOf(const OperationRecord& record) {
  return absl::StrCat("operation ", record.id.value, " ", record.target,
                      " state=", static_cast<int>(record.state), " done=", record.steps_done,
                      " error=", static_cast<int>(record.error_reason));
}

std::string TextOf(const ShardNote& note) {
  return absl::StrCat("note ", absl::ToUnixNanos(note.pinned_until), " ",
                      absl::ToUnixNanos(note.paused_until), " ", note.operation.value);
}

bool IsDeletion(const OperationRecord& operation) {
  return operation.kind == OperationKind::kDeleteNamespace;
}

std::string TextOf(const CoordinatorReply& reply) {
  if (!reply.answer.ok()) return ErrorText(reply.answer.status());
  return std::visit([](const auto& answer) { return TextOf(answer); }, *reply.answer);
}

bool AsksToCreate(const CoordinatorRequest& request, const std::string& name) {
  const auto* create = std::get_if<CreateNamespaceRequest>(&request.body);
  return create != nullptr && create->name == name;
}

bool AsksToDelete(const CoordinatorRequest& request, const OperationRecord& operation) {
  const auto* deletion = std::get_if<DeleteNamespaceRequest>(&request.body);
  return deletion != nullptr && deletion->name == operation.target &&
         deletion->delete_accounts == operation.delete_accounts;
}

bool AsksToCancel(const CoordinatorRequest& request, OperationId operation) {
  const auto* cancel = std::get_if<CancelOperationRequest>(&request.body);
  return cancel != nullptr && cancel->operation == operation;
}

template <typename Items, typename Predicate>
bool Any(const Items& items, Predicate predicate) {
  return std::any_of(items.begin(), items.end(), predicate);
}

}  // namespace

void NamespaceOracle::TurnRan(const std::vector<CoordinatorRequest>& requests,
                              const std::vector<PurgeResult>& results, const CoordinatorTurn& turn,
                              const CoordinatorCore& core) {
  before_ = std::exchange(now_, State{core.namespaces(), core.operations()});
  written_ = durable_ = acknowledged_ = false;
  answers_.clear();
  for (const CoordinatorEffect& effect : turn.effects) {
    if (const auto* reply = std::get_if<CoordinatorReply>(&effect)) {
      const bool first = answers_.emplace(reply->call, TextOf(*reply)).second;
      if (!first) verdict_.Fail("the coordinator answers a call twice");
    }
  }
  CheckOperations(before_, requests, results);
  CheckNamespaces(before_, requests);
}

void NamespaceOracle::CheckOperations(const State& before,
                                      const std::vector<CoordinatorRequest>& requests,
                                      const std::vector<PurgeResult>& results) {
  for (const auto& operation : before.operations) {
    // Named apart: clang 14 captures no structured bindings.
    const OperationId id = operation.first;
    const OperationRecord& was = operation.second;
    const auto found = now_.operations.find(id);
    if (found == now_.operations.end()) return verdict_.Fail("an operation is gone");
    const OperationRecord& is = found->second;
    if (!was.running() && is != was) return verdict_.Fail("an operation changed after its end");
    const bool cancelled = was.state == OperationState::kCancelling ||
                           Any(requests, [&](const auto& r) { return AsksToCancel(r, id); });
    const bool cancels =
        is.state == OperationState::kCancelling || is.state == OperationState::kCancelled;
    if (was.running() && cancels && !cancelled) {
      return verdict_.Fail("an operation was cancelled and nobody asked");
    }
    if (!was.running() || is.running()) continue;
    if (!IsDeletion(is)) {
      CheckShardOperation(is);
      continue;
    }
    // One that stops may have waited for a restart, or for its shards to change.
    if (is.state == OperationState::kSucceeded &&
        !Any(results, [&](const PurgeResult& result) { return result.operation == id; })) {
      return verdict_.Fail("an operation ended out of nothing");
    }
    MeetEnd(is.state);
    if (is.state == OperationState::kSucceeded) CheckSucceeded(is);
    if (is.state == OperationState::kFailed &&
        (is.delete_accounts || is.error_reason != Reason::kNamespaceNotEmpty)) {
      verdict_.Fail(absl::StrCat("an operation failed: ", TextOf(is)));
    }
  }
  for (const auto& [id, operation] : now_.operations) {
    if (before.operations.contains(id)) continue;
    if (id.value <= highest_operation_) verdict_.Fail("an operation's id was used before");
    highest_operation_ = id.value;
    const OperationRecord& added = operation;
    if (!IsDeletion(added)) continue;
    if (!Any(requests, [&](const auto& request) { return AsksToDelete(request, added); })) {
      verdict_.Fail("an operation began and nobody asked");
    }
  }
}

void NamespaceOracle::CheckShardOperation(const OperationRecord& operation) {
  if (operation.state == OperationState::kCancelled) trace_.Meet("a change that is cancelled");
  if (operation.kind == OperationKind::kVerify && operation.verification.has_value()) {
    trace_.Meet("a verification");
  }
  if (operation.state != OperationState::kFailed) return;
  // There is nothing to split in a shard of one account.
  if (operation.error_reason == Reason::kCannotSplit) return;
  verdict_.Fail(absl::StrCat("a change of shards failed: ", operation.error_message));
}

void NamespaceOracle::MeetEnd(OperationState state) {
  if (state == OperationState::kSucceeded) trace_.Meet("an operation that succeeds");
  if (state == OperationState::kFailed) trace_.Meet("an operation that fails");
  if (state == OperationState::kCancelled) trace_.Meet("an operation that is cancelled");
}

void NamespaceOracle::CheckSucceeded(const OperationRecord& operation) {
  for (const auto& [account, state] : model_.accounts()) {
    if (state.exists && account.name_space == operation.target) {
      verdict_.Fail(absl::StrCat("namespace ", operation.target, " was deleted and account ",
                                 account.id, " is still there"));
    }
  }
}

void NamespaceOracle::CheckNamespaces(const State& before,
                                      const std::vector<CoordinatorRequest>& requests) {
  for (const auto& [name, record] : now_.namespaces) {
    const bool deleting = record.state == NamespaceState::kDeleting;
    const std::string& target = name;
    if (deleting != BeingDeleted(target)) {
      verdict_.Fail(absl::StrCat("the state of namespace ", name, " and its operation disagree"));
    }
    const auto was = before.namespaces.find(name);
    const bool same =
        was != before.namespaces.end() && was->second.create_time == record.create_time;
    if (!same && !Any(requests, [&](const auto& r) { return AsksToCreate(r, target); })) {
      verdict_.Fail(absl::StrCat("namespace ", name, " was created and nobody asked"));
    }
  }
  for (const auto& [name, record] : before.namespaces) {
    if (now_.namespaces.contains(name)) continue;
    const std::string& target = name;
    const bool deleted = Any(now_.operations, [&](const auto& operation) {
      const auto was = before.operations.find(operation.first);
      return operation.second.target == target &&
             operation.second.state == OperationState::kSucceeded &&
             (was == before.operations.end() || was->second.running());
    });
    if (!deleted) verdict_.Fail(absl::StrCat("namespace ", name, " is gone"));
  }
}

bool NamespaceOracle::BeingDeleted(const std::string& name) const {
  return Any(now_.operations, [&](const auto& operation) {
    return operation.second.running() && IsDeletion(operation.second) &&
           operation.second.target == name;
  });
}

bool NamespaceOracle::AllEnded() const {
  return !Any(now_.operations, [](const auto& operation) { return operation.second.running(); });
}

void NamespaceOracle::Delivered(const CoordinatorReply& reply) {
  const std::string text = TextOf(reply);
  trace_.Add("answer ", reply.call.call, ": ", text);
  const auto expected = answers_.find(reply.call);
  if (expected == answers_.end()) return verdict_.Fail("the coordinator answered nobody");
  if (expected->second != text && !Matches(ErrorText(Reason::kStorageFailed), text)) {
    verdict_.Fail(
        absl::StrCat("the coordinator answered \"", text, "\", not \"", expected->second, "\""));
  }
  acknowledged_ = acknowledged_ || reply.answer.ok();
  answers_.erase(expected);
}

void NamespaceOracle::Published(const PublishTables& tables) {
  if (tables.namespaces != nullptr) published_ = *tables.namespaces;
}

void NamespaceOracle::TurnEnded() {
  if (published_ != now_.namespaces) verdict_.Fail("what is published is not what is in force");
  if (!answers_.empty()) verdict_.Fail("the coordinator did not answer a call");
}

bool NamespaceOracle::PublishedActive(const std::string& name) const {
  if (name.empty()) return true;
  const auto found = published_.find(name);
  return found != published_.end() && found->second.state == NamespaceState::kActive;
}

void NamespaceOracle::Died() { published_.clear(); }

// The owner of a shard stores the end of an operation that flips the table, before the coordinator
// hears of it.
bool NamespaceOracle::Same(const State& stored, const State& known) {
  if (stored.namespaces != known.namespaces) return false;
  return std::equal(stored.operations.begin(), stored.operations.end(), known.operations.begin(),
                    known.operations.end(), [](const auto& a, const auto& b) {
                      if (a.first != b.first) return false;
                      if (IsDeletion(a.second) || !b.second.running()) return a.second == b.second;
                      return a.second.kind == b.second.kind && !IsDeletion(b.second) &&
                             a.second.state != OperationState::kFailed;
                    });
}

void NamespaceOracle::Recovered(const CoordinatorCore& core) {
  const State stored{core.namespaces(), core.operations()};
  const bool kept = Same(stored, now_);
  const bool lost = !durable_ && Same(stored, before_);
  if (!kept && !lost) {
    return verdict_.Fail("the stored namespaces and operations are not those of any turn");
  }
  if (!kept && acknowledged_) {
    return verdict_.Fail("an acknowledged change of a namespace is lost");
  }
  now_ = before_ = stored;
  highest_operation_ = now_.operations.empty() ? 0 : now_.operations.rbegin()->first.value;
  durable_ = true;
  written_ = acknowledged_ = false;
  answers_.clear();
  if (!AllEnded()) trace_.Meet("an operation taken up again");
}

}  // namespace shardd::sim
