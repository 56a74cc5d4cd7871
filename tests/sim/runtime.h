#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/base/bounded_queue.h"
#include "server/base/clock.h"
#include "server/base/random.h"
#include "server/core/coordinator_core.h"
#include "server/core/shard_core.h"
#include "server/runtime/shard_mailbox.h"
#include "storage/memory_store.h"
#include "tests/sim/bugs.h"
#include "tests/sim/oracle.h"
#include "tests/sim/scenario.h"

namespace shardd::sim {

class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return now_; }
  void Set(absl::Time now) { now_ = now; }
  void Advance(absl::Duration by) { now_ += by; }

 private:
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

// What server/runtime does, on one thread and in small steps: each worker and the coordinator goes
// through the phases of a turn one by one, and anything else may happen in between. The cores, the
// queues and the store are the real ones.
//
// A daemon's life: Start, steps, then Die (or Stop and Die), then Start again.
// Thread safety: none.
class SimRuntime {
 public:
  SimRuntime(const Scenario& scenario, Bug bug, const FakeClock& clock, Random& random,
             Oracle& oracle, Verdict& verdict, Trace& trace);

  void Start();
  // As if the machine lost power: of the batches written and not synced some prefix survives.
  void Die();
  // Refuses new requests and ends what is queued.
  void Drain();

  // The two halves of a submission; a thread may be held up between them. Admit answers what it
  // refuses and returns the rest, by worker.
  struct Admitted {
    ShardId shard;
    std::shared_ptr<ShardMailbox> mailbox;
    TableEpoch table;  // by which it was routed
    std::vector<ShardRequest> requests;
  };
  std::vector<Admitted> Admit(std::vector<ShardRequest> requests);
  void Push(Admitted admitted);
  void PushToCoordinator(CoordinatorRequest request);

  void ReadNow(const GetRequest& request);
  void ReadNow(const ScanRequest& request);
  void ReadNow(const AccountRef& account);

  // One phase of one turn, of a worker or the coordinator chosen at random. False if nobody has
  // anything to do.
  bool Advance();
  // The time at which somebody wants to be woken, if nothing comes before.
  absl::Time NextWake() const;

  // Whether requests wait for the end of a pause, or a rehome for that of a rest.
  bool paused() const;

  void FailNextSync();
  // A commit has failed: nothing more will be answered.
  bool failed() const { return failed_; }
  const storage::MemoryStore& store() const { return *store_; }
  const OperationTable& operations() const { return coordinator_.core->operations(); }
  // In force for the front end.
  const RouteTable& table() const { return *table_; }

 private:
  enum class Phase { kIdle, kWriting, kSyncing, kReplying };
  using Item = ShardMailbox::Item;
  using CoordinatorItem = std::variant<CoordinatorRequest, PurgeResult, ShardReport, SurveyDone,
                                       HomeDropped, RangeCompacted>;

  struct Worker {
    std::shared_ptr<ShardMailbox> mailbox;
    std::optional<ShardCore> core;
    absl::Time wake_at = absl::InfinitePast();
    Phase phase = Phase::kIdle;
    std::deque<ShardCommand> commands;  // taken and not yet run
    std::deque<Item> taken;             // likewise
    ShardTurn turn;
    size_t depth_max = 0;  // what may wait: more than the bound only by a hand-over
  };
  // A range that is being read.
  struct Survey {
    SurveyOrder order;
    std::unique_ptr<storage::Reader> view;
  };
  struct Coordinator {
    std::unique_ptr<BoundedQueue<CoordinatorItem>> queue;
    std::optional<CoordinatorCore> core;
    size_t items_queued = 0;
    absl::Time wake_at = absl::InfiniteFuture();
    Phase phase = Phase::kIdle;
    CoordinatorTurn turn;
  };

  std::vector<Worker*> Workers();
  bool TakesItems(const Worker& worker) const;
  bool HasWork(const Worker& worker) const;
  bool HasWork(const Coordinator& coordinator) const;
  absl::Status WhyRefused(const ShardRequest& request, const AccountRef& account) const;

  void Advance(Worker& worker);
  void RunTurn(Worker& worker);
  void Take(Worker& worker);
  std::vector<TurnItem> StepItems(Worker& worker);
  void WriteTurn(Worker& worker);
  void SyncTurn(Worker& worker);
  void Perform(Worker& worker);
  void PerformEvent(const WatchEvent& event);
  void PerformChange(Worker& worker, ShardEffect& effect);
  void StartShard(Worker& parent, const struct StartShard& start);
  void EndShard(Worker& survivor, const struct EndShard& end);
  void RefuseTurn(Worker& worker);
  Worker& AddWorker(ShardCore core, TableEpoch since);
  void LoadWorker(const Route& route, TableEpoch epoch);

  void AdvanceCoordinator();
  void RunCoordinatorTurn();
  void PerformCoordinatorTurn();
  void PerformOnShards(CoordinatorEffect& effect);
  void Publish(const PublishTables& tables);
  void SendToWorker(struct SendToShard message);
  void Tell(CoordinatorItem item);
  void PassOn(ShardRequestBody body);
  // Lets out what a turn passes on, and nothing else.
  void PerformPassOns(Worker& worker);
  void AdvanceSurvey();

  void WriteBatch(const storage::WriteSet& batch);
  bool SyncBatches();
  void ReplaceStore(std::unique_ptr<storage::MemoryStore> store) { store_ = std::move(store); }
  const storage::Reader& ReadView() const;
  storage::Family HomeToRead(const AccountRef& account) const;

  const Scenario& scenario_;
  const Bug bug_;
  const FakeClock& clock_;
  Random& random_;
  Oracle& oracle_;
  Verdict& verdict_;
  Trace& trace_;

  std::unique_ptr<storage::MemoryStore> store_;
  std::map<ShardId, Worker> workers_;
  std::unique_ptr<ShardMailboxes> mailboxes_;
  std::vector<Survey> surveys_;
  // In force for the front end.
  std::shared_ptr<const RouteTable> table_;
  std::map<ShardId, std::shared_ptr<ShardMailbox>> directory_;
  Coordinator coordinator_;
  NamespaceTable namespaces_;  // in force
  NamespaceTable namespaces_at_start_;
  uint64_t first_lease_ = 0;
  bool draining_ = false;
  bool failed_ = false;

  // For planted bugs only.
  std::unique_ptr<storage::MemoryStore> before_lie_;  // what a crash goes back to
  std::deque<storage::WriteSet> unsynced_;
  std::unique_ptr<storage::Reader> old_snapshot_;
  std::shared_ptr<const RouteTable> old_table_;
};

}  // namespace shardd::sim
