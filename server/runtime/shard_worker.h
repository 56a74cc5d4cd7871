#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "server/base/clock.h"
#include "server/core/event.h"
#include "server/core/shard_core.h"
#include "server/runtime/mailbox_waits.h"
#include "server/runtime/runtime.h"
#include "server/runtime/service_thread.h"
#include "server/runtime/shard_mailbox.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "storage/store.h"

namespace shardd {

// The thread that owns a shard: takes everything from its mailbox, steps the core, commits one
// batch, then lets the answers out. Nothing leaves before the batch that records it is durable.
// Commands of the coordinator are run between two turns, each in a turn of its own. An Absorb does
// not wait for the end of a turn: the turn ends with it, and one commit does for both.
//
// Thread safety: Status, mailbox_waits, Close and Abandon from any thread; the rest from whoever
// owns it. Lifetime: Start, then Close, then Join or destruction.
class ShardWorker {
 public:
  // All called on the worker's thread.
  struct Environment {
    storage::Store& store;
    const Clock& clock;
    ReplySink& sink;
    std::function<void(PurgeResult)> on_purge_result;
    // To the owners of their accounts, in order.
    std::function<void(std::vector<ShardRequest>)> pass_on;
    std::function<void(MessagesReady)> on_messages_ready;
    std::function<void(ShardReport)> on_report;
    std::function<void(SurveyOrder)> survey;  // takes its view of the store at once
    std::function<void(CancelJob)> cancel_survey;
    std::function<void(ShardWorker& parent, StartShard)> start_shard;
    std::function<void(ShardWorker& survivor, EndShard)> end_shard;
    std::function<void(uint64_t)> on_stale_routes;  // so many requests were refused
    std::function<void(absl::Status)> on_storage_failure;
    std::function<void()> on_finished;  // the worker does nothing after it
  };

  ShardWorker(ShardCore core, std::shared_ptr<ShardMailbox> mailbox, ThreadRegistry& threads,
              Environment environment);

  ~ShardWorker();

  // `parent`: the shard that was split to make this one.
  void Start(std::optional<ShardId> parent = std::nullopt);
  ShardId shard() const { return shard_; }
  const std::shared_ptr<ShardMailbox>& mailbox() const { return mailbox_; }
  // `route`: as the table says, which the worker may be ahead of.
  ShardStatus Status(const Route& route) const;
  MailboxWaits mailbox_waits() const { return waits_.Read(); }

  // Refuses new items; the worker ends when the mailbox is empty.
  void Close() { mailbox_->Close(); }
  // What is still queued is answered with kDraining instead of being run.
  void Abandon() { abandoned_.store(true, std::memory_order_relaxed); }
  void Join() { thread_.reset(); }

 private:
  void Loop();
  void Handle(ShardMailbox::Mail& mail);
  void RunTurns(std::vector<ShardMailbox::Item>& items);
  // What running `mail` since `begun` has cost, for the meter.
  void Measure(const ShardMailbox::Mail& mail, uint64_t requests, absl::Time begun);
  void RunCommand(ShardCommand command);
  // Runs an Absorb that waits, as the last of the turn. Returns whether one did.
  bool RunAbsorb(ShardTurn& turn);
  void CommitTurn(ShardTurn& turn);
  void Perform(ShardEffect& effect);
  void PerformChange(ShardEffect& effect);
  void Refuse(const ShardRequest& request);
  void PublishStats();

  const ShardId shard_;
  const Environment environment_;
  const std::shared_ptr<ShardMailbox> mailbox_;
  const std::shared_ptr<ThreadRecord> record_;

  // Below: the worker's thread only.
  ShardCore core_;
  absl::Time wake_at_ = absl::InfinitePast();
  bool failed_ = false;
  // Of the turns of the mail that is being run.
  absl::Duration committing_;
  uint64_t bytes_moved_ = 0;  // read and written
  std::vector<ShardRequest> passed_on_;  // of the effects that are being performed

  // Below: written by the worker, read by anybody.
  std::atomic<uint64_t> account_count_{0};
  std::atomic<uint64_t> entry_count_{0};
  std::atomic<uint64_t> byte_count_{0};
  // One value, since its parts belong together.
  mutable Mutex messages_mutex_;
  MessageStatus messages_ ABSL_GUARDED_BY(messages_mutex_);
  std::atomic<uint64_t> requests_{0};
  std::atomic<uint64_t> batches_{0};
  MailboxWaitCounter waits_;
  std::atomic<bool> abandoned_{false};

  std::unique_ptr<ServiceThread> thread_;
};

}  // namespace shardd
