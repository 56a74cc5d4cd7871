#include "tests/sim/runtime.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/account/namespace_record.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/shard_state_operations/shard_reader.h"

namespace shardd::sim {
namespace {

// About half of what a batch says, the later keys.
storage::WriteSet SecondHalf(const storage::WriteSet& batch) {
  storage::WriteSet half;
  size_t skip = batch.count() / 2;
  for (const auto& [family, changes] : batch.families()) {
    for (const auto& [key, value] : changes) {
      if (skip > 0) {
        --skip;
      } else if (value.has_value()) {
        half.Put(family, key, *value);
      } else {
        half.Delete(family, key);
      }
    }
  }
  return half;
}

}  // namespace

SimRuntime::SimRuntime(const Scenario& scenario, Bug bug, const FakeClock& clock, Random& random,
                       Oracle& oracle, Verdict& verdict, Trace& trace)
    : scenario_(scenario),
      bug_(bug),
      clock_(clock),
      random_(random),
      oracle_(oracle),
      verdict_(verdict),
      trace_(trace),
      store_(std::make_unique<storage::MemoryStore>()) {
  // The table of an earlier run: a new one would have shards of equal width.
  storage::WriteSet table;
  table.Put(storage::kMeta, "table", scenario.table.Encode());
  SHARDD_CHECK(store_->Commit(table).ok());
}

void SimRuntime::Start() {
  absl::StatusOr<CoordinatorCore> core = CoordinatorCore::Load(*store_, /*shard_count=*/1);
  if (!core.ok()) return verdict_.Fail(std::string(core.status().message()));
  oracle_.namespaces().Recovered(*core);
  workers_.clear();
  for (const Route& route : core->table().routes()) {
    SHARDD_CHECK(store_->CreateHome(route.home).ok());
    std::string bytes;
    ShardStats stats;
    if (*store_->Get(storage::kMeta, ShardStatsKey(route.shard), &bytes)) {
      stats = *ShardStats::Decode(bytes);
    }
    Worker& worker = workers_.emplace_back();
    worker.route = route;
    worker.core.emplace(route, core->table().epoch(), stats, scenario_.core);
    worker.mailbox = std::make_unique<BoundedQueue<Item>>(scenario_.mailbox);
  }
  coordinator_ = Coordinator{};
  coordinator_.queue = std::make_unique<BoundedQueue<CoordinatorItem>>(scenario_.coordinator_queue);
  coordinator_.core = *std::move(core);
  draining_ = failed_ = false;
  CoordinatorTurn& turn = coordinator_.turn;
  turn.now = clock_.Now();
  coordinator_.core->Start(turn);
  coordinator_.core->FinishTurn(turn);
  oracle_.namespaces().TurnRan({}, {}, turn, *coordinator_.core);
  oracle_.namespaces().TurnWroteNothing();
  const bool cancels = !turn.batch.empty();  // an operation that had been asked to stop
  if (cancels && !store_->Commit(turn.batch).ok()) return verdict_.Fail("the first commit failed");
  PerformCoordinatorTurn();
  namespaces_at_start_ = namespaces_;
}

void SimRuntime::Die() {
  old_snapshot_.reset();
  const size_t survive = random_.Below(store_->unsynced_batches() + 1);
  trace_.Add("dies; ", survive, " of ", store_->unsynced_batches(), " unsynced batches survive");
  store_->Crash(survive);
  if (bug_ == Bug::kTornBatch && survive < unsynced_.size()) {
    SHARDD_CHECK(store_->Commit(SecondHalf(unsynced_[survive])).ok());
  }
  unsynced_.clear();
  if (before_lie_ != nullptr) store_ = std::move(before_lie_);
  workers_.clear();
  coordinator_ = Coordinator{};
  namespaces_.clear();
}

void SimRuntime::Drain() {
  draining_ = true;
  while (verdict_.ok() && !failed_ && Advance()) {
  }
}

absl::Status SimRuntime::WhyRefused(const ShardRequest& request, const AccountRef& account) const {
  if (draining_) return Error(Reason::kDraining, "the daemon is stopping");
  if (clock_.Now() > request.deadline) {
    return Error(Reason::kDeadlineExpired, "the deadline passed before the request was queued");
  }
  if (std::holds_alternative<UnwatchRequest>(request.body)) return absl::OkStatus();
  const NamespaceTable& in_force =
      bug_ == Bug::kAdmitWhileDeleting ? namespaces_at_start_ : namespaces_;
  SHARDD_RETURN_IF_ERROR(CheckNamespace(in_force, account.name_space));
  const RouteTable& table = scenario_.table;
  if (request.epoch != 0 && request.epoch != table.epoch().value) {
    return StaleEpoch(request.epoch, table.epoch(), table.Find(account.routing_key()));
  }
  return absl::OkStatus();
}

std::vector<SimRuntime::Admitted> SimRuntime::Admit(std::vector<ShardRequest> requests) {
  std::vector<Admitted> by_worker(workers_.size());
  for (ShardRequest& request : requests) {
    const AccountRef& account = *AccountOf(request.body);
    if (absl::Status why = WhyRefused(request, account); !why.ok()) {
      oracle_.Refused(request.call, clock_.Now(), why);
      continue;
    }
    const size_t index = scenario_.table.IndexOf(account.routing_key());
    by_worker[index].worker = index;
    by_worker[index].requests.push_back(std::move(request));
  }
  std::erase_if(by_worker, [](const Admitted& admitted) { return admitted.requests.empty(); });
  return by_worker;
}

void SimRuntime::Push(Admitted admitted) {
  Worker& worker = workers_[admitted.worker];
  size_t items = 0;
  size_t bytes = 0;
  for (const ShardRequest& request : admitted.requests) {
    const size_t weight = MailboxWeight(request.body);
    if (weight == 0 || bug_ == Bug::kMailboxWithoutBounds) continue;
    ++items;
    bytes += weight;
  }
  const std::vector<ShardRequest> copy = admitted.requests;
  using PushResult = BoundedQueue<Item>::PushResult;
  if (worker.mailbox->Push(std::move(admitted.requests), items, bytes) == PushResult::kAccepted) {
    ++worker.items_queued;
    oracle_.Pushed(worker.route.shard, copy);
    return;
  }
  const absl::Status full = Error(Reason::kMailboxFull, "the mailbox of the shard is full");
  for (const ShardRequest& request : copy) oracle_.Refused(request.call, clock_.Now(), full);
}

void SimRuntime::PushToCoordinator(CoordinatorRequest request) {
  if (draining_) return;
  using PushResult = BoundedQueue<CoordinatorItem>::PushResult;
  const auto pushed = coordinator_.queue->Push(CoordinatorItem(std::move(request)), 1, 100);
  if (pushed != PushResult::kAccepted) return;
  ++coordinator_.items_queued;
  if (coordinator_.items_queued > scenario_.coordinator_queue.items_max + workers_.size() * 64) {
    verdict_.Fail("the coordinator's queue grows without bounds");
  }
}

const storage::Reader& SimRuntime::ReadView() const {
  return old_snapshot_ != nullptr ? *old_snapshot_ : *store_;
}

void SimRuntime::ReadNow(const GetRequest& request) {
  if (!CheckNamespace(namespaces_, request.account.name_space).ok()) return;
  const storage::Family home = scenario_.table.Find(request.account.routing_key()).home;
  if (old_snapshot_ != nullptr) {
    oracle_.ReadNow(request, ShardReader(*old_snapshot_, home).Get(request));
  } else {
    oracle_.ReadNow(request, GetFromStore(*store_, home, request));
  }
  if (bug_ == Bug::kReadFromOldSnapshot && random_.OneIn(4)) {
    old_snapshot_.reset();
    old_snapshot_ = store_->Snapshot();
  }
}

void SimRuntime::ReadNow(const ScanRequest& request) {
  if (!CheckNamespace(namespaces_, request.account.name_space).ok()) return;
  const storage::Family home = scenario_.table.Find(request.account.routing_key()).home;
  oracle_.ReadNow(request, ShardReader(ReadView(), home).Scan(request));
}

void SimRuntime::ReadNow(const AccountRef& account) {
  if (!CheckNamespace(namespaces_, account.name_space).ok()) return;
  const storage::Family home = scenario_.table.Find(account.routing_key()).home;
  oracle_.ReadNow(account, GetAccountFrom(ReadView(), home, account));
}

bool SimRuntime::HasWork(const Worker& worker) const {
  return worker.phase != Phase::kIdle || worker.items_queued > 0 || !worker.taken.empty() ||
         clock_.Now() >= worker.wake_at;
}

bool SimRuntime::HasWork(const Coordinator& coordinator) const {
  return coordinator.phase != Phase::kIdle || coordinator.items_queued > 0 ||
         clock_.Now() >= coordinator.wake_at;
}

bool SimRuntime::Advance() {
  std::vector<Worker*> ready;
  for (Worker& worker : workers_) {
    if (HasWork(worker)) ready.push_back(&worker);
  }
  const bool coordinator_ready = HasWork(coordinator_);
  if (ready.empty() && !coordinator_ready) return false;
  const size_t choice = random_.Below(ready.size() + (coordinator_ready ? 1 : 0));
  if (choice < ready.size()) {
    Advance(*ready[choice]);
  } else {
    AdvanceCoordinator();
  }
  return true;
}

absl::Time SimRuntime::NextWake() const {
  absl::Time wake_at = coordinator_.wake_at;
  for (const Worker& worker : workers_) wake_at = std::min(wake_at, worker.wake_at);
  return wake_at;
}

void SimRuntime::FailNextSync() {
  trace_.Add("the next sync fails");
  store_->FailNextCommit(Error(Reason::kStorageFailed, "the disk failed"));
}

void SimRuntime::Advance(Worker& worker) {
  switch (worker.phase) {
    case Phase::kIdle:
      return RunTurn(worker);
    case Phase::kWriting:
      return WriteTurn(worker);
    case Phase::kSyncing:
      return SyncTurn(worker);
    case Phase::kReplying:
      Perform(worker);
      worker.phase = Phase::kIdle;
      return;
  }
}

void SimRuntime::Take(Worker& worker) {
  std::vector<Item> items;
  worker.mailbox->PopAll(items, absl::InfinitePast(), clock_);
  worker.items_queued = 0;
  for (Item& item : items) {
    const bool purge = AccountOf(item[0].body) == nullptr;
    const bool twice = bug_ == Bug::kRunItemTwice && !purge && random_.OneIn(8);
    if (twice) worker.taken.push_back(item);
    worker.taken.push_back(std::move(item));
  }
}

std::vector<TurnItem> SimRuntime::StepItems(Worker& worker) {
  std::vector<TurnItem> ran;
  while (!worker.taken.empty() && worker.turn.batch.bytes() < scenario_.batch_bytes_max) {
    for (ShardRequest& request : worker.taken.front()) {
      if (const auto* purge = std::get_if<PurgeNamespace>(&request.body)) {
        ran.emplace_back(*purge);
      } else if (const auto* reopen = std::get_if<ReopenNamespace>(&request.body)) {
        ran.emplace_back(*reopen);
      } else {
        ran.emplace_back(request.call);
      }
      if (bug_ == Bug::kRunPastDeadline) request.deadline = absl::InfiniteFuture();
      worker.core->Step(std::move(request), worker.turn);
    }
    worker.taken.pop_front();
  }
  return ran;
}

void SimRuntime::RunTurn(Worker& worker) {
  if (worker.taken.empty()) Take(worker);
  worker.turn = ShardTurn{};
  worker.turn.now = clock_.Now();
  worker.turn.committed = store_.get();
  const std::vector<TurnItem> ran = StepItems(worker);
  worker.core->FinishTurn(worker.turn);
  worker.wake_at = worker.turn.wake_at;
  oracle_.TurnRan(worker.route.shard, worker.turn.now, ran, worker.turn);
  if (!verdict_.ok()) return;
  if (worker.turn.batch.empty()) {
    oracle_.TurnWroteNothing(worker.route.shard);
    worker.phase = Phase::kReplying;
    return;
  }
  worker.phase = Phase::kWriting;
  if (bug_ == Bug::kEffectsBeforeWrite) Perform(worker);
}

void SimRuntime::WriteBatch(const storage::WriteSet& batch) {
  // A failure shows at the sync.
  static_cast<void>(store_->CommitUnsynced(WrittenUnder(bug_, batch)));
  if (bug_ == Bug::kTornBatch) unsynced_.push_back(batch);
}

bool SimRuntime::SyncBatches() {
  if (bug_ == Bug::kSyncLies && before_lie_ == nullptr && random_.OneIn(6)) {
    before_lie_ = store_->CloneDurable(0);
  }
  if (!store_->Sync().ok()) return false;
  unsynced_.clear();
  oracle_.Synced(*store_);
  return true;
}

void SimRuntime::WriteTurn(Worker& worker) {
  trace_.Add("shard ", worker.route.shard.value, " writes ", worker.turn.batch.count());
  WriteBatch(worker.turn.batch);
  oracle_.TurnWritten(worker.route.shard);
  worker.phase = Phase::kSyncing;
  if (bug_ == Bug::kAckBeforeSync) Perform(worker);
}

void SimRuntime::SyncTurn(Worker& worker) {
  trace_.Add("shard ", worker.route.shard.value, " syncs");
  if (SyncBatches()) {
    worker.phase = Phase::kReplying;
    return;
  }
  RefuseTurn(worker);
  if (bug_ == Bug::kKeepCoreAfterFailedCommit) {
    old_snapshot_.reset();
    store_->Crash(0);
    oracle_.SettleFlight(worker.route.shard, *store_);
    worker.phase = Phase::kIdle;
    return;
  }
  failed_ = true;
}

// Nothing of a failed turn may leave but that it failed: also reads may have seen it.
void SimRuntime::RefuseTurn(Worker& worker) {
  for (ShardEffect& effect : worker.turn.effects) {
    auto* reply = std::get_if<Reply>(&effect);
    if (reply == nullptr) continue;
    reply->answer = Error(Reason::kStorageFailed, "storage failed");
    oracle_.Delivered(*reply);
  }
  worker.turn = ShardTurn{};
}

void SimRuntime::Perform(Worker& worker) {
  std::vector<ShardEffect> effects = std::exchange(worker.turn.effects, {});
  if (bug_ == Bug::kReplyToWrongCall && effects.size() > 1 && random_.OneIn(2)) {
    auto* first = std::get_if<Reply>(&effects[0]);
    auto* second = std::get_if<Reply>(&effects[1]);
    if (first != nullptr && second != nullptr) std::swap(first->call, second->call);
  }
  for (ShardEffect& effect : effects) {
    if (const auto* reply = std::get_if<Reply>(&effect)) {
      oracle_.Delivered(*reply);
    } else if (const auto* event = std::get_if<WatchEvent>(&effect)) {
      PerformEvent(*event);
    } else if (bug_ != Bug::kLosePurgeResult) {
      auto& result = std::get<PurgeResult>(effect);
      static_cast<void>(coordinator_.queue->Push(CoordinatorItem(std::move(result)), 0, 0));
      ++coordinator_.items_queued;
    }
  }
  if (!effects.empty() || worker.phase == Phase::kReplying) {
    oracle_.TurnEnded(worker.route.shard);
  }
}

void SimRuntime::PerformEvent(const WatchEvent& event) {
  const bool bites = !event.changes.empty() && random_.OneIn(4);
  if (bug_ == Bug::kLoseWatchEvent && bites) return;
  oracle_.Delivered(event);
  if (bug_ == Bug::kRepeatWatchEvent && bites) oracle_.Delivered(event);
}

void SimRuntime::AdvanceCoordinator() {
  switch (coordinator_.phase) {
    case Phase::kIdle:
      return RunCoordinatorTurn();
    case Phase::kWriting:
      WriteBatch(coordinator_.turn.batch);
      oracle_.namespaces().TurnWritten();
      coordinator_.phase = Phase::kSyncing;
      if (bug_ == Bug::kAckBeforeSync) PerformCoordinatorTurn();
      return;
    case Phase::kSyncing:
      if (SyncBatches()) {
        coordinator_.phase = Phase::kReplying;
      } else {
        failed_ = true;
      }
      return;
    case Phase::kReplying:
      PerformCoordinatorTurn();
      coordinator_.phase = Phase::kIdle;
      return;
  }
}

void SimRuntime::RunCoordinatorTurn() {
  std::vector<CoordinatorItem> items;
  coordinator_.queue->PopAll(items, absl::InfinitePast(), clock_);
  coordinator_.items_queued = 0;
  coordinator_.turn = CoordinatorTurn{};
  coordinator_.turn.now = clock_.Now();
  std::vector<CoordinatorRequest> requests;
  std::vector<PurgeResult> results;
  for (CoordinatorItem& item : items) {
    if (const auto* request = std::get_if<CoordinatorRequest>(&item)) requests.push_back(*request);
    if (const auto* result = std::get_if<PurgeResult>(&item)) results.push_back(*result);
    std::visit([&](auto&& event) { coordinator_.core->Step(std::move(event), coordinator_.turn); },
               std::move(item));
  }
  coordinator_.core->FinishTurn(coordinator_.turn);
  coordinator_.wake_at = coordinator_.turn.wake_at;
  oracle_.namespaces().TurnRan(requests, results, coordinator_.turn, *coordinator_.core);
  if (coordinator_.turn.batch.empty()) {
    oracle_.namespaces().TurnWroteNothing();
    coordinator_.phase = Phase::kReplying;
    return;
  }
  coordinator_.phase = Phase::kWriting;
  if (bug_ == Bug::kEffectsBeforeWrite) PerformCoordinatorTurn();
}

void SimRuntime::PerformCoordinatorTurn() {
  std::vector<CoordinatorEffect> effects = std::exchange(coordinator_.turn.effects, {});
  for (CoordinatorEffect& effect : effects) {
    if (const auto* reply = std::get_if<CoordinatorReply>(&effect)) {
      oracle_.namespaces().Delivered(*reply);
    } else if (const auto* tables = std::get_if<PublishTables>(&effect)) {
      if (tables->namespaces != nullptr) namespaces_ = *tables->namespaces;
      oracle_.namespaces().Published(*tables);
    } else {
      SendToWorker(std::move(std::get<struct SendToShard>(effect)));
    }
  }
  oracle_.namespaces().TurnEnded();
}

void SimRuntime::SendToWorker(struct SendToShard message) {
  for (Worker& worker : workers_) {
    if (worker.route.shard != message.shard) continue;
    auto* purge = std::get_if<PurgeNamespace>(&message.body);
    std::optional<ReopenNamespace> reopen;
    if (purge != nullptr) {
      purge->accounts_max = scenario_.purge_accounts_max;
      if (bug_ == Bug::kReopenEarly) reopen = ReopenNamespace{purge->name_space};
    }
    Item item(1);
    item[0].body = std::move(message.body);
    static_cast<void>(worker.mailbox->Push(std::move(item), 0, 0));
    ++worker.items_queued;
    if (!reopen.has_value()) continue;
    Item early(1);
    early[0].body = *reopen;
    static_cast<void>(worker.mailbox->Push(std::move(early), 0, 0));
    ++worker.items_queued;
  }
}

}  // namespace shardd::sim
