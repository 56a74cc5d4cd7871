#include "server/core/shard_changes.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/core/meta_records.h"
#include "server/core/shard_plan.h"

namespace shardd {
namespace {

// Its key in meta begins with this (storage/FORMAT.md); the shard follows.
constexpr absl::string_view kRehomePrefix = "rehome/";

}  // namespace

absl::Status ShardChanges::Load(const storage::Reader& meta) {
  SHARDD_RETURN_IF_ERROR(ForEachRecord(
      meta, kRehomePrefix, [&](absl::string_view key, absl::string_view value) -> absl::Status {
        SHARDD_ASSIGN_OR_RETURN(RehomeRecord record, RehomeRecord::Decode(value));
        const ShardId shard{ByteReader(key).Fixed64()};
        const OperationRecord* const operation = operations_.Find(record.operation);
        const bool fits = operation != nullptr && operation->running() &&
                          operation->change.has_value() && MoverOf(*operation) == shard;
        if (!fits) return Unreadable("rehome, which belongs to no running operation,");
        rehomes_at_start_.emplace(shard, std::move(record));
        return absl::OkStatus();
      }));
  for (const auto& [id, operation] : operations_.table()) {
    if (operation.running() && operation.change.has_value() && !CanGoOn(operation, table())) {
      return Unreadable(absl::StrCat("table, which operation ", ToText(id), " does not fit,"));
    }
  }
  return absl::OkStatus();
}

void ShardChanges::Start(CoordinatorTurn& turn) {
  std::vector<OperationId> running;
  for (const auto& [id, operation] : operations_.table()) {
    if (operation.running() && operation.change.has_value()) running.push_back(id);
  }
  // All are known before any goes on: one may need the home that another one leaves.
  for (const OperationId id : running) Occupy(*operations_.Find(id));
  for (const OperationId id : running) Resume(*operations_.Find(id), turn);
}

void ShardChanges::Occupy(const OperationRecord& operation) {
  running_[operation.id];
  for (const ShardId shard : ShardsOf(operation)) {
    ledger_.Occupy(shard, operation.id, operation.kind);
  }
}

void ShardChanges::Resume(OperationRecord& operation, CoordinatorTurn& turn) {
  if (Moves(operation)) return ResumeMove(operation, turn);
  // Nothing of it is under way any more.
  if (operation.state == OperationState::kCancelling) return EndInVain(operation, turn);
  Prepare(operation, turn);
}

void ShardChanges::ResumeMove(OperationRecord& operation, CoordinatorTurn& turn) {
  Progress& progress = running_.at(operation.id);
  progress.moves = true;
  const ShardId mover = MoverOf(operation);
  const bool in_vain = operation.state == OperationState::kCancelling ||
                       operation.error_reason != Reason::kUnspecified;
  const auto stored = rehomes_at_start_.find(mover);
  if (stored != rehomes_at_start_.end()) {
    // Its owner has the record too, and goes on by itself.
    const bool copies = stored->second.stage == RehomeStage::kCopying;
    progress.abandoned = stored->second.stage == RehomeStage::kAbandoning;
    progress.stage = copies ? Stage::kCopying : Stage::kClearing;
    if (copies && in_vain) Abandon(operation, turn);
    return;
  }
  const Route* const route = table().FindShard(mover);
  if (route != nullptr && route->home == operation.change->to) {
    AfterClearing(operation, turn);
  } else if (in_vain) {
    progress.abandoned = true;
    AfterClearing(operation, turn);
  } else {
    Copy(operation, turn);
  }
}

// ---- What can be asked for.

OperationRecord& ShardChanges::BeginOperation(OperationKind kind, ShardChange change,
                                              CoordinatorTurn& turn) {
  OperationRecord operation = OperationOn(kind, change);
  operation.status_message = Words(operation);
  OperationRecord& begun = operations_.Begin(std::move(operation), turn);
  Occupy(begun);
  return begun;
}

namespace {

OperationRecord Planned(OperationKind kind, const ShardChange& change) {
  OperationRecord operation = OperationOn(kind, change);
  operation.status_message = "nothing is changed: this only says what would be done";
  // Whether there is a key to split at is found out by reading all that the shard holds.
  if (kind == OperationKind::kSplit && !change.at.has_value()) {
    absl::StrAppend(&operation.status_message,
                    "; the key is found when it runs, which fails if the shard holds no two "
                    "routing keys");
  }
  return operation;
}

}  // namespace

absl::StatusOr<OperationRecord> ShardChanges::Begin(const SplitShardRequest& request,
                                                    CoordinatorTurn& turn) {
  SHARDD_ASSIGN_OR_RETURN(const ShardChange change, Plan(request, ledger_, turn.now));
  if (table().routes().size() + running_.size() >= limits::kShardsMax) {
    return Error(Reason::kTooManyShards, absl::StrCat("there may be at most ", limits::kShardsMax,
                                                      " shards, splits under way included"));
  }
  SHARDD_RETURN_IF_ERROR(operations_.CheckRoom());
  if (request.guard.dry_run) return Planned(OperationKind::kSplit, change);
  ledger_.UseNextShard(turn.batch);
  OperationRecord& operation = BeginOperation(OperationKind::kSplit, change, turn);
  Survey(operation, turn);
  return operation;
}

absl::StatusOr<OperationRecord> ShardChanges::Begin(const MergeShardsRequest& request,
                                                    CoordinatorTurn& turn) {
  SHARDD_ASSIGN_OR_RETURN(const ShardChange change, Plan(request, ledger_, turn.now));
  SHARDD_RETURN_IF_ERROR(operations_.CheckRoom());
  if (request.guard.dry_run) return Planned(OperationKind::kMerge, change);
  OperationRecord& operation = BeginOperation(OperationKind::kMerge, change, turn);
  if (Moves(operation)) {
    Copy(operation, turn);
  } else {
    MakeReady(operation.id, /*moves=*/false);
  }
  return operation;
}

absl::StatusOr<OperationRecord> ShardChanges::Begin(const MoveHomeRequest& request,
                                                    CoordinatorTurn& turn) {
  SHARDD_ASSIGN_OR_RETURN(const ShardChange change, Plan(request, ledger_, Homes(), turn.now));
  SHARDD_RETURN_IF_ERROR(operations_.CheckRoom());
  if (request.guard.dry_run) return Planned(OperationKind::kRehome, change);
  OperationRecord& operation = BeginOperation(OperationKind::kRehome, change, turn);
  Copy(operation, turn);
  return operation;
}

absl::StatusOr<OperationRecord> ShardChanges::Begin(const VerifyShardRequest& request,
                                                    CoordinatorTurn& turn) {
  return LookAfter(OperationKind::kVerify, request.shard, request.guard, turn);
}

absl::StatusOr<OperationRecord> ShardChanges::Begin(const CompactShardRequest& request,
                                                    CoordinatorTurn& turn) {
  return LookAfter(OperationKind::kCompact, request.shard, request.guard, turn);
}

absl::StatusOr<OperationRecord> ShardChanges::LookAfter(OperationKind kind, ShardId shard,
                                                        const ChangeGuard& guard,
                                                        CoordinatorTurn& turn) {
  SHARDD_RETURN_IF_ERROR(ledger_.FindFree(shard, guard).status());
  SHARDD_RETURN_IF_ERROR(operations_.CheckRoom());
  ShardChange change;
  change.shard = shard;
  if (guard.dry_run) return Planned(kind, change);
  OperationRecord& operation = BeginOperation(kind, change, turn);
  Prepare(operation, turn);
  return operation;
}

absl::StatusOr<ShardNote> ShardChanges::Pause(const PauseShardRequest& request,
                                              CoordinatorTurn& turn) {
  SHARDD_ASSIGN_OR_RETURN(ShardNote note, ledger_.Pause(request));
  if (!request.guard.dry_run) Command(request.shard, PauseRequests{request.until}, turn);
  return note;
}

// ---- Preparations.

void ShardChanges::Prepare(OperationRecord& operation, CoordinatorTurn& turn) {
  if (operation.kind == OperationKind::kMerge) return MakeReady(operation.id, /*moves=*/false);
  if (operation.kind == OperationKind::kCompact) return Compact(operation, turn);
  Survey(operation, turn);
}

void ShardChanges::Compact(const OperationRecord& operation, CoordinatorTurn& turn) {
  const Route& route = *table().FindShard(operation.change->shard);
  running_.at(operation.id).stage = Stage::kCompacting;
  turn.effects.push_back(CompactRange{operation.id, route.home, route.range});
}

void ShardChanges::Survey(OperationRecord& operation, CoordinatorTurn& turn) {
  const Route& route = *table().FindShard(operation.change->shard);
  running_.at(operation.id).stage = Stage::kSurveying;
  operation.steps_done = 0;  // it is read from the start
  BeginSurvey survey{operation.id, SurveyPurpose::kCount, route.range};
  if (operation.kind == OperationKind::kVerify) {
    survey.purpose = SurveyPurpose::kVerify;
  } else if (operation.change->at.has_value()) {
    survey.range.start = *operation.change->at;
  } else {
    survey.purpose = SurveyPurpose::kMedian;
  }
  Command(route.shard, survey, turn);
}

void ShardChanges::Copy(OperationRecord& operation, CoordinatorTurn& turn) {
  Progress& progress = running_.at(operation.id);
  progress.stage = Stage::kCopying;
  progress.moves = true;
  turn.effects.push_back(CreateHome{operation.change->to});
  Command(MoverOf(operation), BeginRehome{operation.id, operation.change->to}, turn);
}

void ShardChanges::Abandon(OperationRecord& operation, CoordinatorTurn& turn) {
  Progress& progress = running_.at(operation.id);
  progress.stage = Stage::kClearing;
  progress.abandoned = true;
  operations_.Write(operation, turn);
  Command(MoverOf(operation), AbandonRehome{operation.id, IsUsed(operation.change->to, operation)},
          turn);
}

void ShardChanges::MakeReady(OperationId id, bool moves) {
  Progress& progress = running_.at(id);
  progress.stage = Stage::kReady;
  progress.moves = moves;
  ready_.push_back(id);
}

void ShardChanges::Step(SurveyDone result, CoordinatorTurn& turn) {
  const auto found = running_.find(result.operation);
  if (found == running_.end() || found->second.stage != Stage::kSurveying) return;  // cancelled
  OperationRecord& operation = *operations_.Find(result.operation);
  if (result.status.ok() && result.purpose == SurveyPurpose::kMedian &&
      !result.median_key.has_value()) {
    result.status = Error(
        Reason::kCannotSplit,
        absl::StrCat("shard ", operation.target, " cannot be split: it holds no two routing keys"));
  }
  if (!result.status.ok()) {
    Command(operation.change->shard, EndSurvey{operation.id}, turn);
    return End(operation, OperationState::kFailed, result.status, turn);
  }
  switch (result.purpose) {
    case SurveyPurpose::kMedian:
      operation.change->at = result.median_key;
      Survey(operation, turn);
      return operations_.Write(operation, turn);
    case SurveyPurpose::kCount:
      found->second.counted = result.totals;
      operation.steps_done = result.totals.record_count;
      operation.status_message = "waiting for its turn";
      return MakeReady(operation.id, /*moves=*/false);
    case SurveyPurpose::kVerify:
      break;
  }
  const Verification verification = Verify(result);
  operation.steps_done = verification.totals.record_count;
  operation.verification = verification;
  if (verification.error_count == 0) {
    End(operation, OperationState::kSucceeded, absl::OkStatus(), turn);
  } else {
    End(operation, OperationState::kFailed,
        Error(Reason::kStorageCorrupt,
              absl::StrCat(verification.error_count,
                           " contradictions; the first: ", verification.first_error)),
        turn);
  }
}

void ShardChanges::On(OperationAdvanced&& report, CoordinatorTurn& turn) {
  const auto found = running_.find(report.operation);
  if (found == running_.end()) return;  // cancelled
  // In any other stage it is late, and the record may be the owner's to write.
  const Stage stage = found->second.stage;
  if (stage != Stage::kSurveying && stage != Stage::kCopying) return;
  OperationRecord& operation = *operations_.Find(report.operation);
  operation.steps_done += report.steps;
  operations_.Write(operation, turn);
}

void ShardChanges::Step(RangeCompacted result, CoordinatorTurn& turn) {
  if (!running_.contains(result.operation)) return;  // cancelled
  OperationRecord& operation = *operations_.Find(result.operation);
  End(operation, result.status.ok() ? OperationState::kSucceeded : OperationState::kFailed,
      result.status, turn);
}

bool ShardChanges::TooLateToCancel(OperationId id) const {
  const auto found = running_.find(id);
  if (found == running_.end()) return false;
  const Progress& progress = found->second;
  if (progress.stage == Stage::kFlipping) return true;
  // A merge that has moved is still to flip.
  const bool clears = progress.stage == Stage::kClearing || progress.stage == Stage::kDropping;
  return clears && !progress.abandoned && operations_.Find(id)->kind == OperationKind::kRehome;
}

void ShardChanges::Cancel(OperationId id, CoordinatorTurn& turn) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  OperationRecord& operation = *operations_.Find(id);
  switch (found->second.stage) {
    case Stage::kSurveying:
      Command(operation.change->shard, EndSurvey{id}, turn);
      return EndInVain(operation, turn);
    case Stage::kCompacting:
      turn.effects.push_back(CancelJob{id});
      return EndInVain(operation, turn);
    case Stage::kCopying:
      return Abandon(operation, turn);
    case Stage::kReady:
      // Still among those that wait, or the next one that waits for steps of a deletion to end.
      if (flip_.has_value() && flip_->operation == id) {
        flip_.reset();
        namespaces_.Release(table(), turn);
      }
      std::erase(ready_, id);
      if (found->second.moves) return Abandon(operation, turn);
      if (operation.kind == OperationKind::kSplit) {
        Command(operation.change->shard, EndSurvey{id}, turn);
      }
      return EndInVain(operation, turn);
    case Stage::kRetiring:  // ends when the shard has stopped
    case Stage::kFlipping:  // too late: nobody asks
    case Stage::kClearing:  // ends by itself
    case Stage::kDropping:  // likewise
      return;
  }
}

// ---- Flips.

void ShardChanges::Advance(CoordinatorTurn& turn) {
  if (!flip_.has_value()) {
    if (ready_.empty() || stopped_) return;
    flip_ = Flip();
    flip_->operation = ready_.front();
    ready_.pop_front();
  }
  if (flip_->told) return;
  const OperationRecord& operation = *operations_.Find(flip_->operation);
  Progress& progress = running_.at(operation.id);
  const std::vector<ShardId> shards = ShardsOf(operation);
  // A rehome changes no range; deletions go on.
  if (!progress.moves && namespaces_.Hold(shards)) return;
  flip_->told = true;
  if (operation.kind == OperationKind::kMerge && !progress.moves) {
    progress.stage = Stage::kRetiring;
    Command(operation.change->other, Retire{operation.id}, turn);
  } else {
    Tell(turn);
  }
}

storage::WriteSet ShardChanges::FlipRecords() const {
  storage::WriteSet records;
  ShardLedger::WriteFlip(flip_->next, records);
  records.Put(storage::kMeta, OperationKey(flip_->operation), flip_->record.Encode());
  return records;
}

void ShardChanges::Tell(CoordinatorTurn& turn) {
  const OperationRecord& operation = *operations_.Find(flip_->operation);
  Progress& progress = running_.at(operation.id);
  progress.stage = Stage::kFlipping;
  const ShardChange& change = *operation.change;
  TableChange lineage;
  lineage.time = AsStored(turn.now);
  lineage.kind = progress.moves ? OperationKind::kRehome : operation.kind;
  lineage.operation = operation.id;
  flip_->next = ledger_.Next(TableAfter(operation, progress.moves, table()), std::move(lineage));
  const TableEpoch epoch = flip_->next.table->epoch();
  flip_->record = operation;
  flip_->record.change->epoch = epoch;
  if (progress.moves) {
    flip_->record.status_message = "clearing the home that was left";
    Command(MoverOf(operation), SwitchHome{operation.id, epoch, FlipRecords()}, turn);
    return;
  }
  flip_->record = OperationBook::Ended(std::move(flip_->record), OperationState::kSucceeded,
                                       absl::OkStatus(), turn.now);
  if (operation.kind == OperationKind::kSplit) {
    Command(change.shard,
            SplitOff{operation.id, epoch, *flip_->next.table->FindShard(change.other),
                     progress.counted, FlipRecords()},
            turn);
  }
}

void ShardChanges::Step(ShardReport report, CoordinatorTurn& turn) {
  std::visit([&](auto&& body) { On(std::move(body), turn); }, std::move(report));
}

void ShardChanges::On(ShardRetired&& report, CoordinatorTurn& turn) {
  SHARDD_CHECK(flip_.has_value() && flip_->operation == report.operation);
  OperationRecord& operation = *operations_.Find(report.operation);
  if (operation.state == OperationState::kCancelling) {
    Command(report.shard, Unretire{operation.id, std::move(report.state)}, turn);
    // It heard of no change of its pause meanwhile.
    Command(report.shard, PauseRequests{ledger_.note(report.shard).paused_until}, turn);
    flip_.reset();
    EndInVain(operation, turn);
    namespaces_.Release(table(), turn);
    return;
  }
  Tell(turn);
  Command(operation.change->shard,
          Absorb{operation.id, flip_->next.table->epoch(), *table().FindShard(report.shard),
                 std::move(report.state), FlipRecords()},
          turn);
}

void ShardChanges::On(TableFlipped&& report, CoordinatorTurn& turn) {
  SHARDD_CHECK(flip_.has_value() && flip_->operation == report.operation);
  const Flip flip = *std::exchange(flip_, std::nullopt);
  OperationRecord& operation = *operations_.Find(flip.operation);
  const bool moved = running_.at(operation.id).moves;
  ledger_.HasFlipped(flip.next, turn.batch);
  TellPause(*flip.next.change, turn);
  if (moved) {
    operation = flip.record;  // nobody could cancel it since
    operation.change->pause = report.pause;
    running_.at(operation.id).stage = Stage::kClearing;
    operations_.Write(operation, turn);
    // Only now: until the table said so, others could choose the home that is left.
    Command(MoverOf(operation),
            HomePublished{operation.id, IsUsed(operation.change->from, operation)}, turn);
    return;
  }
  OperationRecord ended = flip.record;
  ended.change->pause = report.pause;
  FreeShards(ended);
  running_.erase(ended.id);
  if (ended.kind == OperationKind::kMerge) {
    turn.effects.push_back(ForgetShard{ended.change->other});
  }
  operations_.HasEnded(std::move(ended), turn);
  namespaces_.Release(table(), turn);
}

// Owners hand it over by themselves, but for what they were told after they had.
void ShardChanges::TellPause(const TableChange& change, CoordinatorTurn& turn) const {
  for (const Route& route : change.diff.added) {
    const absl::Time until = ledger_.note(route.shard).paused_until;
    if (until != absl::InfinitePast()) Command(route.shard, PauseRequests{until}, turn);
  }
}

// ---- Rehomes.

void ShardChanges::On(HomeCopied&& report, CoordinatorTurn& turn) {
  const auto found = running_.find(report.operation);
  if (found == running_.end() || found->second.stage != Stage::kCopying) return;  // cancelled
  OperationRecord& operation = *operations_.Find(report.operation);
  if (report.status.ok()) {
    operation.status_message = "waiting for its turn";
    return MakeReady(operation.id, /*moves=*/true);
  }
  operation.error_reason = ReasonOf(report.status);
  operation.error_message = std::string(report.status.message());
  Abandon(operation, turn);
}

void ShardChanges::On(HomeCleared&& report, CoordinatorTurn& turn) {
  AfterClearing(*operations_.Find(report.operation), turn);
}

void ShardChanges::AfterClearing(OperationRecord& operation, CoordinatorTurn& turn) {
  Progress& progress = running_.at(operation.id);
  const storage::Family left = progress.abandoned ? operation.change->to : operation.change->from;
  if (IsUsed(left, operation)) return AfterMove(operation, turn);
  progress.stage = Stage::kDropping;
  turn.effects.push_back(DropHome{left, operation.id});
}

void ShardChanges::Step(HomeDropped dropped, CoordinatorTurn& turn) {
  AfterMove(*operations_.Find(dropped.operation), turn);
}

void ShardChanges::AfterMove(OperationRecord& operation, CoordinatorTurn& turn) {
  if (running_.at(operation.id).abandoned) return EndInVain(operation, turn);
  if (operation.kind == OperationKind::kRehome) {
    return End(operation, OperationState::kSucceeded, absl::OkStatus(), turn);
  }
  if (operation.state == OperationState::kCancelling) return EndInVain(operation, turn);
  // Both shards of the merge lie in one home now.
  operation.change->from = operation.change->to = storage::kMeta;
  operation.status_message = Words(operation);
  operations_.Write(operation, turn);
  MakeReady(operation.id, /*moves=*/false);
}

// ---- Ends.

void ShardChanges::EndInVain(OperationRecord& operation, CoordinatorTurn& turn) {
  if (operation.error_reason != Reason::kUnspecified) {
    return End(operation, OperationState::kFailed,
               Error(operation.error_reason, operation.error_message), turn);
  }
  End(operation, OperationState::kCancelled, absl::OkStatus(), turn);
}

void ShardChanges::End(OperationRecord& operation, OperationState state, const absl::Status& error,
                       CoordinatorTurn& turn) {
  FreeShards(operation);
  running_.erase(operation.id);
  operations_.End(operation, state, error, turn);
}

void ShardChanges::FreeShards(const OperationRecord& operation) {
  for (const ShardId shard : ShardsOf(operation)) ledger_.Free(shard, operation.id);
}

void ShardChanges::Command(ShardId shard, ShardCommand command, CoordinatorTurn& turn) const {
  turn.effects.push_back(CommandShard{shard, std::move(command)});
}

}  // namespace shardd
