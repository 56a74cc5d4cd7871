#include "server/runtime/shard_worker.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"

namespace shardd {
namespace {

absl::Status StorageFailed() {
  return Error(Reason::kStorageFailed,
               "storage failed while the request was being written; the daemon stops. Ask "
               "GetRequestOutcome when it is back");
}

absl::Status NotRun() {
  return Error(Reason::kDraining, "the daemon is stopping; the request was not run");
}

// The coordinator's own requests have none; its operation goes on at the next start.
bool HasCaller(const ShardRequestBody& body) {
  return !std::holds_alternative<PurgeNamespace>(body) &&
         !std::holds_alternative<ReopenNamespace>(body);
}

}  // namespace

ShardWorker::ShardWorker(Route route, ShardCore core, QueueLimits mailbox_limits,
                         ThreadRegistry& threads, Environment environment)
    : route_(route),
      environment_(std::move(environment)),
      mailbox_(mailbox_limits),
      record_(threads.Register(absl::StrCat("worker/", ToText(route.shard)), ThreadRole::kWorker,
                               route.shard, [this] { return mailbox_.depth(); })),
      core_(std::move(core)) {
  PublishStats();
}

ShardWorker::~ShardWorker() {
  Join();
  record_->Stop();  // also if it never started: the record outlives the mailbox it asks
}

void ShardWorker::Start() {
  thread_ =
      std::make_unique<ServiceThread>(absl::StrCat("w/", ToText(route_.shard)), [this] { Loop(); });
}

void ShardWorker::Loop() {
  std::vector<std::vector<ShardRequest>> items;
  record_->EnterPhase(ThreadPhase::kIdle);
  while (mailbox_.PopAll(items, wake_at_, environment_.clock)) {
    record_->EnterPhase(ThreadPhase::kRunning);
    if (failed_ || abandoned_.load(std::memory_order_relaxed)) {
      for (std::vector<ShardRequest>& requests : items) {
        for (ShardRequest& request : requests) Refuse(request);
      }
      wake_at_ = absl::InfiniteFuture();
    } else {
      RunTurns(items);
    }
    items.clear();
    record_->EnterPhase(ThreadPhase::kIdle);
  }
  record_->Stop();
  environment_.on_finished();
}

void ShardWorker::RunTurns(std::vector<std::vector<ShardRequest>>& items) {
  ShardTurn turn;
  turn.now = environment_.clock.Now();
  turn.committed = &environment_.store;
  uint64_t requests_run = 0;
  size_t requests_waiting = 0;
  for (const std::vector<ShardRequest>& requests : items) requests_waiting += requests.size();
  turn.effects.reserve(requests_waiting);
  for (std::vector<ShardRequest>& requests : items) {
    requests_run += requests.size();
    for (ShardRequest& request : requests) {
      // A later part of an item must not run after a failed commit of an earlier one.
      if (failed_) {
        Refuse(request);
        continue;
      }
      core_.Step(std::move(request), turn);
      if (turn.batch.bytes() >= limits::kBatchBytesMax ||
          turn.read_bytes >= limits::kTurnReadBytesMax) {
        CommitTurn(turn);
      }
    }
  }
  requests_.fetch_add(requests_run, std::memory_order_relaxed);
  record_->CountItems(requests_run);
  if (!failed_) CommitTurn(turn);
}

void ShardWorker::CommitTurn(ShardTurn& turn) {
  core_.FinishTurn(turn);
  wake_at_ = turn.wake_at;
  if (!turn.batch.empty()) {
    record_->EnterPhase(ThreadPhase::kCommitting);
    const absl::Status committed = environment_.store.Commit(turn.batch);
    batches_.fetch_add(1, std::memory_order_relaxed);
    if (!committed.ok()) {
      failed_ = true;
      environment_.on_storage_failure(committed);
    }
  }
  PublishStats();
  record_->EnterPhase(ThreadPhase::kReplying);
  for (ShardEffect& effect : turn.effects) Perform(effect);
  turn.batch.Clear();
  turn.effects.clear();
  turn.read_bytes = 0;
  turn.now = environment_.clock.Now();
  record_->EnterPhase(ThreadPhase::kRunning);
}

void ShardWorker::Perform(ShardEffect& effect) {
  if (auto* reply = std::get_if<Reply>(&effect)) {
    // Reads too: they may have seen what was not committed.
    if (failed_) reply->answer = StorageFailed();
    environment_.sink.OnReply(std::move(*reply));
  } else if (failed_) {
    return;
  } else if (auto* event = std::get_if<WatchEvent>(&effect)) {
    environment_.sink.OnWatchEvent(std::move(*event));
  } else {
    environment_.on_purge_result(std::move(std::get<PurgeResult>(effect)));
  }
}

void ShardWorker::Refuse(const ShardRequest& request) {
  if (HasCaller(request.body)) environment_.sink.OnReply(Reply{request.call, NotRun()});
}

void ShardWorker::PublishStats() {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  account_count_.store(core_.stats().account_count, kRelaxed);
  entry_count_.store(core_.stats().entry_count, kRelaxed);
  byte_count_.store(core_.stats().byte_count, kRelaxed);
}

ShardStatus ShardWorker::Status() const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  ShardStatus status;
  status.route = route_;
  status.thread = record_->id();
  status.stats.account_count = account_count_.load(kRelaxed);
  status.stats.entry_count = entry_count_.load(kRelaxed);
  status.stats.byte_count = byte_count_.load(kRelaxed);
  status.mailbox_depth = mailbox_.depth();
  status.requests_total = requests_.load(kRelaxed);
  status.batches_total = batches_.load(kRelaxed);
  return status;
}

}  // namespace shardd
