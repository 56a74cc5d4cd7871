#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "server/core/coordinator_event.h"
#include "server/core/namespace_directory.h"
#include "server/core/operation_book.h"
#include "server/core/shard_changes.h"
#include "server/core/shard_ledger.h"
#include "storage/store.h"

namespace shardd {

// Owns the routing table, the namespaces and the operations: decides, never acts. Serializes every
// change to them. This is their common door; each has a class of its own.
//
// Thread safety: none. Owned by the coordinator loop.
class CoordinatorCore {
 public:
  // Reads what an earlier run left in meta; an empty meta gets `shard_count` shards in home 1,
  // which the first turn writes. Errors: kStorageCorrupt.
  static absl::StatusOr<CoordinatorCore> Load(const storage::Reader& meta, size_t shard_count);

  // Publishes everything and takes up the operations that were running. Call it first, once.
  void Start(CoordinatorTurn& turn);
  void Step(CoordinatorRequest request, CoordinatorTurn& turn);
  void Step(PurgeResult result, CoordinatorTurn& turn);
  void Step(ShardReport report, CoordinatorTurn& turn) {
    parts_->shards.Step(std::move(report), turn);
  }
  void Step(SurveyDone result, CoordinatorTurn& turn) {
    parts_->shards.Step(std::move(result), turn);
  }
  void Step(HomeDropped dropped, CoordinatorTurn& turn) { parts_->shards.Step(dropped, turn); }
  void Step(RangeCompacted result, CoordinatorTurn& turn) {
    parts_->shards.Step(std::move(result), turn);
  }
  // Publishes what changed, and answers those whose time to wait is up. Call it last in every turn.
  void FinishTurn(CoordinatorTurn& turn);

  // Before a drain: changes of the table that are not under way wait for the next start.
  void StopChanges() { parts_->shards.Stop(); }
  // Whether a change of the table is under way that an owner was told of: shards must not stop now.
  bool flipping() const { return parts_->shards.flipping(); }
  // Answers everybody who still waits with kDraining. Call it when no more turns come.
  void EndWaits(CoordinatorTurn& turn) { parts_->operations.EndWaits(turn); }

  // Whether Load found an empty meta.
  bool first_start() const { return parts_->ledger.first_start(); }
  // The homes that may exist.
  std::vector<storage::Family> Homes() const { return parts_->shards.Homes(); }

  const RouteTable& table() const { return parts_->ledger.table(); }
  const NamespaceTable& namespaces() const { return parts_->namespaces.table(); }
  const OperationTable& operations() const { return parts_->operations.table(); }

 private:
  // They refer to each other: in a place of their own, so that the core can be moved.
  struct Parts {
    OperationBook operations;
    NamespaceDirectory namespaces{operations};
    ShardLedger ledger;
    ShardChanges shards{operations, namespaces, ledger};
  };

  CoordinatorCore() : parts_(std::make_unique<Parts>()) {}

  void Run(CallId call, CreateNamespaceRequest&& request, CoordinatorTurn& turn);
  void Run(CallId call, DeleteNamespaceRequest&& request, CoordinatorTurn& turn);
  void Run(CallId call, CancelOperationRequest&& request, CoordinatorTurn& turn);
  void Run(CallId call, WaitOperationRequest&& request, CoordinatorTurn& turn);
  void Run(CallId call, StopWaiting&& request, CoordinatorTurn& turn);
  void Run(CallId call, PauseShardRequest&& request, CoordinatorTurn& turn);
  void Run(CallId call, PinShardRequest&& request, CoordinatorTurn& turn);
  // Any other: begins an operation on shards.
  template <typename Request>
  void Run(CallId call, Request&& request, CoordinatorTurn& turn);
  void Publish(CoordinatorTurn& turn);

  std::unique_ptr<Parts> parts_;
};

}  // namespace shardd
