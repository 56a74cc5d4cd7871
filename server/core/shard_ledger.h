#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/base/limits.h"
#include "server/core/coordinator_event.h"
#include "server/core/table_change.h"
#include "server/routing/route_table.h"
#include "server/routing/table_history.h"
#include "storage/store.h"
#include "storage/write_set.h"

namespace shardd {

// A table that is not yet in force, and the change that leads to it.
struct NextTable {
  std::shared_ptr<const RouteTable> table;
  std::shared_ptr<const TableChange> change;
};

// What is stored and remembered of shards: the routing table and those before it, how it came
// about, which ids are used up, the pins, and a note of each shard. It keeps books; who works on
// shards decides what is in them.
//
// Thread safety: none. Owned by the coordinator.
// Invariants:
//   (1) The shards of the table have a note each, and no others have.
//   (2) The table in memory is the stored one, or one flip behind it while that flip is under way.
//   (3) The id of a shard is given out once.
class ShardLedger {
 public:
  // An empty meta gets `shard_count` shards in home 1, which Start writes. Errors:
  // kStorageCorrupt, kStorageFailed.
  absl::Status Load(const storage::Reader& meta, size_t shard_count);
  void Start(storage::WriteSet& batch) const;
  // Whether Load found an empty meta.
  bool first_start() const { return first_start_; }

  const RouteTable& table() const { return *tables_.current(); }
  // REQUIRES: the table has the shard.
  const ShardNote& note(ShardId shard) const { return notes_.at(shard); }

  // Its row. Errors: kShardNotFound, kStaleEpoch.
  absl::StatusOr<Route> Find(ShardId shard, const ChangeGuard& guard) const;
  // Its row if no operation works on it. Errors: those, kShardBusy.
  absl::StatusOr<Route> FindFree(ShardId shard, const ChangeGuard& guard) const;
  // kShardPinned if it is. REQUIRES: the table has the shard.
  absl::Status CheckPin(ShardId shard, absl::Time now) const;

  // An operation works on a shard, unless the table does not have it (yet); and, if it was that
  // operation, no longer does.
  void Occupy(ShardId shard, OperationId operation, OperationKind kind);
  void Free(ShardId shard, OperationId operation);
  // Errors: kShardNotFound, kStaleEpoch.
  absl::StatusOr<ShardNote> Pause(const PauseShardRequest& request);
  absl::StatusOr<ShardNote> Pin(const PinShardRequest& request, absl::Time now,
                                storage::WriteSet& batch);

  // The id of the shard that is made next, and that it is used up.
  ShardId next_shard() const { return ShardId{next_shard_}; }
  void UseNextShard(storage::WriteSet& batch);

  // A flip: what it leads to from here, what is stored in its batch, and that this is stored. The
  // first fills in the change's diff; the last writes what makes room for it.
  NextTable Next(RouteTable after, TableChange change) const;
  static void WriteFlip(const NextTable& next, storage::WriteSet& records);
  void HasFlipped(const NextTable& next, storage::WriteSet& batch);

  // Fills in what changed since it was asked for last.
  void TakeChanged(PublishTables& tables);

 private:
  absl::Status LoadTable(const storage::Reader& meta, size_t shard_count);
  absl::Status LoadNextShard(const storage::Reader& meta);
  absl::Status LoadLineage(const storage::Reader& meta);
  absl::Status LoadPins(const storage::Reader& meta);
  void NoteAges();
  void AddToLineage(std::shared_ptr<const TableChange> change, storage::WriteSet& batch);
  ShardNote& NoteOf(ShardId shard);

  TableHistory tables_{limits::kTablesKept};
  Lineage lineage_;
  ShardNotes notes_;
  uint64_t next_shard_ = 1;
  bool first_start_ = false;
  // At first nobody knows them.
  bool tables_changed_ = true;
  bool lineage_changed_ = true;
  bool notes_changed_ = true;
};

}  // namespace shardd
