#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "server/base/mutex.h"
#include "server/runtime/background_jobs.h"
#include "server/runtime/coordinator_loop.h"
#include "server/runtime/mailbox_waits.h"
#include "server/runtime/published.h"
#include "server/runtime/ready_board.h"
#include "server/runtime/runtime.h"
#include "server/runtime/service_thread.h"
#include "server/runtime/shard_mailbox.h"
#include "server/runtime/shard_worker.h"

namespace shardd {

// The runtime of one daemon: all shards in this process.
class LocalRuntime final : public Runtime {
 public:
  LocalRuntime(storage::Store& store, const Clock& clock, ThreadRegistry& threads, ReplySink& sink,
               Options options);
  ~LocalRuntime() override;

  absl::Status Start();

  void Submit(std::vector<ShardRequest> requests) override;
  absl::Status Submit(ShardRequest request) override;
  absl::Status SubmitToShard(ShardId shard, ShardRequest request) override;
  absl::Status SubmitToCoordinator(CoordinatorRequest request) override;
  absl::StatusOr<GetResult> Get(const GetRequest& request, uint64_t epoch) override;
  absl::StatusOr<ScanResult> Scan(const ScanRequest& request, uint64_t epoch) override;
  absl::StatusOr<AccountResult> GetAccount(const GetAccountRequest& request) override;
  const storage::Store& store() const override { return store_; }
  StoreView View() const override;
  std::shared_ptr<const TableHistory> tables() const override;
  std::shared_ptr<const NamespaceTable> namespaces() const override;
  std::shared_ptr<const OperationTable> operations() const override;
  std::shared_ptr<const ShardNotes> notes() const override;
  std::shared_ptr<const Lineage> lineage() const override;
  std::optional<ShardStatus> Shard(ShardId shard) const override;
  std::vector<ShardStatus> Shards() const override;
  Balancer& balancer() const override { return *balancer_; }
  ReadyBoard& ready_board() override { return ready_board_; }
  MailboxWaits mailbox_waits() const override;
  uint64_t stale_routes_total() const override {
    return stale_routes_.load(std::memory_order_relaxed);
  }
  bool disk_full() const override { return disk_full_.load(std::memory_order_relaxed); }
  absl::StatusOr<storage::SpaceUsage> space() const override { return *space_.Read(); }
  absl::Status storage_health() const override { return store_.Health(); }
  absl::Status Drain(absl::Time deadline) override;

 private:
  // Everything a request needs to find its worker, as of one moment. Immutable.
  struct Directory {
    std::shared_ptr<const TableHistory> tables;
    std::shared_ptr<const NamespaceTable> namespaces;
    std::shared_ptr<const OperationTable> operations;
    std::shared_ptr<const ShardNotes> notes;
    std::shared_ptr<const Lineage> lineage;
    std::vector<std::shared_ptr<ShardMailbox>> mailboxes;  // mailboxes[i] is that of route i

    const RouteTable& table() const { return *tables->current(); }
  };

  absl::Status PrepareHomes(const CoordinatorCore& core);
  absl::StatusOr<ShardCore> LoadShard(const RouteTable& table, const Route& route) const;
  ShardWorker& AddWorker(ShardCore core, TableEpoch since);
  ShardWorker::Environment WorkerEnvironment();
  CoordinatorLoop::Environment CoordinatorEnvironment();
  Balancer::Environment BalancerEnvironment();
  BalancingView ViewForBalancer() const;
  void Publish(const PublishTables& tables);
  // nullptr if there is none.
  ShardWorker* FindWorker(ShardId shard) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(workers_mutex_);
  std::shared_ptr<ShardMailbox> MailboxOf(ShardId shard) const;

  // For the workers and the coordinator, on their threads.
  void StartShard(ShardWorker& parent, struct StartShard start);
  void EndShard(ShardWorker& survivor, struct EndShard end);
  void ForgetShard(ShardId shard);
  void PassOn(std::vector<ShardRequest> requests);
  void Survey(const SurveyOrder& order);
  void Compact(const struct CompactRange& order);
  void Fail(absl::Status status);
  void WatchSpace();
  void LookAtSpace();
  // Called by each worker at its end.
  void WorkerFinished();

  // The row for an account, or why a request for it is refused.
  absl::StatusOr<size_t> RouteOf(const Directory& directory, const AccountRef& account,
                                 uint64_t epoch) const;
  absl::StatusOr<size_t> Admit(const Directory& directory, const ShardRequest& request);
  // Of what RouteOf has refused, and is not asked again.
  void CountIfStale(const absl::Status& refused);
  absl::Status WhyRefused(ShardMailbox::PushResult why) const;
  // Reads by the table in force, and once more if it is another one by then: the home that it named
  // may be cleared.
  template <typename Read>
  auto ReadStable(Read read) const;
  // After a read that did without the worker of the route.
  static void Measure(const Directory& directory, size_t index, const AccountRef& account,
                      uint64_t bytes);

  storage::Store& store_;
  const Clock& clock_;
  ThreadRegistry& threads_;
  ReplySink& sink_;
  const Options options_;

  // A lock: workers come and go with changes of the table, and only operators look for one by name.
  mutable Mutex workers_mutex_;
  std::map<ShardId, std::unique_ptr<ShardWorker>> workers_ ABSL_GUARDED_BY(workers_mutex_);
  MailboxWaits ended_waits_ ABSL_GUARDED_BY(workers_mutex_);  // of workers that are gone
  ShardMailboxes mailboxes_;
  std::unique_ptr<CoordinatorLoop> coordinator_;
  std::unique_ptr<BackgroundJobs> surveys_;
  std::unique_ptr<BackgroundJobs> compactions_;
  Published<Directory> directory_;
  uint64_t first_lease_ = 0;
  ReadyBoard ready_board_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> failed_{false};
  std::atomic<bool> disk_full_{false};
  std::atomic<uint64_t> stale_routes_{0};
  Published<absl::StatusOr<storage::SpaceUsage>> space_;

  // How threads hear that the runtime stops, and Drain that workers have ended. A lock, since the
  // thread that drains has no queue to get a message by.
  Mutex stop_mutex_;
  CondVar stop_changed_;
  CondVar worker_finished_;
  bool stop_ ABSL_GUARDED_BY(stop_mutex_) = false;
  size_t workers_running_ ABSL_GUARDED_BY(stop_mutex_) = 0;
  std::unique_ptr<ServiceThread> space_watcher_;
  std::unique_ptr<Balancer> balancer_;
};

}  // namespace shardd
