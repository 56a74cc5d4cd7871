#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "server/base/bounded_queue.h"
#include "server/base/clock.h"
#include "server/core/event.h"
#include "server/core/shard_core.h"
#include "server/runtime/runtime.h"
#include "server/runtime/service_thread.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "storage/store.h"

namespace shardd {

// The thread that owns a shard: takes everything from its mailbox, steps the core, commits one
// batch, then lets the answers out. Nothing leaves before the batch that records it is durable.
//
// Thread safety: mailbox and Status from any thread; the rest from the runtime's thread.
// Lifetime: Start, then Close, then Join or destruction.
class ShardWorker {
 public:
  // One item: requests that arrived together.
  using Mailbox = BoundedQueue<std::vector<ShardRequest>>;

  struct Environment {
    storage::Store& store;
    const Clock& clock;
    ReplySink& sink;
    std::function<void(PurgeResult)> on_purge_result;
    std::function<void(absl::Status)> on_storage_failure;
    std::function<void()> on_finished;  // the worker does nothing after it
  };

  ShardWorker(Route route, ShardCore core, QueueLimits mailbox_limits, ThreadRegistry& threads,
              Environment environment);

  ~ShardWorker();

  void Start();
  Mailbox& mailbox() { return mailbox_; }
  ShardStatus Status() const;

  // Refuses new items; the worker ends when the mailbox is empty.
  void Close() { mailbox_.Close(); }
  // What is still queued is answered with kDraining instead of being run.
  void Abandon() { abandoned_.store(true, std::memory_order_relaxed); }
  void Join() { thread_.reset(); }

 private:
  void Loop();
  void RunTurns(std::vector<std::vector<ShardRequest>>& items);
  void CommitTurn(ShardTurn& turn);
  void Perform(ShardEffect& effect);
  void Refuse(const ShardRequest& request);
  void PublishStats();

  const Route route_;
  const Environment environment_;
  Mailbox mailbox_;
  const std::shared_ptr<ThreadRecord> record_;

  // Below: the worker's thread only.
  ShardCore core_;
  absl::Time wake_at_ = absl::InfinitePast();
  bool failed_ = false;

  // Below: written by the worker, read by anybody.
  std::atomic<uint64_t> account_count_{0};
  std::atomic<uint64_t> entry_count_{0};
  std::atomic<uint64_t> byte_count_{0};
  std::atomic<uint64_t> requests_{0};
  std::atomic<uint64_t> batches_{0};
  std::atomic<bool> abandoned_{false};

  std::unique_ptr<ServiceThread> thread_;
};

}  // namespace shardd
