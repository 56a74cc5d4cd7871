#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/account/namespace_record.h"
#include "server/base/ids.h"
#include "server/core/coordinator_event.h"
#include "server/core/operation_book.h"
#include "server/routing/route_table.h"
#include "storage/store.h"

namespace shardd {

// The namespaces, and their deletions: operations that go through every shard of the namespace, one
// bounded step of a shard after the other.
//
// Thread safety: none. Owned by the coordinator.
// Invariants:
//   (1) A namespace that is being deleted takes no request in any shard until its operation has
//   ended.
//   (2) No step is under way in a shard whose range changes.
class NamespaceDirectory {
 public:
  explicit NamespaceDirectory(OperationBook& operations) : operations_(operations) {}

  // REQUIRES: the operations are loaded. Errors: kStorageCorrupt.
  absl::Status Load(const storage::Reader& meta);
  // Takes up the deletions that were running.
  void Start(const RouteTable& table, CoordinatorTurn& turn);

  absl::StatusOr<NamespaceResult> Create(const CreateNamespaceRequest& request,
                                         CoordinatorTurn& turn);
  absl::StatusOr<OperationRecord> Delete(const DeleteNamespaceRequest& request,
                                         const RouteTable& table, CoordinatorTurn& turn);
  void Step(PurgeResult result, const RouteTable& table, CoordinatorTurn& turn);

  // Sends no step to these shards until Release. Returns whether one is under way there still.
  bool Hold(const std::vector<ShardId>& shards);
  // The shards may have other ranges now, as the table says, or be gone.
  void Release(const RouteTable& table, CoordinatorTurn& turn);

  const NamespaceTable& table() const { return namespaces_; }
  // The table if it changed since it was asked for last; else nullptr.
  std::shared_ptr<const NamespaceTable> TakeChanged();

 private:
  // What is left to do in one shard.
  struct Part {
    bool under_way = false;
    std::string position;  // where looking goes on
  };
  // How far the deletion of a namespace is. Unless it may delete accounts it first looks into every
  // shard, and forgets nothing before all are known to be empty.
  struct Deletion {
    bool deletes = false;
    std::map<ShardId, Part> left;  // shards that have not ended this stage
    absl::Status error;            // why no further step is sent: the first that failed
  };

  void BeginStage(const OperationRecord& operation, bool deletes, const RouteTable& table,
                  CoordinatorTurn& turn);
  void SendSteps(const OperationRecord& operation, CoordinatorTurn& turn);
  // Shards that are done leave; when none is left the stage has ended.
  void EndPart(OperationRecord& operation, ShardId shard, const RouteTable& table,
               CoordinatorTurn& turn);
  void End(OperationRecord& operation, OperationState state, absl::Status error,
           CoordinatorTurn& turn);
  static void Reopen(const std::string& name, CoordinatorTurn& turn);
  void Write(const std::string& name, CoordinatorTurn& turn);

  OperationBook& operations_;
  NamespaceTable namespaces_;
  std::map<OperationId, Deletion> deletions_;
  std::vector<ShardId> held_;
  bool changed_ = false;
};

}  // namespace shardd
