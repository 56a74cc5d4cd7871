#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "server/base/bounded_queue.h"
#include "server/base/clock.h"
#include "server/core/coordinator_core.h"
#include "server/runtime/runtime.h"
#include "server/runtime/service_thread.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "storage/store.h"

namespace shardd {

// The thread that owns the routing table, the namespaces and the operations: as ShardWorker, for
// CoordinatorCore.
//
// Thread safety: Push from any thread; the rest from the runtime's thread.
class CoordinatorLoop {
 public:
  using Item = std::variant<CoordinatorRequest, PurgeResult>;

  struct Environment {
    storage::Store& store;
    const Clock& clock;
    ReplySink& sink;
    std::function<void(const PublishTables&)> publish;
    std::function<void(SendToShard)> send_to_shard;
    std::function<void(absl::Status)> on_storage_failure;
  };

  CoordinatorLoop(CoordinatorCore core, ThreadRegistry& threads, Environment environment);

  ~CoordinatorLoop();

  // Commits and performs the core's first turn on this thread, then starts the loop. Errors:
  // kStorageFailed.
  absl::Status Start();

  // kMailboxFull, kDraining.
  absl::Status Push(CoordinatorRequest request);
  // Never refused while the loop runs: there is one result for each purge under way.
  void Push(PurgeResult result);

  // Refuses new requests, finishes what is queued, answers who still waits, and joins.
  void Stop();

 private:
  void Loop();
  void CommitTurn(CoordinatorTurn& turn);
  void Perform(CoordinatorEffect& effect);

  const Environment environment_;
  BoundedQueue<Item> queue_;
  const std::shared_ptr<ThreadRecord> record_;
  CoordinatorCore core_;
  absl::Time wake_at_ = absl::InfiniteFuture();
  bool failed_ = false;
  std::unique_ptr<ServiceThread> thread_;
};

}  // namespace shardd
