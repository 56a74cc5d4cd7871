#include "server/runtime/shard_worker.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/runtime/operation_name.h"

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

}  // namespace

ShardWorker::ShardWorker(ShardCore core, std::shared_ptr<ShardMailbox> mailbox,
                         ThreadRegistry& threads, Environment environment)
    : shard_(core.shard()),
      environment_(std::move(environment)),
      mailbox_(std::move(mailbox)),
      record_(threads.Register(
          absl::StrCat("worker/", ToText(shard_)), ThreadRole::kWorker, shard_,
          [mailbox = mailbox_] { return mailbox->depth(); }, mailbox_->waiting_work())),
      core_(std::move(core)) {
  record_->SetQueueOldestAge([mailbox = mailbox_, &clock = environment_.clock] {
    const absl::Time oldest = mailbox->oldest();
    return oldest == absl::InfiniteFuture() ? absl::ZeroDuration() : clock.Now() - oldest;
  });
  PublishStats();
}

ShardWorker::~ShardWorker() {
  Join();
  record_->Stop();  // also if it never started
}

void ShardWorker::Start(std::optional<ShardId> parent) {
  if (parent.has_value()) record_->SetParentShard(*parent);
  thread_ = std::make_unique<ServiceThread>(absl::StrCat("w/", ToText(shard_)), [this] { Loop(); });
}

void ShardWorker::Loop() {
  ShardMailbox::Mail mail;
  record_->EnterPhase(ThreadPhase::kIdle);
  while (mailbox_->Pop(mail, failed_ || core_.TakesRequests(environment_.clock.Now()), wake_at_)) {
    record_->EnterPhase(ThreadPhase::kRunning);
    Handle(mail);
    mail = ShardMailbox::Mail();
    record_->EnterPhase(ThreadPhase::kIdle);
  }
  record_->Stop();
  environment_.on_finished();
}

void ShardWorker::Handle(ShardMailbox::Mail& mail) {
  // Retired: then the daemon stops in the middle of a change, and what waits is not to be run here.
  const bool refuses = failed_ || core_.retired() || abandoned_.load(std::memory_order_relaxed);
  if (failed_) {
    wake_at_ = absl::InfiniteFuture();
  } else {
    for (ShardCommand& command : mail.commands) RunCommand(std::move(command));
  }
  if (refuses) {
    for (const ShardMailbox::Item& item : mail.items) {
      for (const ShardRequest& request : item) Refuse(request);
    }
  } else if (mail.commands.empty()) {
    const absl::Time begun = environment_.clock.Now();
    const uint64_t before = requests_.load(std::memory_order_relaxed);
    mailbox_->meter().LookAt(mail.items);
    committing_ = absl::ZeroDuration();  // commands were not measured
    bytes_moved_ = 0;
    RunTurns(mail.items);
    Measure(mail, requests_.load(std::memory_order_relaxed) - before, begun);
  }
}

void ShardWorker::Measure(const ShardMailbox::Mail& mail, uint64_t requests, absl::Time begun) {
  ShardLoadMeter::Work work;
  work.operations = requests;
  // Waiting for the disk is no work: what comes meanwhile is run in the next turn, however much it
  // is, so a worker that commits all the time can still take more.
  work.busy = environment_.clock.Now() - begun - committing_;
  work.bytes = bytes_moved_;
  if (requests > 0) waits_.Count(requests, std::max(begun - mail.oldest, absl::ZeroDuration()));
  if (requests > 0 && begun > mail.oldest) {
    // One item has waited since then; several came evenly in that time.
    const absl::Duration wait = (begun - mail.oldest) * static_cast<double>(requests);
    work.mailbox_wait = mail.items.size() == 1 ? wait : wait / 2;
  }
  mailbox_->meter().Add(work);
}

void ShardWorker::RunCommand(ShardCommand command) {
  if (failed_) return;
  ShardTurn turn;
  turn.now = environment_.clock.Now();
  turn.committed = &environment_.store;
  record_->BeginOperation(OperationName(command), turn.now);
  core_.Step(std::move(command), turn);
  CommitTurn(turn);
}

void ShardWorker::RunTurns(std::vector<ShardMailbox::Item>& items) {
  ShardTurn turn;
  turn.now = environment_.clock.Now();
  turn.committed = &environment_.store;
  uint64_t requests_run = 0;
  size_t requests_waiting = 0;
  for (const ShardMailbox::Item& requests : items) requests_waiting += requests.size();
  turn.effects.reserve(requests_waiting);
  for (ShardMailbox::Item& requests : items) {
    requests_run += requests.size();
    for (ShardRequest& request : requests) {
      if (!failed_ && RunAbsorb(turn)) CommitTurn(turn);
      // A later part of an item must not run after a failed commit of an earlier one.
      if (failed_) {
        Refuse(request);
        continue;
      }
      record_->BeginOperation(OperationName(request.body), turn.now);
      core_.Step(std::move(request), turn);
      if (turn.batch.bytes() >= limits::kBatchBytesMax ||
          turn.read_bytes >= limits::kTurnReadBytesMax) {
        CommitTurn(turn);
      }
    }
  }
  requests_.fetch_add(requests_run, std::memory_order_relaxed);
  record_->CountItems(requests_run);
  if (failed_) return;
  RunAbsorb(turn);
  CommitTurn(turn);
}

bool ShardWorker::RunAbsorb(ShardTurn& turn) {
  std::optional<Absorb> absorb = mailbox_->PopAbsorb();
  if (!absorb.has_value()) return false;
  ShardCommand command = *std::move(absorb);
  record_->BeginOperation(OperationName(command), turn.now);
  core_.Step(std::move(command), turn);
  return true;
}

void ShardWorker::CommitTurn(ShardTurn& turn) {
  core_.FinishTurn(turn);
  wake_at_ = turn.wake_at;
  if (!turn.batch.empty()) {
    record_->EnterPhase(ThreadPhase::kCommitting);
    const absl::Time commit_begun = environment_.clock.Now();
    const absl::Status committed = environment_.store.Commit(turn.batch);
    committing_ += environment_.clock.Now() - commit_begun;
    batches_.fetch_add(1, std::memory_order_relaxed);
    if (!committed.ok()) {
      failed_ = true;
      environment_.on_storage_failure(committed);
    }
  }
  PublishStats();
  if (turn.stale_routes > 0) environment_.on_stale_routes(turn.stale_routes);
  record_->EnterPhase(ThreadPhase::kReplying);
  for (ShardEffect& effect : turn.effects) Perform(effect);
  if (!passed_on_.empty()) environment_.pass_on(std::exchange(passed_on_, {}));
  bytes_moved_ += turn.batch.bytes() + turn.read_bytes;
  turn.batch.Clear();
  turn.effects.clear();
  turn.read_bytes = 0;
  turn.stale_routes = 0;
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
  } else if (auto* pass_on = std::get_if<PassOn>(&effect)) {
    passed_on_.emplace_back().body = std::move(pass_on->body);
  } else if (auto* ready = std::get_if<MessagesReady>(&effect)) {
    environment_.on_messages_ready(std::move(*ready));
  } else if (auto* purged = std::get_if<PurgeResult>(&effect)) {
    environment_.on_purge_result(std::move(*purged));
  } else {
    PerformChange(effect);
  }
}

void ShardWorker::PerformChange(ShardEffect& effect) {
  if (auto* order = std::get_if<SurveyOrder>(&effect)) {
    environment_.survey(*order);
  } else if (auto* cancel = std::get_if<CancelJob>(&effect)) {
    environment_.cancel_survey(*cancel);
  } else if (auto* start = std::get_if<StartShard>(&effect)) {
    environment_.start_shard(*this, std::move(*start));
  } else if (auto* end = std::get_if<EndShard>(&effect)) {
    environment_.end_shard(*this, *end);
  } else {
    auto& report = std::get<ShardReport>(effect);
    if (auto* flipped = std::get_if<TableFlipped>(&report)) {
      flipped->pause = environment_.clock.Now() - flipped->since;
    }
    environment_.on_report(std::move(report));
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
  mailbox_->meter().SetStored(core_.stats().byte_count);
  MutexLock lock(messages_mutex_);
  messages_ = core_.messages();
}

ShardStatus ShardWorker::Status(const Route& route) const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  ShardStatus status;
  status.route = route;
  status.thread = record_->id();
  status.stats.account_count = account_count_.load(kRelaxed);
  status.stats.entry_count = entry_count_.load(kRelaxed);
  status.stats.byte_count = byte_count_.load(kRelaxed);
  status.mailbox_depth = mailbox_->depth();
  status.requests_total = requests_.load(kRelaxed);
  status.batches_total = batches_.load(kRelaxed);
  MutexLock lock(messages_mutex_);
  status.messages = messages_;
  return status;
}

}  // namespace shardd
