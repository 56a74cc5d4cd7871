#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/account/namespace_record.h"
#include "server/account/routing_key.h"
#include "server/base/ids.h"
#include "server/core/event.h"
#include "server/core/operation_record.h"
#include "server/core/shard_command.h"
#include "server/core/table_change.h"
#include "server/routing/table_history.h"
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

// Refuse the change unless the routing table is at this epoch; 0: at any. `dry_run`: only say what
// would be done: the answer is an operation without an id, or the shard's note as it would be.
struct ChangeGuard {
  uint64_t expected_epoch = 0;
  bool dry_run = false;
};
struct SplitShardRequest {
  ShardId shard;
  std::optional<RoutingKey> at;  // nullopt: half the bytes on each side
  ChangeGuard guard;
};
// `ended` is a neighbour. If it lies in another home it goes to the survivor's first.
struct MergeShardsRequest {
  ShardId survivor;
  ShardId ended;
  ChangeGuard guard;
};
struct MoveHomeRequest {
  ShardId shard;
  std::optional<storage::Family> home;  // nullopt: a new one
  ChangeGuard guard;
};
struct VerifyShardRequest {
  ShardId shard;
  ChangeGuard guard = {};
};
struct CompactShardRequest {
  ShardId shard;
  ChangeGuard guard = {};
};
// Until a time; one that has passed ends it.
struct PauseShardRequest {
  ShardId shard;
  absl::Time until;
  ChangeGuard guard = {};
};
struct PinShardRequest {
  ShardId shard;
  absl::Time until;
  ChangeGuard guard = {};
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
               WaitOperationRequest, StopWaiting, SplitShardRequest, MergeShardsRequest,
               MoveHomeRequest, VerifyShardRequest, CompactShardRequest, PauseShardRequest,
               PinShardRequest>
      body;
};

struct NamespaceResult {
  std::string name;
  NamespaceRecord record;
};

// What the coordinator knows of a shard besides its row in the table.
struct ShardNote {
  absl::Time pinned_until = absl::InfinitePast();
  absl::Time paused_until = absl::InfinitePast();
  OperationId operation;  // that works on it; 0: none
  OperationKind operation_kind = OperationKind::kSplit;
  absl::Time last_change = absl::InfinitePast();  // of its range, owner or home
  absl::Time last_split = absl::InfinitePast();   // of it, or of what it came from
  friend bool operator==(const ShardNote&, const ShardNote&) = default;
};
using ShardNotes = std::map<ShardId, ShardNote>;

using CoordinatorAnswer = std::variant<NamespaceResult, OperationRecord, ShardNote>;

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
  std::shared_ptr<const ShardNotes> notes;
  std::shared_ptr<const Lineage> lineage;
  friend bool operator==(const PublishTables&, const PublishTables&) = default;
};
// For one shard's worker.
struct SendToShard {
  ShardId shard;
  ShardRequestBody body;
};
// For whoever owns a part of the range when it is handed out: all of them.
struct SendToRange {
  KeyRange range;
  ShardRequestBody body;
};
// For one shard's worker, between two turns and before everything that waits.
struct CommandShard {
  ShardId shard;
  ShardCommand command;
};
// For the runtime: done before what follows in the list. A home that exists, or is gone, already is
// all right: it may be a repeat after a crash.
struct CreateHome {
  storage::Family home;
};
// ... and, when it is gone, answered by HomeDropped.
struct DropHome {
  storage::Family home;
  OperationId operation;
};
struct HomeDropped {
  OperationId operation;
};
// For the runtime: compact the storage of a range, and tell by RangeCompacted.
struct CompactRange {
  OperationId operation;
  storage::Family home;
  KeyRange range;
};
struct RangeCompacted {
  OperationId operation;
  absl::Status status;
};
// For the runtime: this shard is no more, and its worker does nothing.
struct ForgetShard {
  ShardId shard;
};
using CoordinatorEffect =
    std::variant<CoordinatorReply, PublishTables, SendToShard, SendToRange, CommandShard,
                 CreateHome, DropHome, CompactRange, CancelJob, ForgetShard>;

// One turn of the coordinator; as ShardTurn: all effects wait for the batch.
struct CoordinatorTurn {
  absl::Time now;
  storage::WriteSet batch;
  std::vector<CoordinatorEffect> effects;
  absl::Time wake_at = absl::InfiniteFuture();
};

}  // namespace shardd
