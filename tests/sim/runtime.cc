#include "tests/sim/runtime.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/cross_thread_messaging/lease_tokens.h"
#include "server/account/namespace_record.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/runtime/survey.h"
#include "server/shard_state_operations/shard_reader.h"

namespace shardd::sim {
namespace {

// About half of what a batch says, the later keys.
storage::WriteSet SecondHalf(const storage::WriteSet& batch) {
  storage::WriteSet half;
  size_t skip = batch.count() / 2;
  batch.ForEach(
      [&](storage::Family family, const std::string& key, const std::optional<std::string>& value) {
        if (skip > 0) {
          --skip;
        } else {
          half.Set(family, key, value);
        }
      });
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
  const std::vector<storage::Family> known = core->Homes();
  for (const storage::Family home : store_->Homes()) {
    if (std::find(known.begin(), known.end(), home) == known.end()) {
      return verdict_.Fail(absl::StrCat("home ", home.number, " belongs to nobody"));
    }
  }
  workers_.clear();
  mailboxes_ = std::make_unique<ShardMailboxes>();
  first_lease_ = *FirstLeaseOfRun(*store_);
  for (const Route& route : core->table().routes()) LoadWorker(route, core->table().epoch());
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

void SimRuntime::LoadWorker(const Route& route, TableEpoch epoch) {
  const std::vector<storage::Family> homes = store_->Homes();
  const bool there = std::find(homes.begin(), homes.end(), route.home) != homes.end();
  if (!there && epoch != TableEpoch{1}) return verdict_.Fail("the home of a shard is missing");
  SHARDD_CHECK(store_->CreateHome(route.home).ok());
  std::string bytes;
  ShardStats stats;
  if (*store_->Get(storage::kMeta, ShardStatsKey(route.shard), &bytes)) {
    stats = *ShardStats::Decode(bytes);
  }
  ShardCore::Options options = scenario_.core;
  options.first_lease = bug_ == Bug::kRepeatTokens ? 0 : first_lease_;
  ShardCore core(route, epoch, stats, options);
  if (*store_->Get(storage::kMeta, RehomeKey(route.shard), &bytes)) {
    core.TakeUp(*RehomeRecord::Decode(bytes));
    trace_.Meet("a rehome taken up again");
  }
  if (!core.LoadMessages(*store_).ok()) return verdict_.Fail("messages cannot be read");
  Worker& worker = AddWorker(std::move(core), epoch);
  mailboxes_->Add(route.range, worker.mailbox);
}

SimRuntime::Worker& SimRuntime::AddWorker(ShardCore core, TableEpoch since) {
  QueueLimits bounds = scenario_.mailbox;
  if (bug_ == Bug::kMailboxWithoutBounds) bounds = {1'000'000, 1'000'000'000};
  Worker& worker = workers_[core.shard()];
  worker.core.emplace(std::move(core));
  worker.mailbox = std::make_shared<ShardMailbox>(bounds, since, clock_);
  worker.depth_max = scenario_.mailbox.items_max;
  return worker;
}

void SimRuntime::Die() {
  old_snapshot_.reset();
  surveys_.clear();
  const size_t survive = random_.Below(store_->unsynced_batches() + 1);
  trace_.Add("dies; ", survive, " of ", store_->unsynced_batches(), " unsynced batches survive");
  store_->Crash(survive);
  if (bug_ == Bug::kTornBatch && survive < unsynced_.size()) {
    SHARDD_CHECK(store_->Commit(SecondHalf(unsynced_[survive])).ok());
  }
  unsynced_.clear();
  if (before_lie_ != nullptr) store_ = std::move(before_lie_);
  workers_.clear();
  directory_.clear();
  coordinator_ = Coordinator{};
  namespaces_.clear();
}

void SimRuntime::Drain() {
  draining_ = true;
  coordinator_.core->StopChanges();
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
  if (request.epoch != 0 && request.epoch != table_->epoch().value) {
    return StaleEpoch(request.epoch, table_->epoch(), table_->Find(account.routing_key()));
  }
  return absl::OkStatus();
}

std::vector<SimRuntime::Admitted> SimRuntime::Admit(std::vector<ShardRequest> requests) {
  std::map<ShardId, Admitted> by_shard;
  for (ShardRequest& request : requests) {
    const AccountRef& account = *AccountOf(request.body);
    if (absl::Status why = WhyRefused(request, account); !why.ok()) {
      oracle_.Refused(request.call, clock_.Now(), why);
      continue;
    }
    const ShardId shard = table_->Find(account.routing_key()).shard;
    Admitted& admitted = by_shard[shard];
    admitted.shard = shard;
    admitted.mailbox = directory_.at(shard);
    admitted.table = table_->epoch();
    admitted.requests.push_back(std::move(request));
  }
  std::vector<Admitted> all;
  for (auto& [shard, admitted] : by_shard) all.push_back(std::move(admitted));
  return all;
}

void SimRuntime::Push(Admitted admitted) {
  const std::vector<ShardRequest> all = admitted.requests;
  if (bug_ == Bug::kPushToOldOwner) admitted.table = TableEpoch{UINT64_MAX - 1};
  if (admitted.table < table_->epoch()) trace_.Meet("a push by an old table");
  const std::vector<ShardMailboxes::Refused> refused =
      mailboxes_->Push(*admitted.mailbox, std::move(admitted.requests), admitted.table);
  const absl::Status full = Error(Reason::kMailboxFull, "the mailbox of the shard is full");
  std::set<CallId> turned_away;
  for (const ShardMailboxes::Refused& part : refused) {
    for (const ShardRequest& request : part.requests) {
      turned_away.insert(request.call);
      oracle_.Refused(request.call, clock_.Now(), full);
    }
  }
  for (const ShardRequest& request : all) {
    if (!turned_away.contains(request.call)) oracle_.Pushed(request);
  }
  for (Worker* worker : Workers()) {
    if (worker->mailbox->depth() > worker->depth_max) {
      verdict_.Fail(absl::StrCat("a mailbox holds ", worker->mailbox->depth(),
                                 " requests; at most ", worker->depth_max, " may wait"));
    }
  }
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

// A thread that looks at the table again after it has read, and reads again if it is another one by
// then, reads as if both happened at once.
storage::Family SimRuntime::HomeToRead(const AccountRef& account) const {
  const RouteTable& table = old_table_ != nullptr ? *old_table_ : *table_;
  return table.Find(account.routing_key()).home;
}

void SimRuntime::ReadNow(const GetRequest& request) {
  if (!CheckNamespace(namespaces_, request.account.name_space).ok()) return;
  const storage::Family home = HomeToRead(request.account);
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
  const storage::Family home = HomeToRead(request.account);
  oracle_.ReadNow(request, ShardReader(ReadView(), home).Scan(request));
}

void SimRuntime::ReadNow(const AccountRef& account) {
  if (!CheckNamespace(namespaces_, account.name_space).ok()) return;
  const storage::Family home = HomeToRead(account);
  oracle_.ReadNow(account, GetAccountFrom(ReadView(), home, account));
}

std::vector<SimRuntime::Worker*> SimRuntime::Workers() {
  std::vector<Worker*> workers;
  for (auto& [shard, worker] : workers_) workers.push_back(&worker);
  return workers;
}

bool SimRuntime::TakesItems(const Worker& worker) const {
  if (bug_ == Bug::kRunWhileRetired) return true;
  return worker.core->TakesRequests(clock_.Now()) || (draining_ && !worker.core->retired());
}

bool SimRuntime::HasWork(const Worker& worker) const {
  return worker.phase != Phase::kIdle || worker.mailbox->Waits(TakesItems(worker)) ||
         !worker.commands.empty() || !worker.taken.empty() || clock_.Now() >= worker.wake_at;
}

bool SimRuntime::HasWork(const Coordinator& coordinator) const {
  return coordinator.phase != Phase::kIdle || coordinator.items_queued > 0 ||
         clock_.Now() >= coordinator.wake_at;
}

bool SimRuntime::Advance() {
  std::vector<Worker*> ready;
  for (Worker* worker : Workers()) {
    if (HasWork(*worker)) ready.push_back(worker);
  }
  const size_t workers = ready.size();
  const size_t coordinator = HasWork(coordinator_) ? 1 : 0;
  const size_t surveys = surveys_.empty() ? 0 : 1;
  if (workers + coordinator + surveys == 0) return false;
  const size_t choice = random_.Below(workers + coordinator + surveys);
  if (choice < workers) {
    Advance(*ready[choice]);
  } else if (choice < workers + coordinator) {
    AdvanceCoordinator();
  } else {
    AdvanceSurvey();
  }
  return true;
}

void SimRuntime::AdvanceSurvey() {
  const auto chosen = surveys_.begin() + static_cast<ptrdiff_t>(random_.Below(surveys_.size()));
  Survey survey = std::move(*chosen);
  surveys_.erase(chosen);
  if (bug_ == Bug::kSurveyTooLate) survey.view = store_->Snapshot();
  const auto goes_on = [&](const SurveyTotals& totals) {
    Tell(ShardReport(OperationAdvanced{survey.order.operation, totals.record_count}));
    return true;
  };
  Tell(*RunSurvey(*survey.view, survey.order, goes_on));
}

void SimRuntime::Tell(CoordinatorItem item) {
  static_cast<void>(coordinator_.queue->Push(std::move(item), 0, 0));
  ++coordinator_.items_queued;
}

bool SimRuntime::paused() const {
  return std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) {
    return worker.second.mailbox->Waits(/*take_items=*/true) || worker.second.core->moves();
  });
}

absl::Time SimRuntime::NextWake() const {
  absl::Time wake_at = coordinator_.wake_at;
  for (const auto& [shard, worker] : workers_) wake_at = std::min(wake_at, worker.wake_at);
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
  ShardMailbox::Mail mail;
  static_cast<void>(worker.mailbox->Pop(mail, TakesItems(worker), absl::InfinitePast()));
  for (ShardCommand& command : mail.commands) worker.commands.push_back(std::move(command));
  if (!mail.items.empty()) worker.depth_max = scenario_.mailbox.items_max;
  for (Item& item : mail.items) {
    const bool called = HasCaller(item[0].body);
    const bool twice = bug_ == Bug::kRunItemTwice && called && random_.OneIn(8);
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
      } else if (HasCaller(request.body)) {
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
  if (worker.taken.empty() && worker.commands.empty()) Take(worker);
  worker.turn = ShardTurn{};
  worker.turn.now = clock_.Now();
  worker.turn.committed = store_.get();
  const Route route = worker.core->route();
  const TableEpoch epoch = worker.core->epoch();
  std::vector<TurnItem> ran;
  if (!worker.commands.empty()) {
    ShardCommand command = std::move(worker.commands.front());
    worker.commands.pop_front();
    trace_.Add("shard ", route.shard.value, " runs command ", command.index());
    worker.core->Step(std::move(command), worker.turn);
  } else {
    ran = StepItems(worker);
    if (std::optional<Absorb> absorb = worker.mailbox->PopAbsorb()) {
      trace_.Meet("a range that is taken over in the middle of a turn");
      worker.core->Step(ShardCommand(*std::move(absorb)), worker.turn);
    }
  }
  worker.core->FinishTurn(worker.turn);
  worker.wake_at = worker.turn.wake_at;
  oracle_.TurnRan(route, epoch, worker.turn.now, ran, worker.turn);
  if (!verdict_.ok()) return;
  if (worker.turn.batch.empty()) {
    oracle_.TurnWroteNothing(worker.core->shard());
    worker.phase = Phase::kReplying;
    return;
  }
  worker.phase = Phase::kWriting;
  const bool splits = std::any_of(
      worker.turn.effects.begin(), worker.turn.effects.end(),
      [](const auto& effect) { return std::holds_alternative<struct StartShard>(effect); });
  if (bug_ == Bug::kPassOnBeforeWrite) PerformPassOns(worker);
  if (bug_ == Bug::kEffectsBeforeWrite || (bug_ == Bug::kHandOverBeforeCommit && splits)) {
    Perform(worker);
  }
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
  trace_.Add("shard ", worker.core->shard().value, " writes ", worker.turn.batch.count());
  WriteBatch(worker.turn.batch);
  oracle_.TurnWritten(worker.core->shard());
  worker.phase = Phase::kSyncing;
  if (bug_ == Bug::kAckBeforeSync) Perform(worker);
}

void SimRuntime::SyncTurn(Worker& worker) {
  trace_.Add("shard ", worker.core->shard().value, " syncs");
  if (SyncBatches()) {
    worker.phase = Phase::kReplying;
    return;
  }
  RefuseTurn(worker);
  if (bug_ == Bug::kKeepCoreAfterFailedCommit) {
    old_snapshot_.reset();
    store_->Crash(0);
    oracle_.SettleFlight(worker.core->shard(), *store_);
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
    } else if (auto* purged = std::get_if<PurgeResult>(&effect)) {
      if (bug_ != Bug::kLosePurgeResult) Tell(std::move(*purged));
    } else if (auto* pass_on = std::get_if<struct PassOn>(&effect)) {
      PassOn(std::move(pass_on->body));
    } else if (std::holds_alternative<MessagesReady>(effect)) {
      // Consumers here look at accounts without being told.
    } else {
      PerformChange(worker, effect);
    }
  }
  // What a shard still hears when it has retired is not about its range, which another one serves.
  if (worker.core->retired()) return;
  if (!effects.empty() || worker.phase == Phase::kReplying) {
    oracle_.TurnEnded(worker.core->shard());
  }
}

void SimRuntime::PerformPassOns(Worker& worker) {
  for (ShardEffect& effect : worker.turn.effects) {
    if (auto* pass_on = std::get_if<struct PassOn>(&effect)) PassOn(pass_on->body);
  }
  std::erase_if(worker.turn.effects, [](const ShardEffect& effect) {
    return std::holds_alternative<struct PassOn>(effect);
  });
}

void SimRuntime::PassOn(ShardRequestBody body) {
  auto* const delivery = std::get_if<DeliverMessage>(&body);
  auto* const settled = std::get_if<SettleDelivery>(&body);
  if (bug_ == Bug::kLoseDelivery && delivery != nullptr && random_.OneIn(8)) return;
  if (bug_ == Bug::kForgetOrder && delivery != nullptr) delivery->message.after = {};
  if (bug_ == Bug::kTakeRefusalForTaken && settled != nullptr) {
    settled->outcome = DeliveryOutcome::kTaken;
  }
  const Route& route = table_->routes()[table_->IndexOf(AccountOf(body)->routing_key())];
  ShardMailbox::Item item(1);
  item[0].body = std::move(body);
  for (const ShardMailboxes::Refused& refused :
       mailboxes_->Push(*directory_.at(route.shard), std::move(item), table_->epoch())) {
    if (refused.why != ShardMailbox::PushResult::kFull) continue;
    PassOn(Returned(std::get<DeliverMessage>(refused.requests.front().body)));
  }
}

void SimRuntime::PerformChange(Worker& worker, ShardEffect& effect) {
  if (const auto* order = std::get_if<SurveyOrder>(&effect)) {
    surveys_.push_back({*order, bug_ == Bug::kSurveyTooLate ? nullptr : store_->Snapshot()});
  } else if (const auto* cancel = std::get_if<CancelJob>(&effect)) {
    // Others may have ended, and what they told is under way.
    const auto cancelled = [&](const Survey& survey) {
      return survey.order.operation == cancel->operation;
    };
    if (std::erase_if(surveys_, cancelled) > 0) trace_.Meet("a survey that is cancelled");
  } else if (const auto* start = std::get_if<struct StartShard>(&effect)) {
    StartShard(worker, *start);
  } else if (const auto* end = std::get_if<struct EndShard>(&effect)) {
    EndShard(worker, *end);
  } else {
    Tell(std::move(std::get<ShardReport>(effect)));
  }
}

void SimRuntime::StartShard(Worker& parent, const struct StartShard& start) {
  trace_.Meet("a split");
  HandOver state = std::move(*start.state);
  if (!state.watches.empty()) trace_.Meet("a watch that is handed over");
  if (bug_ == Bug::kLoseHandOver) state.watches.clear();
  if (bug_ == Bug::kLoseClosedNamespaces) state.closed_namespaces.clear();
  if (state.outbox.count() > 0) trace_.Meet("an outbox that is handed over");
  if (state.mailboxes.lent() > 0) trace_.Meet("a lease that is handed over");
  if (bug_ == Bug::kLoseOutbox) state.outbox = Outbox(scenario_.core.outbox);
  if (bug_ == Bug::kLoseMailboxes) state.mailboxes = Mailboxes(limits::kMailboxesPerShardMax);
  Worker& child =
      AddWorker(ShardCore(start.route, start.epoch, std::move(state), scenario_.core), start.epoch);
  mailboxes_->Split(parent.mailbox, start.route.range, child.mailbox, start.epoch);
  if (child.mailbox->depth() > 0) trace_.Meet("a queue that is handed over");
  if (bug_ == Bug::kLoseQueue) {
    ShardMailbox::Mail lost;
    static_cast<void>(child.mailbox->Pop(lost, /*take_items=*/true, absl::InfinitePast()));
  }
  child.depth_max = std::max(child.depth_max, child.mailbox->depth());
}

void SimRuntime::EndShard(Worker& survivor, const struct EndShard& end) {
  trace_.Meet("a merge");
  Worker& ended = workers_.at(end.ended);
  mailboxes_->Merge(ended.mailbox, survivor.mailbox, end.epoch);
  survivor.depth_max = std::max(survivor.depth_max, survivor.mailbox->depth());
  ended.mailbox->Close();
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
      Publish(*tables);
    } else {
      PerformOnShards(effect);
    }
  }
  oracle_.namespaces().TurnEnded();
}

void SimRuntime::Publish(const PublishTables& tables) {
  if (tables.namespaces != nullptr) namespaces_ = *tables.namespaces;
  if (tables.routing != nullptr) {
    old_table_ = table_ == nullptr || bug_ != Bug::kReadByOldTable ? nullptr : table_;
    table_ = tables.routing->current();
    directory_.clear();
    for (const Route& route : table_->routes()) {
      directory_[route.shard] = workers_.at(route.shard).mailbox;
    }
    oracle_.TablePublished(*table_);
  }
  oracle_.namespaces().Published(tables);
}

void SimRuntime::PerformOnShards(CoordinatorEffect& effect) {
  if (auto* message = std::get_if<struct SendToShard>(&effect)) {
    SendToWorker(std::move(*message));
  } else if (const auto* to_range = std::get_if<SendToRange>(&effect)) {
    mailboxes_->PushMessage(to_range->range, to_range->body);
  } else if (auto* command = std::get_if<CommandShard>(&effect)) {
    const auto* const switches = std::get_if<SwitchHome>(&command->command);
    const bool published = std::holds_alternative<HomePublished>(command->command);
    std::optional<ShardCommand> early;
    if (bug_ == Bug::kPublishLate && switches != nullptr)
      early = HomePublished{switches->operation, true};
    if (bug_ == Bug::kPublishLate && published) return;
    ShardMailbox& mailbox = *workers_.at(command->shard).mailbox;
    mailbox.PushCommand(std::move(command->command));
    if (early.has_value()) mailbox.PushCommand(*std::move(early));
  } else if (const auto* create = std::get_if<CreateHome>(&effect)) {
    SHARDD_CHECK(store_->CreateHome(create->home).ok());
  } else if (const auto* drop = std::get_if<DropHome>(&effect)) {
    trace_.Meet("a home that is dropped");
    // With these mistakes a batch that still writes to the home may be under way, which the store
    // does not survive.
    const bool acts_early = bug_ == Bug::kAckBeforeSync || bug_ == Bug::kEffectsBeforeWrite;
    if (acts_early && store_->unsynced_batches() > 0) {
      return verdict_.Fail("a home is dropped before what led to it is stored");
    }
    SHARDD_CHECK(store_->DropHome(drop->home).ok());
    Tell(HomeDropped{drop->operation});
  } else if (const auto* compact = std::get_if<struct CompactRange>(&effect)) {
    Tell(RangeCompacted{compact->operation, absl::OkStatus()});
  } else if (std::holds_alternative<CancelJob>(effect)) {
    // Compactions have ended at once, and what they told is under way.
  } else {
    workers_.erase(std::get<ForgetShard>(effect).shard);
  }
}

void SimRuntime::SendToWorker(struct SendToShard message) {
  ShardMailbox& mailbox = *workers_.at(message.shard).mailbox;
  auto* purge = std::get_if<PurgeNamespace>(&message.body);
  std::optional<ReopenNamespace> reopen;
  if (purge != nullptr) {
    purge->accounts_max = scenario_.purge_accounts_max;
    if (bug_ == Bug::kReopenEarly) reopen = ReopenNamespace{purge->name_space};
  }
  mailbox.PushMessage(std::move(message.body));
  if (reopen.has_value()) mailbox.PushMessage(*reopen);
}

}  // namespace shardd::sim
