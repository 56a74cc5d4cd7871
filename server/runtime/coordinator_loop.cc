#include "server/runtime/coordinator_loop.h"

#include <utility>

#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/runtime/balancer.h"

namespace shardd {

CoordinatorLoop::CoordinatorLoop(CoordinatorCore core, ThreadRegistry& threads,
                                 Environment environment)
    : environment_(std::move(environment)),
      // Bounded by items alone; nothing is pushed with a weight in bytes.
      queue_({.items_max = limits::kCoordinatorQueueItemsMax, .bytes_max = 0}),
      record_(threads.Register("coordinator", ThreadRole::kCoordinator, std::nullopt,
                               [this] { return queue_.depth(); })),
      core_(std::move(core)) {}

CoordinatorLoop::~CoordinatorLoop() {
  Stop();
  record_->Stop();  // also if it never started: the record outlives the queue it asks
}

absl::Status CoordinatorLoop::Start() {
  CoordinatorTurn turn;
  turn.now = environment_.clock.Now();
  core_.Start(turn);
  core_.FinishTurn(turn);
  wake_at_ = turn.wake_at;
  CommitTurn(turn);
  if (failed_) return Error(Reason::kStorageFailed, "the first write to storage failed");
  thread_ = std::make_unique<ServiceThread>("coordinator", [this] { Loop(); });
  return absl::OkStatus();
}

absl::Status CoordinatorLoop::Push(CoordinatorRequest request) {
  switch (queue_.Push(Item(std::move(request)), 1, 0)) {
    case BoundedQueue<Item>::PushResult::kAccepted:
      return absl::OkStatus();
    case BoundedQueue<Item>::PushResult::kFull:
      return WithRetryAfter(Error(Reason::kMailboxFull, "the coordinator's queue is full"),
                            limits::kMailboxRetryAfter);
    case BoundedQueue<Item>::PushResult::kClosed:
      break;
  }
  return Error(Reason::kDraining, "the daemon is stopping");
}

void CoordinatorLoop::PushResult(Item result) {
  // Weightless: a refusal would leave its operation waiting. After Stop the operation goes on at
  // the next start.
  static_cast<void>(queue_.Push(std::move(result), 0, 0));
}

bool CoordinatorLoop::Quiesce(absl::Time deadline) {
  stops_changes_.store(true);
  queue_.Wake();
  MutexLock lock(quiet_mutex_);
  while (!quiet_) {
    const absl::Duration left = deadline - environment_.clock.Now();
    if (left <= absl::ZeroDuration()) break;
    quiet_changed_.WaitFor(quiet_mutex_, left);
  }
  return quiet_;
}

void CoordinatorLoop::TellIfQuiet() {
  if (!stops_changes_.load() || (core_.flipping() && !failed_)) return;
  MutexLock lock(quiet_mutex_);
  quiet_ = true;
  quiet_changed_.NotifyAll();
}

void CoordinatorLoop::Stop() {
  queue_.Close();
  thread_.reset();
}

void CoordinatorLoop::Loop() {
  std::vector<Item> items;
  record_->EnterPhase(ThreadPhase::kIdle);
  while (queue_.PopAll(items, wake_at_, environment_.clock)) {
    record_->EnterPhase(ThreadPhase::kRunning);
    if (stops_changes_.load()) core_.StopChanges();
    CoordinatorTurn turn;
    turn.now = environment_.clock.Now();
    for (Item& item : items) {
      std::visit([&](auto&& event) { core_.Step(std::move(event), turn); }, std::move(item));
    }
    core_.FinishTurn(turn);
    wake_at_ = turn.wake_at;
    CommitTurn(turn);
    record_->CountItems(items.size());
    items.clear();
    TellIfQuiet();
    record_->EnterPhase(ThreadPhase::kIdle);
  }
  CoordinatorTurn last;
  last.now = environment_.clock.Now();
  core_.EndWaits(last);
  CommitTurn(last);
  record_->Stop();
}

void CoordinatorLoop::CommitTurn(CoordinatorTurn& turn) {
  if (!turn.batch.empty() && !failed_) {
    record_->EnterPhase(ThreadPhase::kCommitting);
    Fail(environment_.store.Commit(turn.batch));
  }
  record_->EnterPhase(ThreadPhase::kReplying);
  for (CoordinatorEffect& effect : turn.effects) Perform(effect);
}

void CoordinatorLoop::Fail(const absl::Status& status) {
  if (status.ok()) return;
  failed_ = true;
  environment_.on_storage_failure(status);
}

void CoordinatorLoop::Perform(CoordinatorEffect& effect) {
  if (auto* reply = std::get_if<CoordinatorReply>(&effect)) {
    if (failed_) {
      reply->answer = Error(Reason::kStorageFailed,
                            "storage failed while the request was being written; the daemon stops");
    }
    if (reply->call.call == Balancer::kCall) {
      return environment_.on_balancer_reply(std::move(*reply));
    }
    environment_.sink.OnCoordinatorReply(std::move(*reply));
  } else if (failed_) {
    return;
  } else if (auto* tables = std::get_if<PublishTables>(&effect)) {
    environment_.publish(*tables);
  } else if (auto* message = std::get_if<SendToShard>(&effect)) {
    environment_.send_to_shard(std::move(*message));
  } else if (auto* to_range = std::get_if<SendToRange>(&effect)) {
    environment_.send_to_range(std::move(*to_range));
  } else if (auto* command = std::get_if<CommandShard>(&effect)) {
    environment_.command_shard(std::move(*command));
  } else if (auto* forget = std::get_if<ForgetShard>(&effect)) {
    // Its worker may still be at its last turn.
    record_->EnterPhase(ThreadPhase::kWaiting);
    environment_.forget_shard(*forget);
    record_->EnterPhase(ThreadPhase::kReplying);
  } else if (const auto* compact = std::get_if<CompactRange>(&effect)) {
    environment_.compact(*compact);
  } else if (const auto* cancel = std::get_if<CancelJob>(&effect)) {
    environment_.cancel_compaction(*cancel);
  } else {
    record_->EnterPhase(ThreadPhase::kSyncing);
    ChangeHomes(effect);
    record_->EnterPhase(ThreadPhase::kReplying);
  }
}

void CoordinatorLoop::ChangeHomes(const CoordinatorEffect& effect) {
  if (const auto* create = std::get_if<CreateHome>(&effect)) {
    Fail(environment_.store.CreateHome(create->home));
  } else {
    const auto& drop = std::get<DropHome>(effect);
    Fail(environment_.store.DropHome(drop.home));
    PushResult(HomeDropped{drop.operation});
  }
}

}  // namespace shardd
