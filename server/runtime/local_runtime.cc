#include "server/runtime/local_runtime.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/shard_state_operations/shard_reader.h"

namespace shardd {
namespace {

constexpr absl::Duration kSpaceCheckInterval = absl::Seconds(1);
constexpr absl::Duration kDiskFullRetryAfter = absl::Seconds(5);

// Whether a request makes the store grow. Deletions do too, by the outcome of one that names
// itself, but they are the way out of a full disk.
bool NeedsSpace(const ApplyRequest& apply) {
  if (apply.create_account) return true;
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

absl::Status DiskFull() {
  return WithRetryAfter(
      Error(Reason::kDiskFull, "the disk is nearly full; reads and deletions are still served"),
      kDiskFullRetryAfter);
}

absl::Status Draining() {
  return Error(Reason::kDraining, "the daemon is shutting down; try another one, or again later");
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
  const RouteTable& table = core.table();
  SHARDD_RETURN_IF_ERROR(PrepareHomes(table, core.first_start()));
  auto directory = std::make_shared<Directory>();
  for (const Route& route : table.routes()) {
    SHARDD_ASSIGN_OR_RETURN(ShardCore shard, LoadShard(table, route));
    workers_.push_back(std::make_unique<ShardWorker>(
        route, std::move(shard),
        QueueLimits{options_.mailbox_items_max, options_.mailbox_bytes_max}, threads_,
        ShardWorker::Environment{
            store_, clock_, sink_,
            [this](PurgeResult result) { coordinator_->Push(std::move(result)); },
            [this](absl::Status status) { Fail(std::move(status)); },
            [this] { WorkerFinished(); }}));
    worker_of_.emplace(route.shard, workers_.back().get());
    directory->workers.push_back(workers_.back().get());
  }
  directory_.Publish(std::move(directory));
  coordinator_ = std::make_unique<CoordinatorLoop>(
      std::move(core), threads_,
      CoordinatorLoop::Environment{
          store_, clock_, sink_, [this](const PublishTables& tables) { Publish(tables); },
          [this](struct SendToShard message) { SendToShard(std::move(message)); },
          [this](absl::Status status) { Fail(std::move(status)); }});
  SHARDD_RETURN_IF_ERROR(coordinator_->Start());
  for (const auto& worker : workers_) worker->Start();
  space_watcher_ = std::make_unique<ServiceThread>("space", [this] { WatchSpace(); });
  return absl::OkStatus();
}

absl::Status LocalRuntime::PrepareHomes(const RouteTable& table, bool first_start) {
  const std::vector<storage::Family> homes = store_.Homes();
  for (const storage::Family home : homes) {
    const bool used = std::any_of(table.routes().begin(), table.routes().end(),
                                  [&](const Route& route) { return route.home == home; });
    // Bytes that nobody claims may be somebody's data: an operator must look, the daemon never
    // drops them.
    if (!used) {
      return Error(Reason::kStorageCorrupt,
                   absl::StrCat("column family ", storage::ToText(home),
                                " belongs to no shard; the daemon does not start on data it does "
                                "not understand"));
    }
  }
  for (const Route& route : table.routes()) {
    // A home is made before the table that names it. One that is gone took its accounts with it:
    // an empty one in its place would hide that.
    if (!first_start && std::find(homes.begin(), homes.end(), route.home) == homes.end()) {
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
  return ShardCore(route, table.epoch(), stats, options);
}

void LocalRuntime::Publish(const PublishTables& tables) {
  // Only the coordinator publishes, so reading and replacing is no race.
  auto directory = std::make_shared<Directory>(*directory_.Read());
  if (tables.routing != nullptr) directory->tables = tables.routing;
  if (tables.namespaces != nullptr) directory->namespaces = tables.namespaces;
  if (tables.operations != nullptr) directory->operations = tables.operations;
  directory_.Publish(std::move(directory));
}

void LocalRuntime::SendToShard(struct SendToShard message) {
  std::vector<ShardRequest> requests(1);
  requests[0].body = std::move(message.body);
  // Weightless: there is one for each running operation. Refused only while draining; then the
  // operation goes on at the next start.
  static_cast<void>(worker_of_.at(message.shard)->mailbox().Push(std::move(requests), 0, 0));
}

void LocalRuntime::Fail(absl::Status status) {
  if (failed_.exchange(true)) return;
  draining_.store(true);
  if (options_.on_storage_failure) options_.on_storage_failure(std::move(status));
}

void LocalRuntime::WorkerFinished() {
  MutexLock lock(stop_mutex_);
  ++workers_finished_;
  worker_finished_.NotifyAll();
}

void LocalRuntime::WatchSpace() {
  const auto record = threads_.Register("space", ThreadRole::kBackground, std::nullopt, nullptr);
  MutexLock lock(stop_mutex_);
  while (!stop_) {
    record->EnterPhase(ThreadPhase::kRunning);
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
                                           const ShardRequest& request) const {
  if (draining_.load(std::memory_order_relaxed)) return Draining();
  if (clock_.Now() > request.deadline) {
    return Error(Reason::kDeadlineExpired, "the deadline passed before the request was queued");
  }
  const AccountRef* account = AccountOf(request.body);
  SHARDD_CHECK(account != nullptr);  // the coordinator has its own way
  if (std::holds_alternative<UnwatchRequest>(request.body)) {
    return directory.table().IndexOf(account->routing_key());
  }
  SHARDD_ASSIGN_OR_RETURN(const size_t index, RouteOf(directory, *account, request.epoch));
  if (disk_full() && NeedsSpace(request.body)) return DiskFull();
  return index;
}

absl::Status LocalRuntime::Push(ShardWorker& worker, std::vector<ShardRequest>& requests) {
  size_t items = 0;
  size_t bytes = 0;
  for (const ShardRequest& request : requests) {
    const size_t weight = MailboxWeight(request.body);
    items += weight > 0 ? 1 : 0;
    bytes += weight;
  }
  switch (worker.mailbox().Push(std::move(requests), items, bytes)) {
    case ShardWorker::Mailbox::PushResult::kAccepted:
      return absl::OkStatus();
    case ShardWorker::Mailbox::PushResult::kFull:
      return WithRetryAfter(
          Error(Reason::kMailboxFull,
                absl::StrCat("the mailbox of the shard is full (", options_.mailbox_items_max,
                             " requests or ", options_.mailbox_bytes_max, " bytes)")),
          limits::kMailboxRetryAfter);
    case ShardWorker::Mailbox::PushResult::kClosed:
      break;
  }
  return Draining();
}

absl::Status LocalRuntime::Submit(ShardRequest request) {
  const std::shared_ptr<const Directory>& directory = directory_.Read();
  SHARDD_ASSIGN_OR_RETURN(const size_t index, Admit(*directory, request));
  std::vector<ShardRequest> requests;
  requests.push_back(std::move(request));
  return Push(*directory->workers[index], requests);
}

void LocalRuntime::Submit(std::vector<ShardRequest> requests) {
  const std::shared_ptr<const Directory> directory = directory_.Read();
  std::vector<std::vector<ShardRequest>> by_route(directory->workers.size());
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
    const absl::Status pushed = Push(*directory->workers[i], by_route[i]);
    if (pushed.ok()) continue;
    for (ShardRequest& request : by_route[i]) sink_.OnReply(Reply{request.call, pushed});
  }
}

absl::Status LocalRuntime::SubmitToCoordinator(CoordinatorRequest request) {
  if (draining_.load(std::memory_order_relaxed)) return Draining();
  if (disk_full() && NeedsSpace(request)) return DiskFull();
  return coordinator_->Push(std::move(request));
}

absl::StatusOr<GetResult> LocalRuntime::Get(const GetRequest& request, uint64_t epoch) {
  const std::shared_ptr<const Directory>& directory = directory_.Read();
  SHARDD_ASSIGN_OR_RETURN(const size_t index, RouteOf(*directory, request.account, epoch));
  return GetFromStore(store_, directory->table().routes()[index].home, request);
}

absl::StatusOr<ScanResult> LocalRuntime::Scan(const ScanRequest& request, uint64_t epoch) {
  const std::shared_ptr<const Directory>& directory = directory_.Read();
  SHARDD_ASSIGN_OR_RETURN(const size_t index, RouteOf(*directory, request.account, epoch));
  const std::unique_ptr<storage::Reader> snapshot = store_.Snapshot();
  return ShardReader(*snapshot, directory->table().routes()[index].home).Scan(request);
}

absl::StatusOr<AccountResult> LocalRuntime::GetAccount(const GetAccountRequest& request) {
  const std::shared_ptr<const Directory>& directory = directory_.Read();
  SHARDD_ASSIGN_OR_RETURN(const size_t index, RouteOf(*directory, request.account, 0));
  return GetAccountFrom(store_, directory->table().routes()[index].home, request.account);
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

std::optional<ShardStatus> LocalRuntime::Shard(ShardId shard) const {
  const auto found = worker_of_.find(shard);
  if (found == worker_of_.end()) return std::nullopt;
  return found->second->Status();
}

std::vector<ShardStatus> LocalRuntime::Shards() const {
  std::vector<ShardStatus> statuses;
  for (const ShardWorker* worker : directory_.Read()->workers) {
    statuses.push_back(worker->Status());
  }
  return statuses;
}

absl::Status LocalRuntime::Drain(absl::Time deadline) {
  draining_.store(true);
  for (const auto& worker : workers_) worker->Close();
  bool in_time = true;
  {
    MutexLock lock(stop_mutex_);
    while (workers_finished_ < workers_.size() && in_time) {
      const absl::Duration left = deadline - clock_.Now();
      in_time = left > absl::ZeroDuration();
      if (in_time) worker_finished_.WaitFor(stop_mutex_, left);
    }
    stop_ = true;
    stop_changed_.NotifyAll();
  }
  for (const auto& worker : workers_) worker->Abandon();
  for (const auto& worker : workers_) worker->Join();
  if (coordinator_ != nullptr) coordinator_->Stop();
  space_watcher_.reset();
  if (!in_time) {
    return absl::DeadlineExceededError(
        "not all queued requests were run before the time to drain was up");
  }
  return absl::OkStatus();
}

}  // namespace shardd
