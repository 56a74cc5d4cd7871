#include "server/core/shard_ledger.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/account/account_record.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/core/meta_records.h"
#include "server/routing/table_edits.h"

namespace shardd {
namespace {

// Keys in meta (storage/FORMAT.md).
constexpr absl::string_view kTableKey = "table";
constexpr absl::string_view kNextShardKey = "next-shard";
constexpr absl::string_view kPinPrefix = "pin/";
constexpr storage::Family kFirstHome{1};
constexpr uint8_t kNextShardVersion = 1;
constexpr uint8_t kPinVersion = 1;

std::string PinKey(ShardId shard) {
  return ByteWriter().Raw(kPinPrefix).Fixed64(shard.value).Take();
}

// When the shards that a change made were last split, given when those it replaces were.
absl::Time LastSplitAfter(const TableChange& change,
                          const std::function<absl::Time(ShardId)>& last_split_of) {
  if (change.kind == OperationKind::kSplit) return change.time;
  absl::Time last_split = absl::InfinitePast();
  for (const Route& route : change.diff.removed) {
    last_split = std::max(last_split, last_split_of(route.shard));
  }
  return last_split;
}

}  // namespace

// ---- What is stored.

absl::Status ShardLedger::Load(const storage::Reader& meta, size_t shard_count) {
  SHARDD_RETURN_IF_ERROR(LoadTable(meta, shard_count));
  SHARDD_RETURN_IF_ERROR(LoadNextShard(meta));
  SHARDD_RETURN_IF_ERROR(LoadLineage(meta));
  SHARDD_RETURN_IF_ERROR(LoadPins(meta));
  NoteAges();
  return absl::OkStatus();
}

absl::Status ShardLedger::LoadTable(const storage::Reader& meta, size_t shard_count) {
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(const bool found, meta.Get(storage::kMeta, kTableKey, &bytes));
  first_start_ = !found;
  if (found) {
    SHARDD_ASSIGN_OR_RETURN(RouteTable table, RouteTable::Decode(bytes));
    tables_.Add(std::make_shared<const RouteTable>(std::move(table)));
  } else {
    tables_.Add(std::make_shared<const RouteTable>(RouteTable::Uniform(shard_count, kFirstHome)));
  }
  for (const Route& route : table().routes()) {
    next_shard_ = std::max(next_shard_, route.shard.value + 1);
    notes_[route.shard];
  }
  return absl::OkStatus();
}

absl::Status ShardLedger::LoadNextShard(const storage::Reader& meta) {
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(const bool found, meta.Get(storage::kMeta, kNextShardKey, &bytes));
  if (!found) return absl::OkStatus();
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  next_shard_ = std::max(next_shard_, reader.Varint());
  if (version != kNextShardVersion || !reader.Done()) return Unreadable("next shard id");
  return absl::OkStatus();
}

absl::Status ShardLedger::LoadLineage(const storage::Reader& meta) {
  return ForEachRecord(meta, kTableChangePrefix,
                       [&](absl::string_view, absl::string_view value) -> absl::Status {
                         SHARDD_ASSIGN_OR_RETURN(TableChange change, TableChange::Decode(value));
                         lineage_.push_back(std::make_shared<const TableChange>(std::move(change)));
                         return absl::OkStatus();
                       });
}

absl::Status ShardLedger::LoadPins(const storage::Reader& meta) {
  return ForEachRecord(meta, kPinPrefix,
                       [&](absl::string_view key, absl::string_view value) -> absl::Status {
                         ByteReader name(key);
                         const auto note = notes_.find(ShardId{name.Fixed64()});
                         ByteReader reader(value);
                         const uint8_t version = reader.Byte();
                         const absl::Time until = FromStoredTime(reader.Signed());
                         if (version != kPinVersion || !reader.Done() || !name.Done())
                           return Unreadable("pin");
                         if (note != notes_.end()) note->second.pinned_until = until;
                         return absl::OkStatus();
                       });
}

void ShardLedger::NoteAges() {
  // Of shards that are no more, too: what they were merged into takes it over.
  std::map<ShardId, absl::Time> last_splits;
  for (const std::shared_ptr<const TableChange>& change : lineage_) {
    const absl::Time last_split = LastSplitAfter(*change, [&](ShardId shard) {
      return last_splits.try_emplace(shard, absl::InfinitePast()).first->second;
    });
    for (const Route& route : change->diff.added) {
      last_splits[route.shard] = last_split;
      const auto note = notes_.find(route.shard);
      if (note == notes_.end()) continue;
      note->second.last_change = change->time;
      note->second.last_split = last_split;
    }
  }
}

void ShardLedger::Start(storage::WriteSet& batch) const {
  if (first_start_) batch.Put(storage::kMeta, std::string(kTableKey), table().Encode());
}

void ShardLedger::UseNextShard(storage::WriteSet& batch) {
  ++next_shard_;
  batch.Put(storage::kMeta, std::string(kNextShardKey),
            ByteWriter().Byte(kNextShardVersion).Varint(next_shard_).Take());
}

// ---- Notes.

absl::StatusOr<Route> ShardLedger::Find(ShardId shard, const ChangeGuard& guard) const {
  const Route* const route = table().FindShard(shard);
  if (route == nullptr) return ShardNotFound(shard);
  if (guard.expected_epoch != 0 && guard.expected_epoch != table().epoch().value) {
    return UnexpectedEpoch(guard.expected_epoch, table().epoch(), *route);
  }
  return *route;
}

absl::StatusOr<Route> ShardLedger::FindFree(ShardId shard, const ChangeGuard& guard) const {
  SHARDD_ASSIGN_OR_RETURN(Route route, Find(shard, guard));
  const OperationId operation = note(shard).operation;
  if (operation.value == 0) return route;
  return WithRetryAfter(
      WithMetadata(Error(Reason::kShardBusy,
                         absl::StrCat("operation ", ToText(operation), " works on shard ",
                                      ToText(shard), "; try again when it has ended")),
                   "operation", ToText(operation)),
      limits::kMailboxRetryAfter);
}

absl::Status ShardLedger::CheckPin(ShardId shard, absl::Time now) const {
  const absl::Time until = note(shard).pinned_until;
  if (until <= now) return absl::OkStatus();
  return Error(Reason::kShardPinned,
               absl::StrCat("shard ", ToText(shard), " is pinned until ",
                            absl::FormatTime(absl::RFC3339_sec, until, absl::UTCTimeZone()),
                            "; unpin it first"));
}

ShardNote& ShardLedger::NoteOf(ShardId shard) {
  notes_changed_ = true;
  return notes_[shard];
}

void ShardLedger::Occupy(ShardId shard, OperationId operation, OperationKind kind) {
  if (!notes_.contains(shard)) return;
  ShardNote& note = NoteOf(shard);
  note.operation = operation;
  note.operation_kind = kind;
}

void ShardLedger::Free(ShardId shard, OperationId operation) {
  if (!notes_.contains(shard) || note(shard).operation != operation) return;
  NoteOf(shard).operation = OperationId{};
}

absl::StatusOr<ShardNote> ShardLedger::Pause(const PauseShardRequest& request) {
  SHARDD_RETURN_IF_ERROR(Find(request.shard, request.guard).status());
  ShardNote paused = note(request.shard);
  paused.paused_until = request.until;
  if (!request.guard.dry_run) NoteOf(request.shard) = paused;
  return paused;
}

absl::StatusOr<ShardNote> ShardLedger::Pin(const PinShardRequest& request, absl::Time now,
                                           storage::WriteSet& batch) {
  SHARDD_RETURN_IF_ERROR(Find(request.shard, request.guard).status());
  ShardNote pinned = note(request.shard);
  pinned.pinned_until = AsStored(request.until);
  if (request.guard.dry_run) return pinned;
  NoteOf(request.shard) = pinned;
  if (request.until > now) {
    batch.Put(storage::kMeta, PinKey(request.shard),
              ByteWriter().Byte(kPinVersion).Signed(ToStoredTime(request.until)).Take());
  } else {
    batch.Delete(storage::kMeta, PinKey(request.shard));
  }
  return pinned;
}

// ---- Flips.

NextTable ShardLedger::Next(RouteTable after, TableChange change) const {
  change.diff = Diff(table(), after);
  return {std::make_shared<const RouteTable>(std::move(after)),
          std::make_shared<const TableChange>(std::move(change))};
}

void ShardLedger::WriteFlip(const NextTable& next, storage::WriteSet& records) {
  records.Put(storage::kMeta, std::string(kTableKey), next.table->Encode());
  records.Put(storage::kMeta, TableChangeKey(next.table->epoch()), next.change->Encode());
  for (const Route& route : next.change->diff.removed) {
    const bool ended = next.table->FindShard(route.shard) == nullptr;
    if (ended) records.Delete(storage::kMeta, PinKey(route.shard));
  }
}

void ShardLedger::HasFlipped(const NextTable& next, storage::WriteSet& batch) {
  const TableChange& change = *next.change;
  const absl::Time last_split =
      LastSplitAfter(change, [this](ShardId shard) { return note(shard).last_split; });
  absl::Time paused_until = absl::InfinitePast();
  for (const Route& route : change.diff.removed) {
    paused_until = std::max(paused_until, note(route.shard).paused_until);
    if (next.table->FindShard(route.shard) == nullptr) notes_.erase(route.shard);
  }
  for (const Route& route : change.diff.added) {
    ShardNote& note = NoteOf(route.shard);
    note.last_change = change.time;
    note.last_split = last_split;
    note.paused_until = paused_until;
  }
  tables_.Add(next.table);
  tables_changed_ = notes_changed_ = true;
  AddToLineage(next.change, batch);
}

void ShardLedger::AddToLineage(std::shared_ptr<const TableChange> change,
                               storage::WriteSet& batch) {
  lineage_.push_back(std::move(change));
  lineage_changed_ = true;
  while (lineage_.size() > limits::kLineageKept) {
    batch.Delete(storage::kMeta, TableChangeKey(lineage_.front()->diff.epoch));
    lineage_.pop_front();
  }
}

// ---- For everybody.

void ShardLedger::TakeChanged(PublishTables& tables) {
  if (std::exchange(tables_changed_, false)) {
    tables.routing = std::make_shared<const TableHistory>(tables_);
  }
  if (std::exchange(notes_changed_, false)) {
    tables.notes = std::make_shared<const ShardNotes>(notes_);
  }
  if (std::exchange(lineage_changed_, false)) {
    tables.lineage = std::make_shared<const Lineage>(lineage_);
  }
}

}  // namespace shardd
