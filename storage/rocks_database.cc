#include "storage/rocks_database.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "rocksdb/iterator.h"
#include "rocksdb/snapshot.h"
#include "rocksdb/write_batch.h"
#include "server/base/check.h"
#include "server/base/status_macros.h"
#include "storage/format.h"
#include "storage/home_gone.h"
#include "storage/log_check.h"
#include "storage/rocks_status.h"
#include "storage/rocks_tuning.h"

namespace shardd::storage {
namespace {

// Where a family's handle is: the homes last, since most have low numbers.
constexpr size_t HomeSlot(uint32_t number) { return size_t{number} + 1; }
constexpr size_t SlotOf(Family family) {
  if (family == kMeta) return 0;
  return family == kMessages ? 1 : HomeSlot(family.number);
}

constexpr std::chrono::nanoseconds kWatermarkInterval = std::chrono::seconds(1);
// What a change takes in a batch besides its key and value: tag, family, two lengths.
constexpr size_t kBatchBytesPerChange = 16;

rocksdb::Slice ToSlice(absl::string_view text) { return {text.data(), text.size()}; }
absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// After every key, as good as: RocksDB asks for an end.
const std::string& EndOfKeys() {
  static const std::string& end = *new std::string(64, '\xff');
  return end;
}

}  // namespace

class RocksDatabase::OpenFamily {
 public:
  OpenFamily(rocksdb::DB& database, rocksdb::ColumnFamilyHandle* handle)
      : database_(database), handle_(handle) {}
  ~OpenFamily() { database_.DestroyColumnFamilyHandle(handle_).PermitUncheckedError(); }
  OpenFamily(const OpenFamily&) = delete;
  OpenFamily& operator=(const OpenFamily&) = delete;

  rocksdb::ColumnFamilyHandle* handle() const { return handle_; }

 private:
  rocksdb::DB& database_;
  rocksdb::ColumnFamilyHandle* const handle_;
};

class RocksDatabase::RocksCursor final : public Cursor {
 public:
  // `pin` keeps `family` open; nullptr if the snapshot does that the cursor comes from.
  RocksCursor(rocksdb::DB& database, rocksdb::ColumnFamilyHandle* family,
              rocksdb::ReadOptions options, KeyBounds bounds, std::unique_ptr<const HandlesPin> pin)
      : pin_(std::move(pin)),
        bounds_(std::move(bounds)),
        lower_(ToSlice(bounds_.lower)),
        upper_(ToSlice(bounds_.upper)) {
    // RocksDB keeps pointers to the bounds.
    if (!bounds_.lower.empty()) options.iterate_lower_bound = &lower_;
    if (!bounds_.upper.empty()) options.iterate_upper_bound = &upper_;
    iterator_.reset(database.NewIterator(options, family));
  }

  bool Valid() const override { return iterator_->Valid(); }
  void SeekToFirst() override { iterator_->SeekToFirst(); }
  void SeekToLast() override { iterator_->SeekToLast(); }
  void Seek(absl::string_view key) override { iterator_->Seek(ToSlice(key)); }
  void SeekForPrev(absl::string_view key) override { iterator_->SeekForPrev(ToSlice(key)); }
  void Next() override { iterator_->Next(); }
  void Prev() override { iterator_->Prev(); }
  absl::string_view key() const override { return ToView(iterator_->key()); }
  absl::string_view value() const override { return ToView(iterator_->value()); }
  absl::Status status() const override {
    const rocksdb::Status status = iterator_->status();
    return status.ok() ? absl::OkStatus() : ReadError(status, "scan");
  }

 private:
  const std::unique_ptr<const HandlesPin> pin_;
  const KeyBounds bounds_;
  const rocksdb::Slice lower_;
  const rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class RocksDatabase::SnapshotReader final : public Reader {
 public:
  explicit SnapshotReader(const RocksDatabase& store)
      : pin_(store.families_), store_(store), snapshot_(store.parts_.database.get()) {
    options_.snapshot = snapshot_.snapshot();
  }

  // Whether the families are still those of the moment that the snapshot shows.
  bool IsOfOneMoment() const { return pin_.is_newest(); }

  absl::StatusOr<bool> Get(Family family, absl::string_view key,
                           std::string* value) const override {
    return store_.GetWith(options_, *pin_, family, key, value);
  }
  std::unique_ptr<Cursor> NewCursor(Family family, KeyBounds bounds) const override {
    rocksdb::ColumnFamilyHandle* const handle = HandleIn(*pin_, family);
    if (handle == nullptr) return MakeHomeGoneCursor(family);
    return std::make_unique<RocksCursor>(*store_.parts_.database, handle, options_,
                                         std::move(bounds), /*pin=*/nullptr);
  }

 private:
  const HandlesPin pin_;
  const RocksDatabase& store_;
  rocksdb::ManagedSnapshot snapshot_;
  rocksdb::ReadOptions options_;
};

RocksDatabase::RocksDatabase(Parts parts) : parts_(std::move(parts)), families_(Handles()) {
  Handles handles;
  for (const auto& [family, handle] : parts_.families) {
    SetHandle(handles, family, std::make_shared<OpenFamily>(*parts_.database, handle));
  }
  families_.Replace(std::move(handles));
}

RocksDatabase::~RocksDatabase() {
  if (parts_.database != nullptr) Close().IgnoreError();
}

absl::StatusOr<bool> RocksDatabase::Get(Family family, absl::string_view key,
                                        std::string* value) const {
  const HandlesPin handles(families_);
  return GetWith(rocksdb::ReadOptions(), *handles, family, key, value);
}

std::unique_ptr<Cursor> RocksDatabase::NewCursor(Family family, KeyBounds bounds) const {
  auto handles = std::make_unique<const HandlesPin>(families_);
  rocksdb::ColumnFamilyHandle* const handle = HandleIn(**handles, family);
  if (handle == nullptr) return MakeHomeGoneCursor(family);
  return std::make_unique<RocksCursor>(*parts_.database, handle, rocksdb::ReadOptions(),
                                       std::move(bounds), std::move(handles));
}

absl::Status RocksDatabase::Commit(const WriteSet& writes) {
  SHARDD_RETURN_IF_ERROR(parts_.failure->Get());
  if (writes.empty()) return absl::OkStatus();
  const rocksdb::Status status = CommitToRocks(writes);
  if (!status.ok()) return FailForGood(WriteError(status, "commit"));
  AdvanceWatermarkIfDue();
  return absl::OkStatus();
}

std::unique_ptr<Reader> RocksDatabase::Snapshot() const {
  while (true) {
    auto snapshot = std::make_unique<SnapshotReader>(*this);
    if (snapshot->IsOfOneMoment()) return snapshot;
  }
}

std::vector<Family> RocksDatabase::Homes() const {
  const HandlesPin handles(families_);
  std::vector<Family> homes;
  for (uint32_t number = 1; HomeSlot(number) < handles->size(); ++number) {
    if ((*handles)[HomeSlot(number)] != nullptr) homes.push_back(Family{number});
  }
  return homes;
}

absl::Status RocksDatabase::CreateHome(Family home) {
  SHARDD_CHECK(IsHome(home));
  SHARDD_RETURN_IF_ERROR(parts_.failure->Get());
  MutexLock lock(families_mutex_);
  Handles handles = *HandlesPin(families_);
  if (HandleIn(handles, home) != nullptr) return absl::OkStatus();
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  const rocksdb::Status status =
      parts_.database->CreateColumnFamily(parts_.family_options, ToText(home), &handle);
  if (!status.ok()) {
    return FailForGood(WriteError(status, absl::StrCat("create ", ToText(home))));
  }
  SetHandle(handles, home, std::make_shared<OpenFamily>(*parts_.database, handle));
  families_.Replace(std::move(handles));
  return absl::OkStatus();
}

absl::Status RocksDatabase::DropHome(Family home) {
  SHARDD_CHECK(IsHome(home));
  SHARDD_RETURN_IF_ERROR(parts_.failure->Get());
  MutexLock lock(families_mutex_);
  Handles handles = *HandlesPin(families_);
  rocksdb::ColumnFamilyHandle* const handle = HandleIn(handles, home);
  if (handle == nullptr) return absl::OkStatus();
  SHARDD_RETURN_IF_ERROR(CommitDropMarker(home));
  // Written to the MANIFEST and synced. Who reads it meanwhile may go on.
  const rocksdb::Status status = parts_.database->DropColumnFamily(handle);
  if (!status.ok()) return FailForGood(WriteError(status, absl::StrCat("drop ", ToText(home))));
  SetHandle(handles, home, nullptr);
  families_.Replace(std::move(handles));
  // Were the newest end of the MANIFEST lost, the home would come back with its old content.
  return AdvanceWatermark();
}

// RocksDB forgets the sequence numbers of changes whose only place was the log of a dropped family:
// had those been the last of all, the next opening would find fewer than were synced, and would
// take that for damage. So a later change goes to a family that stays, before the drop.
absl::Status RocksDatabase::CommitDropMarker(Family home) {
  WriteSet marker;
  marker.Put(kMeta, std::string(kDroppedKey), ToText(home));
  return Commit(marker);
}

absl::Status RocksDatabase::CompactRange(Family home, KeyBounds bounds,
                                         std::atomic<bool>& cancelled) {
  SHARDD_RETURN_IF_ERROR(parts_.failure->Get());
  const HandlesPin handles(families_);
  rocksdb::ColumnFamilyHandle* const handle = HandleIn(*handles, home);
  if (handle == nullptr) return HomeGoneError(home);
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;  // the other families' go on
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.canceled = &cancelled;
  if (!bounds.upper.empty() && bounds.lower >= bounds.upper) return absl::OkStatus();
  const rocksdb::Slice lower = ToSlice(bounds.lower);
  const rocksdb::Slice upper = ToSlice(bounds.upper);
  const rocksdb::Status status = parts_.database->CompactRange(
      options, handle, &lower, bounds.upper.empty() ? nullptr : &upper);
  if (status.ok()) return absl::OkStatus();
  if (cancelled.load()) return absl::CancelledError("the compaction was cancelled");
  if (status.IsColumnFamilyDropped()) return HomeGoneError(home);
  return WriteError(status, absl::StrCat("compact ", ToText(home)));
}

absl::StatusOr<uint64_t> RocksDatabase::ApproximateBytes(Family family, KeyBounds bounds) const {
  const HandlesPin handles(families_);
  rocksdb::ColumnFamilyHandle* const handle = HandleIn(*handles, family);
  if (handle == nullptr) return HomeGoneError(family);
  const std::string& upper = bounds.upper.empty() ? EndOfKeys() : bounds.upper;
  if (bounds.lower >= upper) return 0;
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  options.include_files = true;
  const rocksdb::Range range(bounds.lower, upper);
  uint64_t bytes = 0;
  const rocksdb::Status status =
      parts_.database->GetApproximateSizes(options, handle, &range, 1, &bytes);
  if (!status.ok()) return ReadError(status, "estimate a size");
  return bytes;
}

absl::Status RocksDatabase::Health() const { return parts_.failure->Get(); }

absl::StatusOr<SpaceUsage> RocksDatabase::Space() const {
  AdvanceWatermark().IgnoreError();  // Health() tells
  const rocksdb::IOOptions io;
  const std::string& path = parts_.options.path;
  SpaceUsage space;
  space.reserve_bytes = parts_.options.reserve_bytes;
  std::vector<rocksdb::Env::FileAttributes> files;
  rocksdb::IOStatus status =
      parts_.files->GetFreeSpace(path, io, &space.free_bytes, /*dbg=*/nullptr);
  if (status.ok()) status = parts_.files->GetChildrenFileAttributes(path, io, &files, nullptr);
  if (!status.ok()) return ReadError(status, absl::StrCat("look at space of ", path));
  for (const rocksdb::Env::FileAttributes& file : files) space.used_bytes += file.size_bytes;
  PaceDeletions(*parts_.deletions, space);
  return space;
}

absl::Status RocksDatabase::Close() {
  SHARDD_CHECK(parts_.database != nullptr);
  SHARDD_CHECK(!families_.pinned());
  const absl::Status synced = SyncLog();
  families_.Replace(Handles());
  parts_.database->DestroyColumnFamilyHandle(parts_.default_family).PermitUncheckedError();
  const rocksdb::Status closed = parts_.database->Close();
  parts_.database.reset();
  SHARDD_RETURN_IF_ERROR(synced);
  return closed.ok() ? absl::OkStatus() : WriteError(closed, "close");
}

absl::Status RocksDatabase::FailForGood(absl::Status failure) const {
  parts_.failure->Fail(failure);
  return failure;
}

// Commits that wait together are written by one of them, which reads the batches of the others:
// ThreadSanitizer cannot see why that is safe, and knows the place by this function's name (see
// tests/storage/tsan_suppressions.cc) as long as what it calls is not inlined.
rocksdb::Status RocksDatabase::CommitToRocks(const WriteSet& writes) {
  rocksdb::WriteBatch batch(writes.bytes() + writes.count() * kBatchBytesPerChange);
  FillBatch(writes, batch);
  return WriteSynced(batch);
}

[[gnu::noinline]] void RocksDatabase::FillBatch(const WriteSet& writes,
                                                rocksdb::WriteBatch& batch) const {
  const HandlesPin handles(families_);
  writes.ForEach([&](Family family, const std::string& key,
                     const std::optional<std::string>& value) {
    rocksdb::ColumnFamilyHandle* const handle = HandleIn(*handles, family);
    SHARDD_CHECK(handle != nullptr);
    const rocksdb::Status added =
        value.has_value() ? batch.Put(handle, key, *value) : batch.Delete(handle, key);
    SHARDD_CHECK(added.ok());
  });
}

[[gnu::noinline]] rocksdb::Status RocksDatabase::WriteSynced(rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions options;
  options.sync = true;
  // A stall makes the committer wait, which fills mailboxes and so reaches clients; with
  // no_slowdown it would be an error after which commits may go on, which no commit error is.
  options.no_slowdown = false;
  return parts_.database->Write(options, &batch);
}

rocksdb::ColumnFamilyHandle* RocksDatabase::HandleIn(const Handles& handles, Family family) {
  const size_t slot = SlotOf(family);
  if (slot >= handles.size() || handles[slot] == nullptr) return nullptr;
  return handles[slot]->handle();
}

void RocksDatabase::SetHandle(Handles& handles, Family family,
                              std::shared_ptr<const OpenFamily> open) {
  const size_t slot = SlotOf(family);
  handles.resize(std::max(handles.size(), slot + 1));
  handles[slot] = std::move(open);
}

absl::StatusOr<bool> RocksDatabase::GetWith(const rocksdb::ReadOptions& options,
                                            const Handles& handles, Family family,
                                            absl::string_view key, std::string* value) const {
  rocksdb::ColumnFamilyHandle* const handle = HandleIn(handles, family);
  if (handle == nullptr) return HomeGoneError(family);
  const rocksdb::Status status = parts_.database->Get(options, handle, ToSlice(key), value);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return ReadError(status, "get");
}

void RocksDatabase::AdvanceWatermarkIfDue() {
  const int64_t now_ns = std::chrono::steady_clock::now().time_since_epoch().count();
  int64_t due_ns = watermark_due_ns_.load(std::memory_order_relaxed);
  if (now_ns < due_ns) return;
  // One committer of many does it; the others go on.
  const int64_t next_ns = now_ns + kWatermarkInterval.count();
  if (watermark_due_ns_.compare_exchange_strong(due_ns, next_ns)) {
    // The commit is durable all the same; only later ones fail.
    AdvanceWatermark().IgnoreError();
  }
}

absl::Status RocksDatabase::AdvanceWatermark() const {
  SHARDD_RETURN_IF_ERROR(parts_.failure->Get());
  const absl::StatusOr<SyncedMark> synced = SyncedNow();
  if (!synced.ok()) return FailForGood(synced.status());
  MutexLock lock(watermark_mutex_);
  const rocksdb::IOStatus status = parts_.watermark->Advance(*synced);
  return status.ok() ? absl::OkStatus() : FailForGood(WriteError(status, "write the watermark"));
}

// RocksDB shows a sequence number, and a size of the MANIFEST, only after the sync that covers it.
absl::StatusOr<SyncedMark> RocksDatabase::SyncedNow() const {
  SyncedMark mark;
  mark.sequence = parts_.database->GetLatestSequenceNumber();
  std::vector<std::string> names;
  const rocksdb::Status status =
      parts_.database->GetLiveFiles(names, &mark.manifest_bytes, /*flush_memtable=*/false);
  if (!status.ok()) return WriteError(status, "look up the MANIFEST");
  for (absl::string_view name : names) {
    absl::ConsumePrefix(&name, "/");
    mark.manifest_number = ParseManifestName(name).value_or(mark.manifest_number);
  }
  return mark;
}

// RocksDB does not sync when it closes.
absl::Status RocksDatabase::SyncLog() {
  SHARDD_RETURN_IF_ERROR(parts_.failure->Get());
  const rocksdb::Status status = parts_.database->SyncWAL();
  if (!status.ok()) return FailForGood(WriteError(status, "sync the log"));
  return AdvanceWatermark();
}

}  // namespace shardd::storage
