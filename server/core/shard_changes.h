#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/ids.h"
#include "server/core/coordinator_event.h"
#include "server/core/namespace_directory.h"
#include "server/core/operation_book.h"
#include "server/core/shard_command.h"
#include "server/core/shard_ledger.h"
#include "server/core/shard_operation.h"
#include "server/shard_state_operations/rehome.h"
#include "storage/store.h"

namespace shardd {

// The operations that change the routing table, splits, merges and rehomes, and those that look
// after shards. What they come to is in the ledger.
//
// A change is recorded, prepared while requests go on (the range is counted, the bytes are copied),
// and then flips the table: one batch of the owner. Preparations overlap; flips come one after the
// other. After a crash a change whose flip is not stored is prepared again, or given up if that was
// asked for.
//
// Thread safety: none. Owned by the coordinator.
// Invariants:
//   (1) At most one operation works on a shard.
//   (2) Every home that exists is named by the table or by a running operation.
class ShardChanges {
 public:
  ShardChanges(OperationBook& operations, NamespaceDirectory& namespaces, ShardLedger& ledger)
      : operations_(operations), namespaces_(namespaces), ledger_(ledger) {}

  // REQUIRES: the operations and the ledger are loaded. Errors: kStorageCorrupt, kStorageFailed.
  absl::Status Load(const storage::Reader& meta);
  // Takes up the operations that were running.
  void Start(CoordinatorTurn& turn);

  absl::StatusOr<OperationRecord> Begin(const SplitShardRequest& request, CoordinatorTurn& turn);
  absl::StatusOr<OperationRecord> Begin(const MergeShardsRequest& request, CoordinatorTurn& turn);
  absl::StatusOr<OperationRecord> Begin(const MoveHomeRequest& request, CoordinatorTurn& turn);
  absl::StatusOr<OperationRecord> Begin(const VerifyShardRequest& request, CoordinatorTurn& turn);
  absl::StatusOr<OperationRecord> Begin(const CompactShardRequest& request, CoordinatorTurn& turn);
  absl::StatusOr<ShardNote> Pause(const PauseShardRequest& request, CoordinatorTurn& turn);

  // Whether an owner was told to change the table for it, for the last time: then it takes effect,
  // and its record may be the owner's to write.
  bool TooLateToCancel(OperationId id) const;
  // An operation was asked to stop. REQUIRES: it is not too late.
  void Cancel(OperationId id, CoordinatorTurn& turn);

  void Step(ShardReport report, CoordinatorTurn& turn);
  void Step(SurveyDone result, CoordinatorTurn& turn);
  void Step(HomeDropped dropped, CoordinatorTurn& turn);
  void Step(RangeCompacted result, CoordinatorTurn& turn);

  // Begins the next flip if it can. Call it in every turn, after everything else.
  void Advance(CoordinatorTurn& turn);
  // Begins no flip any more: the daemon drains.
  void Stop() { stopped_ = true; }
  bool flipping() const { return flip_.has_value(); }

  // The homes that may exist: of shards, and of rehomes that are under way.
  std::vector<storage::Family> Homes() const { return HomesOf(table(), operations_.table()); }

 private:
  enum class Stage {
    kSurveying,
    kCopying,   // to the other home
    kReady,     // to flip, when it is its turn
    kRetiring,  // a merge: the one that ends stops
    kFlipping,  // told to the owner; there is no way back
    kClearing,  // what was left behind, or copied in vain
    kDropping,  // the home that was left
    kCompacting,
  };
  struct Progress {
    Stage stage = Stage::kSurveying;
    bool moves = false;  // the next flip is that of a rehome
    bool abandoned = false;
    SurveyTotals counted;
  };
  // The flip under way.
  struct Flip {
    OperationId operation;
    bool told = false;  // some owner
    NextTable next;
    OperationRecord record;  // as it is stored in the same batch
  };

  const RouteTable& table() const { return ledger_.table(); }
  // Begins an operation that changes nothing of the shard.
  absl::StatusOr<OperationRecord> LookAfter(OperationKind kind, ShardId shard,
                                            const ChangeGuard& guard, CoordinatorTurn& turn);
  OperationRecord& BeginOperation(OperationKind kind, ShardChange change, CoordinatorTurn& turn);
  // Notes that it runs, and on which shards.
  void Occupy(const OperationRecord& operation);
  void Resume(OperationRecord& operation, CoordinatorTurn& turn);
  void ResumeMove(OperationRecord& operation, CoordinatorTurn& turn);

  // What it begins with, unless it moves.
  void Prepare(OperationRecord& operation, CoordinatorTurn& turn);
  void Survey(OperationRecord& operation, CoordinatorTurn& turn);
  void Compact(const OperationRecord& operation, CoordinatorTurn& turn);
  void Copy(OperationRecord& operation, CoordinatorTurn& turn);
  void Abandon(OperationRecord& operation, CoordinatorTurn& turn);
  void MakeReady(OperationId id, bool moves);
  // Tells the owner, with everything that is stored in its batch.
  void Tell(CoordinatorTurn& turn);
  storage::WriteSet FlipRecords() const;

  void On(TableFlipped&& report, CoordinatorTurn& turn);
  void On(ShardRetired&& report, CoordinatorTurn& turn);
  void On(HomeCopied&& report, CoordinatorTurn& turn);
  void On(HomeCleared&& report, CoordinatorTurn& turn);
  void On(OperationAdvanced&& report, CoordinatorTurn& turn);
  void AfterClearing(OperationRecord& operation, CoordinatorTurn& turn);
  void AfterMove(OperationRecord& operation, CoordinatorTurn& turn);
  void TellPause(const TableChange& change, CoordinatorTurn& turn) const;

  void End(OperationRecord& operation, OperationState state, const absl::Status& error,
           CoordinatorTurn& turn);
  // It has failed for a reason recorded before, or was cancelled.
  void EndInVain(OperationRecord& operation, CoordinatorTurn& turn);
  void FreeShards(const OperationRecord& operation);
  void Command(ShardId shard, ShardCommand command, CoordinatorTurn& turn) const;
  bool IsUsed(storage::Family home, const OperationRecord& but) const {
    return IsHomeUsed(home, but, table(), operations_.table());
  }

  OperationBook& operations_;
  NamespaceDirectory& namespaces_;
  ShardLedger& ledger_;
  bool stopped_ = false;
  std::map<OperationId, Progress> running_;
  std::deque<OperationId> ready_;
  std::optional<Flip> flip_;
  std::map<ShardId, RehomeRecord> rehomes_at_start_;
};

}  // namespace shardd
