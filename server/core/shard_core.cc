#include "server/core/shard_core.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace shardd {
namespace {

// The stored answer to a repeat. The fingerprint settles that it is the same request.
absl::StatusOr<ShardAnswer> Replay(const OutcomeRecord& outcome, Hash128 fingerprint,
                                   const AccountRef& account) {
  if (outcome.reason == Reason::kRequestForbidden) return outcome.error();
  if (!(outcome.fingerprint == fingerprint)) {
    return Error(Reason::kRequestIdReused,
                 "request_id was used before for another request; use a new one for each request");
  }
  if (!outcome.applied()) return outcome.error();
  if (outcome.account.has_value()) return AccountResult{account, *outcome.account};
  return ApplyResult{outcome.revision, outcome.results, /*replayed=*/true};
}

OutcomeRecord Refusal(Hash128 fingerprint, const absl::Status& status) {
  OutcomeRecord outcome;
  outcome.fingerprint = fingerprint;
  outcome.reason = ReasonOf(status);
  outcome.message = std::string(status.message());
  outcome.metadata = MetadataOf(status);
  return outcome;
}

// A failed read says nothing about the request, so it is no outcome to remember. Nor is "come back
// later": whoever does so, under the same request_id, must not hear it again for ever.
bool IsDecision(const absl::Status& status) {
  switch (ReasonOf(status)) {
    case Reason::kUnspecified:
    case Reason::kStorageFailed:
    case Reason::kStorageCorrupt:
    case Reason::kAccountMailboxFull:
    case Reason::kOutboxFull:
      return false;
    default:
      return true;
  }
}

}  // namespace

ShardCore::ShardCore(Route route, TableEpoch epoch, ShardStats stats, Options options)
    : route_(std::move(route)),
      epoch_(epoch),
      options_(options),
      stats_(stats),
      stats_written_(stats),
      cache_(std::make_unique<RecordCache>(options.cache_bytes)),
      history_(limits::kWatchHistoryChangesMax, limits::kWatchHistoryBytesMax),
      outbox_(options.outbox),
      mailboxes_(options.mailboxes_max),
      fresh_messages_(options.fresh_messages_bytes),
      next_lease_(options.first_lease),
      undeliverables_(options.undeliverables) {}

ShardCore::ShardCore(Route route, TableEpoch epoch, HandOver state, Options options)
    : ShardCore(route, epoch, state.stats, options) {
  Take(std::move(state));
}

void ShardCore::Step(ShardRequest request, ShardTurn& turn) {
  turn_has_requests_ = true;
  if (absl::Status refused = Admit(request, turn.now); !refused.ok()) {
    if (ReasonOf(refused) == Reason::kStaleEpoch) ++turn.stale_routes;
    turn.effects.push_back(Reply{request.call, std::move(refused)});
    return;
  }
  std::visit([&](auto&& body) { Run(request.call, std::move(body), turn); },
             std::move(request.body));
}

absl::Status ShardCore::Admit(const ShardRequest& request, absl::Time now) const {
  if (now > request.deadline) {
    return Error(Reason::kDeadlineExpired, "the deadline passed while the request was queued");
  }
  // The table of a later epoch gives this shard the same range, or it would know.
  if (request.epoch != 0 && request.epoch < epoch_.value) {
    return StaleEpoch(request.epoch, epoch_, route_);
  }
  return std::visit(
      [&](const auto& body) -> absl::Status {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, PurgeNamespace> ||
                      std::is_same_v<Body, ReopenNamespace>) {
          return absl::OkStatus();
        } else if constexpr (std::is_same_v<Body, DeliverMessage> ||
                             std::is_same_v<Body, SettleDelivery> ||
                             std::is_same_v<Body, AskAboutMark> ||
                             std::is_same_v<Body, DropMark>) {
          // Nobody hears of a refusal; mailboxes bring it to the owner, whatever the table is.
          SHARDD_CHECK(route_.range.Contains(body.account.routing_key()));
          return absl::OkStatus();
        } else if constexpr (std::is_same_v<Body, ReceiveAnyRequest>) {
          return CheckOpen(body.name_space);
        } else {
          if (!route_.range.Contains(body.account.routing_key())) {
            return StaleEpoch(request.epoch, epoch_, route_);
          }
          // Ending a watch is always allowed.
          if constexpr (std::is_same_v<Body, UnwatchRequest>) return absl::OkStatus();
          return CheckOpen(body.account.name_space);
        }
      },
      request.body);
}

absl::Status ShardCore::CheckOpen(const std::string& name_space) const {
  if (!closed_namespaces_.contains(name_space)) return absl::OkStatus();
  return Error(Reason::kNamespaceDeleting,
               absl::StrCat("namespace \"", name_space, "\" is being deleted"));
}

template <typename Request, typename Stage>
void ShardCore::RunOnce(CallId call, Request& request, ShardTurn& turn, Stage stage) {
  const AccountKeys keys(request.account);
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  const CachingReader cached(overlay, *cache_);
  const ShardReader reader(cached, route_.home);
  const bool named = !request.request_id.empty();
  const Hash128 fingerprint = named ? Fingerprint(request) : Hash128{};

  const auto run = [&]() -> absl::StatusOr<ShardAnswer> {
    SHARDD_ASSIGN_OR_RETURN(const std::optional<AccountRecord> record, reader.FindAccount(keys));
    if (named && record.has_value()) {
      SHARDD_ASSIGN_OR_RETURN(const std::optional<OutcomeRecord> outcome,
                              reader.FindOutcome(keys, request.request_id));
      if (outcome.has_value()) return Replay(*outcome, fingerprint, request.account);
    }
    StagedAccount staged(keys, reader, record, turn.now);
    absl::StatusOr<std::vector<MutationResult>> results = stage(staged);
    if (!results.ok()) {
      if (named && record.has_value() && IsDecision(results.status())) {
        StagedAccount refusal(keys, reader, record, turn.now);
        SHARDD_RETURN_IF_ERROR(refusal.StageOutcome(
            request.request_id, Refusal(fingerprint, results.status()), Retention()));
        Write(refusal, keys, turn);
      }
      return std::move(results).status();
    }
    if (staged.changed()) staged.RaiseRevision();
    constexpr bool kIsApply = std::is_same_v<Request, ApplyRequest>;
    if constexpr (kIsApply) {
      staged.StageMailbox(WithoutAcknowledged(request, staged.record().mailbox));
    }
    if (named) {
      OutcomeRecord outcome;
      outcome.fingerprint = fingerprint;
      outcome.revision = staged.record().revision;
      outcome.results = *results;
      if (!kIsApply) outcome.account = staged.record();
      SHARDD_RETURN_IF_ERROR(
          staged.StageOutcome(request.request_id, std::move(outcome), Retention()));
    }
    if (staged.changed() || named) Write(staged, keys, turn);
    if (staged.changed()) FollowState(request.account, staged, turn.now);
    if constexpr (kIsApply) {
      SendAll(request, keys, staged.record().revision, turn);
      if (!request.acks.empty()) DropAcknowledged(request, keys, staged.record().mailbox, turn);
      return ApplyResult{staged.record().revision, *std::move(results), /*replayed=*/false};
    } else {
      return AccountResult{request.account, staged.record()};
    }
  };
  turn.effects.push_back(Reply{call, run()});
}

void ShardCore::Run(CallId call, ApplyRequest&& request, ShardTurn& turn) {
  RunOnce(call, request, turn,
          [&](StagedAccount& staged) -> absl::StatusOr<std::vector<MutationResult>> {
            SHARDD_RETURN_IF_ERROR(CheckLeases(request.account, request.acks, turn.now));
            SHARDD_RETURN_IF_ERROR(CheckSends(request, turn.now));
            return staged.StageApply(request, stats_.revision_floor);
          });
}

void ShardCore::Run(CallId call, CreateAccountRequest&& request, ShardTurn& turn) {
  RunOnce(call, request, turn,
          [&](StagedAccount& staged) -> absl::StatusOr<std::vector<MutationResult>> {
            SHARDD_RETURN_IF_ERROR(staged.StageCreate(request, stats_.revision_floor));
            return std::vector<MutationResult>();
          });
}

void ShardCore::Run(CallId call, UpdateAccountRequest&& request, ShardTurn& turn) {
  RunOnce(call, request, turn,
          [&](StagedAccount& staged) -> absl::StatusOr<std::vector<MutationResult>> {
            SHARDD_RETURN_IF_ERROR(staged.StageUpdate(request));
            return std::vector<MutationResult>();
          });
}

void ShardCore::Run(CallId call, DeleteAccountRequest&& request, ShardTurn& turn) {
  RunOnce(call, request, turn,
          [&](StagedAccount& staged) -> absl::StatusOr<std::vector<MutationResult>> {
            SHARDD_RETURN_IF_ERROR(staged.StageDelete(request));
            return std::vector<MutationResult>();
          });
}

template <typename Read>
void ShardCore::AnswerRead(CallId call, ShardTurn& turn, Read read) {
  if (std::exchange(turn.last_call, call.call) != call.call) turn.last_call_read_bytes = 0;
  // A frame that asks for more than its answer may hold must not fill the memory first.
  if (turn.last_call_read_bytes > limits::kFrameReadBytesMax) {
    turn.effects.push_back(Reply{call, FrameReadsTooMuch()});
    return;
  }
  AnswerFound(call, read(), turn);
}

void ShardCore::AnswerFound(CallId call, absl::StatusOr<ShardAnswer> answer, ShardTurn& turn) {
  const size_t bytes = answer.ok() ? ReadBytes(*answer) : 0;
  turn.last_call_read_bytes += bytes;
  turn.read_bytes += bytes;
  turn.effects.push_back(Reply{call, std::move(answer)});
}

void ShardCore::Run(CallId call, GetRequest&& request, ShardTurn& turn) {
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  const CachingReader cached(overlay, *cache_);
  AnswerRead(call, turn, [&] { return ShardReader(cached, route_.home).Get(request); });
}

void ShardCore::Run(CallId call, ScanRequest&& request, ShardTurn& turn) {
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  AnswerRead(call, turn, [&] { return ShardReader(overlay, route_.home).Scan(request); });
}

void ShardCore::Run(CallId call, GetOutcomeRequest&& request, ShardTurn& turn) {
  const AccountKeys keys(request.account);
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  const CachingReader cached(overlay, *cache_);
  const ShardReader reader(cached, route_.home);
  const auto run = [&]() -> absl::StatusOr<ShardAnswer> {
    OutcomeResult result;
    SHARDD_ASSIGN_OR_RETURN(const std::optional<OutcomeRecord> found,
                            reader.FindOutcome(keys, request.request_id));
    if (found.has_value() && found->applied()) {
      result.outcome = RequestOutcome::kApplied;
      result.applied = ApplyResult{found->revision, found->results, /*replayed=*/true};
      return result;
    }
    if (found.has_value()) {
      result.outcome = RequestOutcome::kNotApplied;
      result.refused = found->error();
      return result;
    }
    if (!request.forbid) return result;
    result.outcome = RequestOutcome::kNotApplied;
    result.refused = Error(Reason::kRequestForbidden,
                           "the request was forbidden before it arrived; it never takes effect");
    SHARDD_ASSIGN_OR_RETURN(const std::optional<AccountRecord> record, reader.FindAccount(keys));
    StagedAccount staged(keys, reader, record, turn.now);
    if (!staged.has_record()) staged.LeaveTombstone(stats_.revision_floor);
    SHARDD_RETURN_IF_ERROR(
        staged.StageOutcome(request.request_id, Refusal({}, result.refused), Retention()));
    Write(staged, keys, turn);
    return result;
  };
  turn.effects.push_back(Reply{call, run()});
}

void ShardCore::Write(StagedAccount& staged, const AccountKeys& keys, ShardTurn& turn) {
  const ShardStats before = stats_;
  for (auto& [key, value] : staged.TakeWrites(stats_)) {
    WriteRecord(std::move(key), std::move(value), turn);
  }
  CountChange(keys.routing_key(), before);
  CountGrowth(static_cast<int64_t>(stats_.account_count - before.account_count) +
              static_cast<int64_t>(stats_.entry_count - before.entry_count));
  if (staged.changed()) Publish(keys, staged.TakeChange(), turn);
}

void ShardCore::WriteRecord(std::string key, std::optional<std::string> value, ShardTurn& turn) {
  if (CachingReader::Keeps(route_.home, key)) {
    cache_->Store(key, value);
  } else {
    CountGrowth(value.has_value() ? 1 : -1);  // an outcome: each is new, or was there
  }
  std::optional<storage::Family> also;
  if (rehome_.has_value()) also = rehome_->way.AlsoWrite(key);
  turn.batch.Set(route_.home, std::move(key), std::move(value), also);
}

void ShardCore::Publish(const AccountKeys& keys, AccountChange change, ShardTurn& turn) {
  history_.Add(keys.name(), change);
  const auto watching = watches_of_account_.find(keys.name());
  if (watching == watches_of_account_.end()) return;
  const auto shared = std::make_shared<const AccountChange>(std::move(change));
  for (const CallId call : watching->second) {
    Watch& watch = watches_.at(call);
    watch.seen_revision = shared->revision;
    if (shared->revision < watch.next_revision) continue;
    watch.next_revision = shared->revision + 1;
    turn.effects.push_back(WatchEvent{call, {shared}, shared->revision});
  }
}

void ShardCore::Run(CallId call, WatchRequest&& request, ShardTurn& turn) {
  if (absl::Status refused = StartWatch(call, request, turn); !refused.ok()) {
    turn.effects.push_back(Reply{call, std::move(refused)});
  }
}

absl::Status ShardCore::StartWatch(CallId call, const WatchRequest& request, ShardTurn& turn) {
  if (watches_.size() >= limits::kWatchesPerShardMax) {
    return Error(Reason::kTooManyWatches,
                 absl::StrCat("the shard serves ", limits::kWatchesPerShardMax,
                              " watches, as many as it may"));
  }
  const AccountKeys keys(request.account);
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  SHARDD_ASSIGN_OR_RETURN(const std::optional<AccountRecord> record,
                          ShardReader(overlay, route_.home).FindAccount(keys));
  if (!record.has_value()) return AccountNotFound(request.account);
  const uint64_t next = record->revision + 1;
  const uint64_t start = request.start_revision == 0 ? next : request.start_revision;
  // A watch that missed the deletion may still hear of it.
  if (!record->exists() && start >= next) return AccountNotFound(request.account);
  std::vector<std::shared_ptr<const AccountChange>> missed;
  if (start < next) {
    auto kept = history_.Find(keys.name(), start, record->revision);
    if (!kept.has_value()) {
      return WithMetadata(Error(Reason::kRevisionCompacted,
                                absl::StrCat("the changes from revision ", start,
                                             " are no longer kept; read the "
                                             "account, which is at revision ",
                                             record->revision, ", and watch from the next one")),
                          "current_revision", absl::StrCat(record->revision));
    }
    missed = *std::move(kept);
  }
  AddWatch(call, Watch{keys.name(), keys.routing_key(), std::max(start, next), record->revision});
  // Sent even without changes: it says that the watch stands.
  turn.effects.push_back(WatchEvent{call, std::move(missed), record->revision});
  return absl::OkStatus();
}

void ShardCore::Run(CallId call, UnwatchRequest&&, ShardTurn& turn) {
  const auto watch = watches_.find(call);
  if (watch != watches_.end()) {
    const auto of_account = watches_of_account_.find(watch->second.account);
    SHARDD_CHECK(of_account != watches_of_account_.end());
    of_account->second.erase(call);
    if (of_account->second.empty()) watches_of_account_.erase(of_account);
    watches_.erase(watch);
  }
  turn.effects.push_back(Reply{call, WatchEnded{}});
}

void ShardCore::Run(CallId, PurgeNamespace&& request, ShardTurn& turn) {
  PurgeResult result;
  result.operation = request.operation;
  result.shard = route_.shard;
  CloseNamespace(request.name_space);
  result.status = Purge(request, turn, result);
  turn.effects.push_back(std::move(result));
}

void ShardCore::CloseNamespace(const std::string& name) {
  // It is reopened in the shards that hold a part of it.
  if (!route_.range.Overlaps(RangeOfNamespace(name))) return;
  closed_namespaces_[name] = next_closed_++;
  if (closed_namespaces_.size() <= limits::kNamespacesMax) return;
  // The one deleted longest ago: no request to it can still be on its way.
  const auto oldest =
      std::min_element(closed_namespaces_.begin(), closed_namespaces_.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  closed_namespaces_.erase(oldest);
}

void ShardCore::Run(CallId, ReopenNamespace&& request, ShardTurn&) {
  closed_namespaces_.erase(request.name_space);
}

absl::Status ShardCore::Purge(const PurgeNamespace& request, ShardTurn& turn, PurgeResult& result) {
  const KeyRange range = route_.range.Intersection(RangeOfNamespace(request.name_space));
  std::vector<StoredAccount> found;
  {
    const storage::OverlayReader overlay(*turn.committed, turn.batch);
    AccountCursor walk(overlay, route_.home, range, request.position);
    while (found.size() < request.accounts_max && walk.Next()) {
      // Another namespace may share the hash.
      if (walk.account().ref.name_space == request.name_space) found.push_back(walk.account());
    }
    SHARDD_RETURN_IF_ERROR(walk.status());
    result.position = walk.position();
  }
  for (const StoredAccount& account : found) {
    if (!request.delete_accounts) {
      result.holds_accounts = result.holds_accounts || account.record.exists();
      continue;
    }
    result.position = AccountKeys(account.ref).Key(RecordType::kAccount);
    SHARDD_RETURN_IF_ERROR(ForgetAccount(account.ref, account.record, turn));
    if (account.record.exists()) ++result.accounts_deleted;
    if (turn.batch.bytes() >= limits::kBatchBytesMax) return absl::OkStatus();
  }
  result.empty = found.size() < request.accounts_max && !result.holds_accounts;
  return absl::OkStatus();
}

absl::Status ShardCore::ForgetAccount(const AccountRef& account, const AccountRecord& record,
                                      ShardTurn& turn) {
  const AccountKeys keys(account);
  std::vector<std::string> stored;
  {
    const storage::OverlayReader overlay(*turn.committed, turn.batch);
    for (const RecordType type : {RecordType::kAccount, RecordType::kEntry, RecordType::kOutcome,
                                  RecordType::kOutcomeOrder}) {
      const auto cursor = overlay.NewCursor(route_.home, keys.Bounds(type));
      for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
        stored.emplace_back(cursor->key());
      }
      SHARDD_RETURN_IF_ERROR(cursor->status());
    }
  }
  for (std::string& key : stored) WriteRecord(std::move(key), std::nullopt, turn);
  if (record.mailbox.count > 0) SHARDD_RETURN_IF_ERROR(ForgetMailbox(account, turn));
  const ShardStats before = stats_;
  stats_.account_count -= record.exists() ? 1 : 0;
  stats_.entry_count -= record.entry_count;
  stats_.byte_count -= record.byte_count;
  CountChange(keys.routing_key(), before);
  // A name that is used again goes on above what was forgotten; the deletion itself counts as a
  // change.
  const uint64_t last_revision = record.revision + (record.exists() ? 1 : 0);
  stats_.revision_floor = std::max(stats_.revision_floor, last_revision);
  if (record.exists()) {
    AccountChange change;
    change.revision = last_revision;
    change.deleted = true;
    Publish(keys, std::move(change), turn);
  }
  return absl::OkStatus();
}

void ShardCore::FinishTurn(ShardTurn& turn) {
  if (retired_) return;  // another core has everything; only a command wakes this one
  if (std::exchange(turn_has_requests_, false)) {
    idle_since_ = absl::InfiniteFuture();
  } else {
    idle_since_ = std::min(idle_since_, turn.now);
  }
  if (next_sweep_ == absl::InfinitePast()) next_sweep_ = turn.now + limits::kSweepRestInterval;
  if (turn.now >= next_sweep_) {
    // A record that cannot be read stops this pass, not the shard: requests that need it get the
    // error.
    if (!SweepStep(turn).ok()) {
      sweep_cursor_.clear();
      next_sweep_ = turn.now + limits::kSweepRestInterval;
    }
  }
  if (turn.now >= next_mark_sweep_ && !SweepMarks(turn).ok()) {
    mark_cursor_.clear();
    next_mark_sweep_ = turn.now + limits::kSweepRestInterval;
  }
  SendProgress(turn);
  EndPassedLeases(turn);
  MoveOrphans(turn);
  RedriveForNewAccounts(turn);
  if (!mailbox_search_.has_value() && mailboxes_.MustBeLookedFor(turn.now)) {
    mailboxes_.SetComplete();
    mailbox_search_ = MailboxSearch{};
  }
  if (mailbox_search_.has_value() && turn.now >= mailbox_search_rests_until_) {
    const storage::OverlayReader overlay(*turn.committed, turn.batch);
    // What cannot be read now is looked for again.
    if (!FindMailboxes(overlay, turn.now).ok()) {
      mailbox_search_rests_until_ = turn.now + limits::kMailboxReadRetryInterval;
    }
  }
  mailboxes_.Advance(turn.now);
  TellWhatIsReady(turn);
  DeliverWaiting(turn);
  if (rehome_.has_value()) RehomeStep(turn);
  if (stats_ != stats_written_) {
    turn.batch.Put(storage::kMeta, ShardStatsKey(route_.shard), stats_.Encode());
    stats_written_ = stats_;
  }
  turn.wake_at = watches_.empty() ? next_sweep_ : std::min(next_sweep_, next_progress_);
  turn.wake_at =
      std::min({turn.wake_at, next_mark_sweep_, outbox_.wake_at(), mailboxes_.wake_at()});
  if (!orphaned_.empty() || !redriven_.empty()) {
    turn.wake_at = std::min(turn.wake_at, std::max(turn.now, undeliverable_rests_until_));
  }
  if (mailbox_search_.has_value()) {
    turn.wake_at = std::min(turn.wake_at, std::max(turn.now, mailbox_search_rests_until_));
  }
  if (paused_until_ > turn.now) turn.wake_at = std::min(turn.wake_at, paused_until_);
  if (moves()) {
    turn.wake_at = std::min(turn.wake_at, std::max(turn.now, NextRehomeStep()));
    // To see whether anything comes: the commit of this turn may take longer than that.
    if (idle_since_ == absl::InfiniteFuture()) {
      turn.wake_at = std::min(turn.wake_at, turn.now + limits::kRehomeIdleAfter);
    }
  }
}

void ShardCore::SendProgress(ShardTurn& turn) {
  if (watches_.empty()) {
    next_progress_ = absl::InfinitePast();
    return;
  }
  if (next_progress_ == absl::InfinitePast()) {
    next_progress_ = turn.now + limits::kWatchProgressInterval;
  }
  if (turn.now < next_progress_) return;
  next_progress_ = turn.now + limits::kWatchProgressInterval;
  for (const auto& [call, watch] : watches_) {
    turn.effects.push_back(WatchEvent{call, {}, watch.seen_revision});
  }
}

absl::Status ShardCore::SweepStep(ShardTurn& turn) {
  std::vector<StoredAccount> found;
  {
    const storage::OverlayReader overlay(*turn.committed, turn.batch);
    AccountCursor walk(overlay, route_.home, route_.range, sweep_cursor_);
    while (found.size() < limits::kSweepAccountsPerStep && walk.Next()) {
      found.push_back(walk.account());
    }
    SHARDD_RETURN_IF_ERROR(walk.status());
  }
  bool pass_ended = found.size() < limits::kSweepAccountsPerStep;
  for (StoredAccount& account : found) {
    // What a few accounts leave behind can fill a batch.
    if (turn.batch.bytes() >= limits::kBatchBytesMax) {
      pass_ended = false;
      break;
    }
    sweep_cursor_ = AccountKeys(account.ref).Key(RecordType::kAccount);
    SHARDD_RETURN_IF_ERROR(SweepAccount(account.ref, std::move(account.record), turn));
  }
  if (pass_ended) sweep_cursor_.clear();
  next_sweep_ = turn.now + (pass_ended ? limits::kSweepRestInterval : limits::kSweepStepInterval);
  return absl::OkStatus();
}

absl::Status ShardCore::SweepAccount(const AccountRef& account, AccountRecord record,
                                     ShardTurn& turn) {
  const bool outdated =
      !record.exists() && record.update_time + options_.outcome_retention < turn.now;
  if (record.outcome_first != record.outcome_next) {
    // Not by the account's time alone: after a clock was set back, an outcome may be newer than
    // that.
    const AccountKeys keys(account);
    const storage::OverlayReader overlay(*turn.committed, turn.batch);
    const CachingReader cached(overlay, *cache_);
    const ShardReader reader(cached, route_.home);
    StagedAccount staged(keys, reader, std::move(record), turn.now);
    SHARDD_RETURN_IF_ERROR(staged.DropOutdatedOutcomes(
        outdated ? limits::kSweepOutcomesOfDeleted : limits::kSweepOutcomesPerAccount,
        Retention()));
    if (staged.outcomes_changed()) Write(staged, keys, turn);
    record = staged.record();
  }
  if (record.mailbox.HasOrphans()) orphaned_.insert(account);
  const bool remembers =
      record.outcome_first != record.outcome_next || record.mailbox.count > 0;
  return outdated && !remembers ? ForgetAccount(account, record, turn) : absl::OkStatus();
}

}  // namespace shardd
