#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/account/namespace_record.h"
#include "server/base/clock.h"
#include "server/core/coordinator_core.h"
#include "server/core/event.h"
#include "server/cross_thread_messaging/message_status.h"
#include "server/routing/table_history.h"
#include "server/runtime/balancer.h"
#include "server/runtime/mailbox_waits.h"
#include "server/runtime/ready_board.h"
#include "server/shard_state_operations/records.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "storage/store.h"

namespace shardd {

// Where answers go. Called on worker and coordinator threads, after the commit that covers the
// answer: it must not block and must not call back into the runtime.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  virtual void OnReply(Reply reply) = 0;
  virtual void OnWatchEvent(WatchEvent event) = 0;
  virtual void OnCoordinatorReply(CoordinatorReply reply) = 0;
};

// What a shard is doing, for operators.
struct ShardStatus {
  Route route;
  ThreadId thread;
  ShardStats stats;
  uint64_t mailbox_depth = 0;
  uint64_t requests_total = 0;
  uint64_t batches_total = 0;
  MessageStatus messages;
};

// The store as of one moment, and where in it each shard lies.
struct StoreView {
  std::shared_ptr<const RouteTable> table;
  std::unique_ptr<storage::Reader> reader;
};

// The threads behind the front end: one worker per shard, the coordinator, background services.
//
// Routes each request to the mailbox of the worker that owns its shard, commits what the cores
// decide, and hands answers to the sink. Stop order: Drain (refuse new work, finish what is queued,
// join) then destruction.
//
// Thread safety: all methods from any thread, except Start, Drain and the destructor.
class Runtime {
 public:
  struct Options {
    size_t shard_count = 4;      // for an empty data folder
    uint64_t reserve_bytes = 0;  // writes are refused when the disk has less left
    size_t mailbox_items_max = limits::kMailboxItemsMax;
    size_t mailbox_bytes_max = limits::kMailboxBytesMax;
    Balancer::Options balancing;
    // Called once, from any thread, when storage has failed: no OK is sent any more and the process
    // should exit.
    std::function<void(absl::Status)> on_storage_failure;
  };

  // All references must outlive the runtime. Errors: what an earlier run left cannot be read.
  static absl::StatusOr<std::unique_ptr<Runtime>> Start(storage::Store& store, const Clock& clock,
                                                        ThreadRegistry& threads, ReplySink& sink,
                                                        Options options);
  virtual ~Runtime() = default;

  // Hands requests over, all those for one shard in the order given and as one item of its mailbox.
  // Each is answered through the sink once, also when it is refused here (kMailboxFull, kDraining,
  // kStaleEpoch, kNamespaceNotFound, kDiskFull, kDeadlineExpired): then within the call. Requests
  // must be valid (Validate).
  virtual void Submit(std::vector<ShardRequest> requests) = 0;
  // The same for one, refused by the return value instead of an answer.
  virtual absl::Status Submit(ShardRequest request) = 0;
  // For a request that is about a shard, not an account; likewise. kShardNotFound: also if the shard
  // is being changed; look again where the request should go.
  virtual absl::Status SubmitToShard(ShardId shard, ShardRequest request) = 0;
  virtual absl::Status SubmitToCoordinator(CoordinatorRequest request) = 0;

  // Reads on the calling thread, linearizable, as documented at GetFromStore. Checks namespace and
  // epoch first.
  virtual absl::StatusOr<GetResult> Get(const GetRequest& request, uint64_t epoch) = 0;
  virtual absl::StatusOr<ScanResult> Scan(const ScanRequest& request, uint64_t epoch) = 0;
  virtual absl::StatusOr<AccountResult> GetAccount(const GetAccountRequest& request) = 0;
  // For walks over many accounts (list, export).
  virtual StoreView View() const = 0;
  // The store. Its Space() may wait for the disk: use space().
  virtual const storage::Store& store() const = 0;

  // What is in force now. Immutable.
  virtual std::shared_ptr<const TableHistory> tables() const = 0;
  virtual std::shared_ptr<const NamespaceTable> namespaces() const = 0;
  virtual std::shared_ptr<const OperationTable> operations() const = 0;
  virtual std::shared_ptr<const ShardNotes> notes() const = 0;
  virtual std::shared_ptr<const Lineage> lineage() const = 0;

  // nullopt if no shard has this id.
  virtual std::optional<ShardStatus> Shard(ShardId shard) const = 0;
  virtual std::vector<ShardStatus> Shards() const = 0;

  virtual Balancer& balancer() const = 0;
  // Where messages can be received.
  virtual ReadyBoard& ready_board() = 0;

  // Of all requests that workers have run, also workers that have ended.
  virtual MailboxWaits mailbox_waits() const = 0;
  // Requests and reads refused because they were routed by another table than the one in force
  // (kStaleEpoch), here or by the shard's worker.
  virtual uint64_t stale_routes_total() const = 0;

  // Whether what makes the store grow is refused for want of disk space.
  virtual bool disk_full() const = 0;
  // What the store said of its disk when it was last asked, which is about once a second: asking
  // takes long.
  virtual absl::StatusOr<storage::SpaceUsage> space() const = 0;
  virtual absl::Status storage_health() const = 0;

  // Refuses new requests with kDraining, finishes what is queued, commits, joins all threads. At
  // `deadline` it gives up: what is still queued is answered with kDraining instead of being run,
  // and each worker is joined after the turn it is in. DeadlineExceeded if it gave up.
  virtual absl::Status Drain(absl::Time deadline) = 0;
};

}  // namespace shardd
