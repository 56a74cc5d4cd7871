#include "server/runtime/local_runtime.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/account/record_key.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/cross_thread_messaging/lease_tokens.h"
#include "server/runtime/survey.h"
#include "server/shard_state_operations/shard_reader.h"

namespace shardd {
namespace {

constexpr absl::Duration kSpaceCheckInterval = absl::Seconds(1);
constexpr absl::Duration kDiskFullRetryAfter = absl::Seconds(5);

// Whether a request makes the store grow. Deletions do too, by the outcome of one that names
// itself, but they are the way out of a full disk.
bool NeedsSpace(const ApplyRequest& apply) {
  if (apply.create_account || !apply.sends.empty()) return true;
  if (apply.mutations.empty()) return !apply.request_id.empty();
  return std::any_of(apply.mutations.begin(), apply.mutations.end(), [](const Mutation& m) {
    return !std::holds_alternative<Delete>(m) && !std::holds_alternative<DeletePrefix>(m);
  });
}

bool NeedsSpace(const ShardRequestBody& body) {
  if (const auto* apply = std::get_if<ApplyRequest>(&body)) return NeedsSpace(*apply);
  if (const auto* outcome = std::get_if<GetOutcomeRequest>(&body)) return outcome->forbid;
  return std::holds_alternative<CreateAccountRequest>(body) ||
         std::holds_alternative<UpdateAccountRequest>(body);
}

bool NeedsSpace(const CoordinatorRequest& request) {
  return std::holds_alternative<CreateNamespaceRequest>(request.body);
}

// Requests to the range wait from now on until the table has flipped. The commit in between, and
// whoever has to run for it, shall not wait for a compaction.
bool BeginsFlip(const ShardCommand& command) {
  return std::holds_alternative<SplitOff>(command) || std::holds_alternative<Retire>(command) ||
         std::holds_alternative<SwitchHome>(command);
}

absl::Status DiskFull() {
  return WithRetryAfter(
      Error(Reason::kDiskFull, "the disk is nearly full; reads and deletions are still served"),
      kDiskFullRetryAfter);
}

absl::Status Draining() {
  return Error(Reason::kDraining, "the daemon is shutting down; try another one, or again later");
}

absl::Status TooManyJobs(absl::string_view what) {
  return Error(Reason::kTooManyCalls,
               absl::StrCat("too many ", what, " wait for their turn; try again later"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::Start(storage::Store& store, const Clock& clock,
                                                        ThreadRegistry& threads, ReplySink& sink,
                                                        Options options) {
  auto runtime = std::make_unique<LocalRuntime>(store, clock, threads, sink, std::move(options));
  SHARDD_RETURN_IF_ERROR(runtime->Start());
  return std::unique_ptr<Runtime>(std::move(runtime));
}

LocalRuntime::LocalRuntime(storage::Store& store, const Clock& clock, ThreadRegistry& threads,
                           ReplySink& sink, Options options)
    : store_(store), clock_(clock), threads_(threads), sink_(sink), options_(std::move(options)) {}

LocalRuntime::~LocalRuntime() { static_cast<void>(Drain(clock_.Now())); }

absl::Status LocalRuntime::Start() {
  LookAtSpace();
  SHARDD_ASSIGN_OR_RETURN(CoordinatorCore core,
                          CoordinatorCore::Load(store_, options_.shard_count));
  SHARDD_RETURN_IF_ERROR(PrepareHomes(core));
  SHARDD_ASSIGN_OR_RETURN(first_lease_, FirstLeaseOfRun(store_));
  surveys_ = std::make_unique<BackgroundJobs>("surveys", threads_);
  compactions_ = std::make_unique<BackgroundJobs>("compactions", threads_);
  const RouteTable table = core.table();
  auto directory = std::make_shared<Directory>();
  for (const Route& route : table.routes()) {
    SHARDD_ASSIGN_OR_RETURN(ShardCore shard, LoadShard(table, route));
    const ShardWorker& worker = AddWorker(std::move(shard), table.epoch());
    mailboxes_.Add(route.range, worker.mailbox());
    directory->mailboxes.push_back(worker.mailbox());
  }
  directory_.Publish(std::move(directory));
  coordinator_ =
      std::make_unique<CoordinatorLoop>(std::move(core), threads_, CoordinatorEnvironment());
  SHARDD_ASSIGN_OR_RETURN(balancer_, Balancer::Load(options_.balancing, BalancerEnvironment()));
  SHARDD_RETURN_IF_ERROR(coordinator_->Start());
  {
    MutexLock lock(workers_mutex_);
    for (const auto& [shard, worker] : workers_) worker->Start();
  }
  space_watcher_ = std::make_unique<ServiceThread>("space", [this] { WatchSpace(); });
  balancer_->Start();
  return absl::OkStatus();
}

ShardWorker::Environment LocalRuntime::WorkerEnvironment() {
  return ShardWorker::Environment{
      .store = store_,
      .clock = clock_,
      .sink = sink_,
      .on_purge_result = [this](PurgeResult r) { coordinator_->PushResult(std::move(r)); },
      .pass_on = [this](std::vector<ShardRequest> requests) { PassOn(std::move(requests)); },
      .on_messages_ready = [this](MessagesReady ready) { ready_board_.Tell(ready); },
      .on_report =
          [this](ShardReport r) {
            if (std::holds_alternative<TableFlipped>(r)) store_.ResumeBackgroundWork();
            coordinator_->PushResult(std::move(r));
          },
      .survey = [this](const SurveyOrder& order) { Survey(order); },
      .cancel_survey = [this](CancelJob job) { surveys_->Cancel(job.operation); },
      .start_shard = [this](ShardWorker& parent,
                            struct StartShard start) { StartShard(parent, std::move(start)); },
      .end_shard = [this](ShardWorker& survivor, struct EndShard end) { EndShard(survivor, end); },
      .on_stale_routes =
          [this](uint64_t requests) {
            stale_routes_.fetch_add(requests, std::memory_order_relaxed);
          },
      .on_storage_failure = [this](absl::Status status) { Fail(std::move(status)); },
      .on_finished = [this] { WorkerFinished(); }};
}

CoordinatorLoop::Environment LocalRuntime::CoordinatorEnvironment() {
  return CoordinatorLoop::Environment{
      .store = store_,
      .clock = clock_,
      .sink = sink_,
      .on_balancer_reply = [this](CoordinatorReply r) { balancer_->OnAnswer(std::move(r)); },
      .publish = [this](const PublishTables& tables) { Publish(tables); },
      .send_to_shard =
          [this](SendToShard message) {
            MailboxOf(message.shard)->PushMessage(std::move(message.body));
          },
      .send_to_range =
          [this](const SendToRange& message) {
            mailboxes_.PushMessage(message.range, message.body);
          },
      .command_shard =
          [this](CommandShard message) {
            if (BeginsFlip(message.command)) store_.HoldBackgroundWork();
            MailboxOf(message.shard)->PushCommand(std::move(message.command));
          },
      .compact = [this](const struct CompactRange& order) { Compact(order); },
      .cancel_compaction = [this](CancelJob job) { compactions_->Cancel(job.operation); },
      .forget_shard = [this](const struct ForgetShard& forget) { ForgetShard(forget.shard); },
      .on_storage_failure = [this](absl::Status status) { Fail(std::move(status)); }};
}

Balancer::Environment LocalRuntime::BalancerEnvironment() {
  return Balancer::Environment{
      .store = store_,
      .clock = clock_,
      .threads = threads_,
      .look = [this] { return ViewForBalancer(); },
      .submit = [this](CoordinatorRequest r) { return SubmitToCoordinator(std::move(r)); },
      .on_storage_failure = [this](absl::Status status) { Fail(std::move(status)); }};
}

BalancingView LocalRuntime::ViewForBalancer() const {
  const std::shared_ptr<const Directory> directory = directory_.Read();
  BalancingView view;
  view.table = directory->tables->current();
  for (const std::shared_ptr<ShardMailbox>& mailbox : directory->mailboxes) {
    view.meters.emplace_back(mailbox, &mailbox->meter());
  }
  view.notes = directory->notes;
  view.operations = directory->operations;
  return view;
}

ShardWorker& LocalRuntime::AddWorker(ShardCore core, TableEpoch since) {
  const ShardId shard = core.shard();
  auto mailbox = std::make_shared<ShardMailbox>(
      QueueLimits{options_.mailbox_items_max, options_.mailbox_bytes_max}, since, clock_);
  auto worker = std::make_unique<ShardWorker>(std::move(core), std::move(mailbox), threads_,
                                              WorkerEnvironment());
  ShardWorker& added = *worker;
  {
    MutexLock lock(stop_mutex_);
    ++workers_running_;
  }
  MutexLock lock(workers_mutex_);
  workers_.emplace(shard, std::move(worker));
  return added;
}

ShardWorker* LocalRuntime::FindWorker(ShardId shard) const {
  const auto found = workers_.find(shard);
  return found == workers_.end() ? nullptr : found->second.get();
}

std::shared_ptr<ShardMailbox> LocalRuntime::MailboxOf(ShardId shard) const {
  MutexLock lock(workers_mutex_);
  const ShardWorker* const worker = FindWorker(shard);
  SHARDD_CHECK(worker != nullptr);  // the coordinator forgets a shard last
  return worker->mailbox();
}

void LocalRuntime::StartShard(ShardWorker& parent, struct StartShard start) {
  ShardCore::Options options;
  options.cache_bytes = start.state->cache_bytes;
  ShardWorker& child =
      AddWorker(ShardCore(start.route, start.epoch, std::move(*start.state), options), start.epoch);
  mailboxes_.Split(parent.mailbox(), start.route.range, child.mailbox(), start.epoch);
  child.Start(parent.shard());
}

void LocalRuntime::EndShard(ShardWorker& survivor, struct EndShard end) {
  const std::shared_ptr<ShardMailbox> ended = MailboxOf(end.ended);
  mailboxes_.Merge(ended, survivor.mailbox(), end.epoch);
  ended->Close();
}

void LocalRuntime::ForgetShard(ShardId shard) {
  std::unique_ptr<ShardWorker> worker;
  {
    MutexLock lock(workers_mutex_);
    const auto found = workers_.find(shard);
    SHARDD_CHECK(found != workers_.end());
    worker = std::move(found->second);
    workers_.erase(found);
    // It ran its last request before the table that ended it.
    ended_waits_.Add(worker->mailbox_waits());
  }
  // Its mailbox is closed and empty, so its thread is about to end.
  worker->Join();
  ready_board_.Forget(shard);
}

void LocalRuntime::PassOn(std::vector<ShardRequest> requests) {
  const std::shared_ptr<const Directory> directory = directory_.Read();
  const size_t routes = directory->mailboxes.size();
  // Apart from each other: an item is refused as a whole, and answers never are.
  std::vector<ShardMailbox::Item> deliveries(routes);
  std::vector<ShardMailbox::Item> answers(routes);
  std::vector<ShardRequest> returned;
  for (ShardRequest& request : requests) {
    const size_t index = directory->table().IndexOf(AccountOf(request.body)->routing_key());
    const auto* const delivery = std::get_if<DeliverMessage>(&request.body);
    if (delivery == nullptr) {
      answers[index].push_back(std::move(request));
    } else if (disk_full()) {
      returned.emplace_back().body = Returned(*delivery);
    } else {
      deliveries[index].push_back(std::move(request));
    }
  }
  const auto push = [&](size_t index, ShardMailbox::Item item) {
    if (item.empty()) return;
    for (const ShardMailboxes::Refused& refused : mailboxes_.Push(
             *directory->mailboxes[index], std::move(item), directory->table().epoch())) {
      // Closed: the daemon stops, and the next start finds all of it in the outboxes.
      if (refused.why != ShardMailbox::PushResult::kFull) continue;
      for (const ShardRequest& request : refused.requests) {
        returned.emplace_back().body = Returned(std::get<DeliverMessage>(request.body));
      }
    }
  };
  for (size_t i = 0; i < routes; ++i) {
    push(i, std::move(answers[i]));
    push(i, std::move(deliveries[i]));
  }
  if (!returned.empty()) PassOn(std::move(returned));
}

void LocalRuntime::Survey(const SurveyOrder& order) {
  // Taken here, between two turns of the owner: what it commits later is not seen.
  std::shared_ptr<storage::Reader> view = store_.Snapshot();
  const auto work = [this, order, view = std::move(view)](ThreadRecord& record,
                                                          const std::atomic<bool>& cancelled) {
    OperationProgress progress;
    uint64_t seen = 0;
    const auto goes_on = [&](const SurveyTotals& totals) {
      record.EnterPhase(ThreadPhase::kRunning);
      const uint64_t more = totals.record_count - std::exchange(seen, totals.record_count);
      const uint64_t steps = progress.Add(more, /*last=*/false, clock_.Now());
      if (steps > 0) {
        coordinator_->PushResult(ShardReport(OperationAdvanced{order.operation, steps}));
      }
      return !cancelled.load();
    };
    std::optional<SurveyDone> done = RunSurvey(*view, order, goes_on);
    if (done.has_value()) coordinator_->PushResult(*std::move(done));
  };
  // If it is closed, the daemon stops; the operation goes on at the next start.
  if (surveys_->Add(order.operation, work) != BackgroundJobs::Added::kFull) return;
  SurveyDone refused;
  refused.operation = order.operation;
  refused.purpose = order.purpose;
  refused.status = TooManyJobs("shards to be read");
  coordinator_->PushResult(std::move(refused));
}

void LocalRuntime::Compact(const struct CompactRange& order) {
  const auto work = [this, order](ThreadRecord& record, std::atomic<bool>& cancelled) {
    record.EnterPhase(ThreadPhase::kCompacting);
    const absl::Status status = store_.CompactRange(order.home, BoundsOf(order.range), cancelled);
    record.EnterPhase(ThreadPhase::kRunning);
    if (!absl::IsCancelled(status))
      coordinator_->PushResult(RangeCompacted{order.operation, status});
  };
  if (compactions_->Add(order.operation, work) != BackgroundJobs::Added::kFull) return;
  coordinator_->PushResult(RangeCompacted{order.operation, TooManyJobs("shards to be compacted")});
}

absl::Status LocalRuntime::PrepareHomes(const CoordinatorCore& core) {
  const std::vector<storage::Family> homes = store_.Homes();
  const std::vector<storage::Family> known = core.Homes();
  for (const storage::Family home : homes) {
    // Bytes that nobody claims may be somebody's data: an operator must look, the daemon never
    // drops them.
    if (std::find(known.begin(), known.end(), home) == known.end()) {
      return Error(Reason::kStorageCorrupt,
                   absl::StrCat("column family ", storage::ToText(home),
                                " belongs to no shard; the daemon does not start on data it does "
                                "not understand"));
    }
  }
  for (const Route& route : core.table().routes()) {
    // A home is made before the table that names it. One that is gone took its accounts with it:
    // an empty one in its place would hide that.
    if (!core.first_start() && std::find(homes.begin(), homes.end(), route.home) == homes.end()) {
      return Error(Reason::kStorageCorrupt,
                   absl::StrCat("column family ", storage::ToText(route.home), " of shard ",
                                ToText(route.shard), " is missing"));
    }
    SHARDD_RETURN_IF_ERROR(store_.CreateHome(route.home));
  }
  return absl::OkStatus();
}

absl::StatusOr<ShardCore> LocalRuntime::LoadShard(const RouteTable& table,
                                                  const Route& route) const {
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(const bool found,
                          store_.Get(storage::kMeta, ShardStatsKey(route.shard), &bytes));
  ShardStats stats;
  if (found) {
    SHARDD_ASSIGN_OR_RETURN(stats, ShardStats::Decode(bytes));
  }
  ShardCore::Options options;
  options.cache_bytes = std::max(limits::kRecordCacheBytes / table.routes().size(),
                                 limits::kRecordCacheBytesPerShardMin);
  options.first_lease = first_lease_;
  ShardCore core(route, table.epoch(), stats, options);
  SHARDD_ASSIGN_OR_RETURN(const bool moves,
                          store_.Get(storage::kMeta, RehomeKey(route.shard), &bytes));
  if (moves) {
    SHARDD_ASSIGN_OR_RETURN(RehomeRecord rehome, RehomeRecord::Decode(bytes));
    core.TakeUp(std::move(rehome));
  }
  SHARDD_RETURN_IF_ERROR(core.LoadMessages(store_));
  return core;
}

void LocalRuntime::Publish(const PublishTables& tables) {
  // Only the coordinator publishes, so reading and replacing is no race.
  auto directory = std::make_shared<Directory>(*directory_.Read());
  if (tables.namespaces != nullptr) directory->namespaces = tables.namespaces;
  if (tables.operations != nullptr) directory->operations = tables.operations;
  if (tables.notes != nullptr) directory->notes = tables.notes;
  if (tables.lineage != nullptr) directory->lineage = tables.lineage;
  if (tables.routing != nullptr) {
    directory->tables = tables.routing;
    directory->mailboxes.clear();
    for (const Route& route : directory->table().routes()) {
      directory->mailboxes.push_back(MailboxOf(route.shard));
    }
  }
  directory_.Publish(std::move(directory));
}

void LocalRuntime::Fail(absl::Status status) {
  if (failed_.exchange(true)) return;
  draining_.store(true);
  if (options_.on_storage_failure) options_.on_storage_failure(std::move(status));
}

void LocalRuntime::WorkerFinished() {
  MutexLock lock(stop_mutex_);
  --workers_running_;
  worker_finished_.NotifyAll();
}

void LocalRuntime::WatchSpace() {
  const auto record = threads_.Register("space", ThreadRole::kBackground, std::nullopt, nullptr);
  MutexLock lock(stop_mutex_);
  while (!stop_) {
    // Storage answers neither question while it waits for a slow disk.
    record->EnterPhase(ThreadPhase::kSyncing);
    LookAtSpace();
    // A background error of the store shows here even when nobody writes.
    if (absl::Status health = store_.Health(); !health.ok()) Fail(std::move(health));
    record->CountItems(1);
    record->EnterPhase(ThreadPhase::kIdle);
    stop_changed_.WaitFor(stop_mutex_, kSpaceCheckInterval);
  }
  record->Stop();
}

void LocalRuntime::LookAtSpace() {
  absl::StatusOr<storage::SpaceUsage> space = store_.Space();
  if (space.ok()) {
    disk_full_.store(space->free_bytes < options_.reserve_bytes, std::memory_order_relaxed);
  }
  space_.Publish(std::make_shared<const absl::StatusOr<storage::SpaceUsage>>(std::move(space)));
}

absl::StatusOr<size_t> LocalRuntime::RouteOf(const Directory& directory, const AccountRef& account,
                                             uint64_t epoch) const {
  SHARDD_RETURN_IF_ERROR(CheckNamespace(*directory.namespaces, account.name_space));
  const RouteTable& table = directory.table();
  const size_t index = table.IndexOf(account.routing_key());
  if (epoch != 0 && epoch != table.epoch().value) {
    return StaleEpoch(epoch, table.epoch(), table.routes()[index]);
  }
  return index;
}

absl::StatusOr<size_t> LocalRuntime::Admit(const Directory& directory,
                                           const ShardRequest& request) {
  if (draining_.load(std::memory_order_relaxed)) return Draining();
  if (clock_.Now() > request.deadline) {
    return Error(Reason::kDeadlineExpired, "the deadline passed before the request was queued");
  }
  const AccountRef* account = AccountOf(request.body);
  SHARDD_CHECK(account != nullptr);  // the coordinator has its own way
  if (std::holds_alternative<UnwatchRequest>(request.body)) {
    return directory.table().IndexOf(account->routing_key());
  }
  absl::StatusOr<size_t> index = RouteOf(directory, *account, request.epoch);
  CountIfStale(index.status());
  if (index.ok() && disk_full() && NeedsSpace(request.body)) return DiskFull();
  return index;
}

void LocalRuntime::CountIfStale(const absl::Status& refused) {
  if (refused.ok() || ReasonOf(refused) != Reason::kStaleEpoch) return;
  stale_routes_.fetch_add(1, std::memory_order_relaxed);
}

absl::Status LocalRuntime::WhyRefused(ShardMailbox::PushResult why) const {
  if (why != ShardMailbox::PushResult::kFull) return Draining();
  return WithRetryAfter(
      Error(Reason::kMailboxFull,
            absl::StrCat("the mailbox of the shard is full (", options_.mailbox_items_max,
                         " requests or ", options_.mailbox_bytes_max, " bytes)")),
      limits::kMailboxRetryAfter);
}

absl::Status LocalRuntime::Submit(ShardRequest request) {
  const std::shared_ptr<const Directory>& directory = directory_.Read();
  SHARDD_ASSIGN_OR_RETURN(const size_t index, Admit(*directory, request));
  ShardMailbox::Item item;
  item.push_back(std::move(request));
  const auto refused =
      mailboxes_.Push(*directory->mailboxes[index], std::move(item), directory->table().epoch());
  return refused.empty() ? absl::OkStatus() : WhyRefused(refused.front().why);
}

absl::Status LocalRuntime::SubmitToShard(ShardId shard, ShardRequest request) {
  if (draining_.load(std::memory_order_relaxed)) return Draining();
  const std::shared_ptr<const Directory> directory = directory_.Read();
  for (size_t i = 0; i < directory->mailboxes.size(); ++i) {
    if (directory->table().routes()[i].shard != shard) continue;
    ShardMailbox::Item item;
    item.push_back(std::move(request));
    const auto pushed = directory->mailboxes[i]->Push(std::move(item), directory->table().epoch());
    if (pushed == ShardMailbox::PushResult::kAccepted) return absl::OkStatus();
    if (pushed != ShardMailbox::PushResult::kMoved) return WhyRefused(pushed);
    break;
  }
  return Error(Reason::kShardNotFound,
               absl::StrCat("shard ", ToText(shard), " is not there, or changes just now"));
}

void LocalRuntime::Submit(std::vector<ShardRequest> requests) {
  const std::shared_ptr<const Directory> directory = directory_.Read();
  std::vector<ShardMailbox::Item> by_route(directory->mailboxes.size());
  for (ShardRequest& request : requests) {
    absl::StatusOr<size_t> index = Admit(*directory, request);
    if (!index.ok()) {
      sink_.OnReply(Reply{request.call, std::move(index).status()});
      continue;
    }
    by_route[*index].push_back(std::move(request));
  }
  for (size_t i = 0; i < by_route.size(); ++i) {
    if (by_route[i].empty()) continue;
    for (const ShardMailboxes::Refused& refused : mailboxes_.Push(
             *directory->mailboxes[i], std::move(by_route[i]), directory->table().epoch())) {
      for (const ShardRequest& request : refused.requests) {
        sink_.OnReply(Reply{request.call, WhyRefused(refused.why)});
      }
    }
  }
}

absl::Status LocalRuntime::SubmitToCoordinator(CoordinatorRequest request) {
  if (draining_.load(std::memory_order_relaxed)) return Draining();
  if (disk_full() && NeedsSpace(request)) return DiskFull();
  return coordinator_->Push(std::move(request));
}

template <typename Read>
auto LocalRuntime::ReadStable(Read read) const {
  while (true) {
    // Good until this thread reads again, which is after `read`.
    const Directory& directory = *directory_.Read();
    const TableEpoch epoch = directory.table().epoch();
    auto result = read(directory);
    if (directory_.Read()->table().epoch() == epoch) return result;
  }
}

void LocalRuntime::Measure(const Directory& directory, size_t index, const AccountRef& account,
                           uint64_t bytes) {
  directory.mailboxes[index]->meter().AddRead(account, bytes);
}

absl::StatusOr<GetResult> LocalRuntime::Get(const GetRequest& request, uint64_t epoch) {
  auto read = ReadStable([&](const Directory& directory) -> absl::StatusOr<GetResult> {
    SHARDD_ASSIGN_OR_RETURN(const size_t index, RouteOf(directory, request.account, epoch));
    auto result = GetFromStore(store_, directory.table().routes()[index].home, request);
    if (result.ok() && IsReadMeasured()) {
      Measure(directory, index, request.account, ByteSize(*result));
    }
    return result;
  });
  CountIfStale(read.status());
  return read;
}

absl::StatusOr<ScanResult> LocalRuntime::Scan(const ScanRequest& request, uint64_t epoch) {
  auto read = ReadStable([&](const Directory& directory) -> absl::StatusOr<ScanResult> {
    SHARDD_ASSIGN_OR_RETURN(const size_t index, RouteOf(directory, request.account, epoch));
    const std::unique_ptr<storage::Reader> snapshot = store_.Snapshot();
    auto result = ShardReader(*snapshot, directory.table().routes()[index].home).Scan(request);
    if (result.ok() && IsReadMeasured()) {
      Measure(directory, index, request.account, ByteSize(*result));
    }
    return result;
  });
  CountIfStale(read.status());
  return read;
}

absl::StatusOr<AccountResult> LocalRuntime::GetAccount(const GetAccountRequest& request) {
  return ReadStable([&](const Directory& directory) -> absl::StatusOr<AccountResult> {
    SHARDD_ASSIGN_OR_RETURN(const size_t index, RouteOf(directory, request.account, 0));
    if (IsReadMeasured()) Measure(directory, index, request.account, 0);
    return GetAccountFrom(store_, directory.table().routes()[index].home, request.account);
  });
}

StoreView LocalRuntime::View() const {
  return ReadStable([&](const Directory& directory) {
    return StoreView{directory.tables->current(), store_.Snapshot()};
  });
}

std::shared_ptr<const TableHistory> LocalRuntime::tables() const {
  return directory_.Read()->tables;
}
std::shared_ptr<const NamespaceTable> LocalRuntime::namespaces() const {
  return directory_.Read()->namespaces;
}
std::shared_ptr<const OperationTable> LocalRuntime::operations() const {
  return directory_.Read()->operations;
}

std::shared_ptr<const ShardNotes> LocalRuntime::notes() const { return directory_.Read()->notes; }
std::shared_ptr<const Lineage> LocalRuntime::lineage() const { return directory_.Read()->lineage; }

std::optional<ShardStatus> LocalRuntime::Shard(ShardId shard) const {
  const std::shared_ptr<const Directory> directory = directory_.Read();
  const Route* const route = directory->table().FindShard(shard);
  if (route == nullptr) return std::nullopt;
  MutexLock lock(workers_mutex_);
  const ShardWorker* const worker = FindWorker(shard);
  if (worker == nullptr) return std::nullopt;  // gone by now
  return worker->Status(*route);
}

std::vector<ShardStatus> LocalRuntime::Shards() const {
  const std::shared_ptr<const Directory> directory = directory_.Read();
  std::vector<ShardStatus> statuses;
  MutexLock lock(workers_mutex_);
  for (const Route& route : directory->table().routes()) {
    const ShardWorker* const worker = FindWorker(route.shard);
    if (worker != nullptr) statuses.push_back(worker->Status(route));
  }
  return statuses;
}

MailboxWaits LocalRuntime::mailbox_waits() const {
  MutexLock lock(workers_mutex_);
  MailboxWaits waits = ended_waits_;
  for (const auto& [shard, worker] : workers_) waits.Add(worker->mailbox_waits());
  return waits;
}

absl::Status LocalRuntime::Drain(absl::Time deadline) {
  draining_.store(true);
  if (balancer_ != nullptr) balancer_->Stop();
  // No worker may stop between the two ends of a change of the table.
  bool in_time = coordinator_ == nullptr || coordinator_->Quiesce(deadline);
  if (surveys_ != nullptr) surveys_->CancelAll();
  if (compactions_ != nullptr) compactions_->CancelAll();
  std::vector<ShardWorker*> workers;
  {
    MutexLock lock(workers_mutex_);
    for (const auto& [shard, worker] : workers_) workers.push_back(worker.get());
  }
  for (ShardWorker* const worker : workers) worker->Close();
  {
    MutexLock lock(stop_mutex_);
    while (workers_running_ > 0 && in_time) {
      const absl::Duration left = deadline - clock_.Now();
      in_time = left > absl::ZeroDuration();
      if (in_time) worker_finished_.WaitFor(stop_mutex_, left);
    }
    stop_ = true;
    stop_changed_.NotifyAll();
  }
  for (ShardWorker* const worker : workers) worker->Abandon();
  for (ShardWorker* const worker : workers) worker->Join();
  if (surveys_ != nullptr) surveys_->Stop();
  if (compactions_ != nullptr) compactions_->Stop();
  if (coordinator_ != nullptr) coordinator_->Stop();
  space_watcher_.reset();
  if (!in_time) {
    return absl::DeadlineExceededError(
        "not all queued requests were run before the time to drain was up");
  }
  return absl::OkStatus();
}

}  // namespace shardd
