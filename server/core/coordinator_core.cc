#include "server/core/coordinator_core.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace shardd {

absl::StatusOr<CoordinatorCore> CoordinatorCore::Load(const storage::Reader& meta,
                                                      size_t shard_count) {
  CoordinatorCore core;
  SHARDD_RETURN_IF_ERROR(core.parts_->operations.Load(meta));
  SHARDD_RETURN_IF_ERROR(core.parts_->namespaces.Load(meta));
  SHARDD_RETURN_IF_ERROR(core.parts_->ledger.Load(meta, shard_count));
  SHARDD_RETURN_IF_ERROR(core.parts_->shards.Load(meta));
  return core;
}

void CoordinatorCore::Start(CoordinatorTurn& turn) {
  parts_->ledger.Start(turn.batch);
  parts_->shards.Start(turn);
  parts_->namespaces.Start(table(), turn);
}

void CoordinatorCore::Step(CoordinatorRequest request, CoordinatorTurn& turn) {
  std::visit([&](auto&& body) { Run(request.call, std::move(body), turn); },
             std::move(request.body));
}

void CoordinatorCore::Step(PurgeResult result, CoordinatorTurn& turn) {
  parts_->namespaces.Step(std::move(result), table(), turn);
}

void CoordinatorCore::Run(CallId call, CreateNamespaceRequest&& request, CoordinatorTurn& turn) {
  turn.effects.push_back(CoordinatorReply{call, parts_->namespaces.Create(request, turn)});
}

void CoordinatorCore::Run(CallId call, DeleteNamespaceRequest&& request, CoordinatorTurn& turn) {
  turn.effects.push_back(CoordinatorReply{call, parts_->namespaces.Delete(request, table(), turn)});
}

void CoordinatorCore::Run(CallId call, CancelOperationRequest&& request, CoordinatorTurn& turn) {
  if (parts_->shards.TooLateToCancel(request.operation)) {
    turn.effects.push_back(CoordinatorReply{
        call, Error(Reason::kOperationEnded,
                    absl::StrCat("operation ", ToText(request.operation),
                                 " takes effect; it is too late to cancel it"))});
    return;
  }
  absl::StatusOr<OperationRecord> cancelled = parts_->operations.Cancel(request.operation, turn);
  if (cancelled.ok()) {
    parts_->shards.Cancel(request.operation, turn);
    cancelled = operations().at(request.operation);
  }
  turn.effects.push_back(CoordinatorReply{call, std::move(cancelled)});
}

void CoordinatorCore::Run(CallId call, WaitOperationRequest&& request, CoordinatorTurn& turn) {
  parts_->operations.Wait(call, request, turn);
}

void CoordinatorCore::Run(CallId call, StopWaiting&&, CoordinatorTurn& turn) {
  parts_->operations.StopWaiting(call, turn);
}

void CoordinatorCore::Run(CallId call, PauseShardRequest&& request, CoordinatorTurn& turn) {
  turn.effects.push_back(CoordinatorReply{call, parts_->shards.Pause(request, turn)});
}

void CoordinatorCore::Run(CallId call, PinShardRequest&& request, CoordinatorTurn& turn) {
  turn.effects.push_back(CoordinatorReply{call, parts_->ledger.Pin(request, turn.now, turn.batch)});
}

template <typename Request>
void CoordinatorCore::Run(CallId call, Request&& request, CoordinatorTurn& turn) {
  turn.effects.push_back(CoordinatorReply{call, parts_->shards.Begin(request, turn)});
}

void CoordinatorCore::FinishTurn(CoordinatorTurn& turn) {
  parts_->shards.Advance(turn);
  parts_->operations.FinishTurn(turn);
  Publish(turn);
}

void CoordinatorCore::Publish(CoordinatorTurn& turn) {
  PublishTables tables;
  parts_->ledger.TakeChanged(tables);
  tables.namespaces = parts_->namespaces.TakeChanged();
  tables.operations = parts_->operations.TakeChanged();
  // Shards hear of a namespace first: one that everybody sees open again is open in all of them.
  const auto after_shards =
      std::stable_partition(turn.effects.begin(), turn.effects.end(), [](const auto& effect) {
        return std::holds_alternative<SendToShard>(effect) ||
               std::holds_alternative<SendToRange>(effect);
      });
  // Answers and commands come last: whoever gets one finds what it says in force.
  if (tables != PublishTables()) turn.effects.insert(after_shards, std::move(tables));
}

}  // namespace shardd
