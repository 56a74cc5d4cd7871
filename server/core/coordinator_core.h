#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/account/namespace_record.h"
#include "server/account/record_key.h"
#include "server/base/ids.h"
#include "server/core/event.h"
#include "server/core/operation_record.h"
#include "server/routing/table_history.h"
#include "storage/store.h"
#include "storage/write_set.h"

namespace shardd {

// What can be asked of the coordinator.
struct CreateNamespaceRequest {
  std::string name;
  std::string request_id;
};
struct DeleteNamespaceRequest {
  std::string name;
  bool delete_accounts = false;
};
struct CancelOperationRequest {
  OperationId operation;
};
// Answered when the operation has ended or the deadline passed, with the operation as it then is.
struct WaitOperationRequest {
  OperationId operation;
  absl::Time until = absl::InfiniteFuture();
};
// Whoever waited is gone; answered by nothing.
struct StopWaiting {};

struct CoordinatorRequest {
  CallId call;
  std::variant<CreateNamespaceRequest, DeleteNamespaceRequest, CancelOperationRequest,
               WaitOperationRequest, StopWaiting>
      body;
};

struct NamespaceResult {
  std::string name;
  NamespaceRecord record;
};
using CoordinatorAnswer = std::variant<NamespaceResult, OperationRecord>;

struct CoordinatorReply {
  CallId call;
  absl::StatusOr<CoordinatorAnswer> answer;
};

using OperationTable = std::map<OperationId, OperationRecord>;

// For everybody: these values are now in force. nullptr: unchanged.
struct PublishTables {
  std::shared_ptr<const TableHistory> routing;
  std::shared_ptr<const NamespaceTable> namespaces;
  std::shared_ptr<const OperationTable> operations;
};
// For one shard's worker.
struct SendToShard {
  ShardId shard;
  ShardRequestBody body;
};
using CoordinatorEffect = std::variant<CoordinatorReply, PublishTables, SendToShard>;

// One turn of the coordinator; as ShardTurn: all effects wait for the batch.
struct CoordinatorTurn {
  absl::Time now;
  storage::WriteSet batch;
  std::vector<CoordinatorEffect> effects;
  absl::Time wake_at = absl::InfiniteFuture();
};

// Owns the routing table, the namespaces and the operations: decides, never acts. Serializes every
// change to them.
//
// Thread safety: none. Owned by the coordinator loop.
// Invariants:
//   (1) An operation is recorded before its first step, and its end in the batch that completes it.
//   (2) A namespace that is being deleted takes no request in any shard until its operation has
//   ended.
class CoordinatorCore {
 public:
  // Reads what an earlier run left in meta; an empty meta gets `shard_count` shards in home 1,
  // which the first turn writes. Errors: kStorageCorrupt.
  static absl::StatusOr<CoordinatorCore> Load(const storage::Reader& meta, size_t shard_count);

  // Publishes everything and takes up the operations that were running. Call it first, once.
  void Start(CoordinatorTurn& turn);
  void Step(CoordinatorRequest request, CoordinatorTurn& turn);
  void Step(PurgeResult result, CoordinatorTurn& turn);
  // Answers those whose time to wait is up. Call it last in every turn.
  void FinishTurn(CoordinatorTurn& turn);
  // Answers everybody who still waits with kDraining. Call it when no more turns come.
  void EndWaits(CoordinatorTurn& turn);

  // Whether Load found an empty meta.
  bool first_start() const { return first_start_; }

  const RouteTable& table() const { return *tables_.current(); }
  const NamespaceTable& namespaces() const { return namespaces_; }
  const OperationTable& operations() const { return operations_; }

 private:
  struct Waiter {
    OperationId operation;
    absl::Time until;
  };
  // How far the deletion of a namespace is. Unless it may delete accounts it first looks into every
  // shard, and forgets nothing before all are known to be empty.
  struct Deletion {
    bool deletes = false;
    std::set<ShardId> left;  // shards that have not ended this part
    absl::Status error;      // why no further step is sent: the first that failed
  };

  CoordinatorCore() : tables_(limits::kTablesKept) {}

  void Run(CallId call, CreateNamespaceRequest&& request, CoordinatorTurn& turn);
  void Run(CallId call, DeleteNamespaceRequest&& request, CoordinatorTurn& turn);
  void Run(CallId call, CancelOperationRequest&& request, CoordinatorTurn& turn);
  void Run(CallId call, WaitOperationRequest&& request, CoordinatorTurn& turn);
  void Run(CallId call, StopWaiting&& request, CoordinatorTurn& turn);

  absl::StatusOr<NamespaceResult> CreateNamespace(const CreateNamespaceRequest& request,
                                                  CoordinatorTurn& turn);
  absl::StatusOr<OperationRecord> DeleteNamespace(const DeleteNamespaceRequest& request,
                                                  CoordinatorTurn& turn);
  absl::StatusOr<OperationRecord> Cancel(const CancelOperationRequest& request,
                                         CoordinatorTurn& turn);

  void BeginPurge(const OperationRecord& operation, bool deletes, CoordinatorTurn& turn);
  void SendPurge(const OperationRecord& operation, ShardId shard, std::string position,
                 CoordinatorTurn& turn);
  // A shard has nothing left to do in the part of the deletion that is under way.
  void EndPart(OperationRecord& operation, ShardId shard, CoordinatorTurn& turn);
  void EndDeletion(OperationRecord& operation, OperationState state, absl::Status error,
                   CoordinatorTurn& turn);
  void Reopen(const std::string& name, CoordinatorTurn& turn);
  void Write(const OperationRecord& operation, CoordinatorTurn& turn);
  void WriteNamespace(const std::string& name, CoordinatorTurn& turn);
  void ForgetOldOperations(CoordinatorTurn& turn);
  void AnswerWaiters(OperationId operation, CoordinatorTurn& turn);
  void Publish(CoordinatorTurn& turn);

  TableHistory tables_;
  NamespaceTable namespaces_;
  OperationTable operations_;
  uint64_t next_operation_ = 1;
  bool first_start_ = false;
  std::map<OperationId, Deletion> purging_;
  std::map<CallId, Waiter> waiters_;
  bool namespaces_changed_ = false;
  bool operations_changed_ = false;
};

}  // namespace shardd
