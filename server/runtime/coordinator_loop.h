#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "server/base/bounded_queue.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
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
  using Item = std::variant<CoordinatorRequest, PurgeResult, ShardReport, SurveyDone, HomeDropped,
                            RangeCompacted>;

  struct Environment {
    storage::Store& store;
    const Clock& clock;
    ReplySink& sink;
    std::function<void(CoordinatorReply)> on_balancer_reply;
    std::function<void(const PublishTables&)> publish;
    std::function<void(SendToShard)> send_to_shard;
    std::function<void(SendToRange)> send_to_range;
    std::function<void(CommandShard)> command_shard;
    std::function<void(CompactRange)> compact;
    std::function<void(CancelJob)> cancel_compaction;
    std::function<void(ForgetShard)> forget_shard;
    std::function<void(absl::Status)> on_storage_failure;
  };

  CoordinatorLoop(CoordinatorCore core, ThreadRegistry& threads, Environment environment);

  ~CoordinatorLoop();

  // Commits and performs the core's first turn on this thread, then starts the loop. Errors:
  // kStorageFailed.
  absl::Status Start();

  // kMailboxFull, kDraining.
  absl::Status Push(CoordinatorRequest request);
  // Never refused while the loop runs: there is one for each thing that it asked for, and a few
  // each second that say how far such a thing is.
  void PushResult(Item result);

  // Begins no change of the table any more, and waits for the one that a worker was told of, until
  // `deadline`. Returns whether it has ended. Also returns if storage fails.
  bool Quiesce(absl::Time deadline);

  // Refuses new requests, finishes what is queued, answers who still waits, and joins.
  void Stop();

 private:
  void Loop();
  void CommitTurn(CoordinatorTurn& turn);
  void Perform(CoordinatorEffect& effect);
  void ChangeHomes(const CoordinatorEffect& effect);
  void Fail(const absl::Status& status);
  void TellIfQuiet();

  const Environment environment_;
  BoundedQueue<Item> queue_;
  const std::shared_ptr<ThreadRecord> record_;
  CoordinatorCore core_;
  absl::Time wake_at_ = absl::InfiniteFuture();
  bool failed_ = false;
  std::unique_ptr<ServiceThread> thread_;

  std::atomic<bool> stops_changes_{false};
  // How whoever drains hears that no change is under way: it has no queue to get a message by.
  Mutex quiet_mutex_;
  CondVar quiet_changed_;
  bool quiet_ ABSL_GUARDED_BY(quiet_mutex_) = false;
};

}  // namespace shardd
