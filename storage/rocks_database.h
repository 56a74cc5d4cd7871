#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/sst_file_manager.h"
#include "server/base/mutex.h"
#include "storage/background_gate.h"
#include "storage/failure_latch.h"
#include "storage/folder_lock.h"
#include "storage/pinned_value.h"
#include "storage/rocks_store.h"
#include "storage/watermark.h"

namespace shardd::storage {

// The store on RocksDB, opened and checked by OpenRocksStoreOn.
//
// Thread safety: all methods from any thread but Close, which comes last and alone.
class RocksDatabase final : public Store {
 public:
  // What opening gives. Destroyed from the last to the first.
  struct Parts {
    FolderLock lock;
    RocksOptions options;
    std::shared_ptr<rocksdb::FileSystem> files;
    std::unique_ptr<rocksdb::Env> env;
    std::shared_ptr<FailureLatch> failure;
    std::unique_ptr<Watermark> watermark;
    rocksdb::ColumnFamilyOptions family_options;
    std::shared_ptr<rocksdb::SstFileManager> deletions;
    std::shared_ptr<BackgroundGate> background_gate;
    std::unique_ptr<rocksdb::DB> database;
    // Never used for data, but RocksDB insists on it.
    rocksdb::ColumnFamilyHandle* default_family = nullptr;
    std::map<Family, rocksdb::ColumnFamilyHandle*> families;
  };

  explicit RocksDatabase(Parts parts);
  ~RocksDatabase() override;
  RocksDatabase(const RocksDatabase&) = delete;
  RocksDatabase& operator=(const RocksDatabase&) = delete;

  absl::StatusOr<bool> Get(Family family, absl::string_view key, std::string* value) const override;
  std::unique_ptr<Cursor> NewCursor(Family family, KeyBounds bounds) const override;
  absl::Status Commit(const WriteSet& writes) override;
  std::unique_ptr<Reader> Snapshot() const override;
  std::vector<Family> Homes() const override;
  absl::Status CreateHome(Family home) override;
  absl::Status DropHome(Family home) override;
  absl::Status CompactRange(Family home, KeyBounds bounds, std::atomic<bool>& cancelled) override;
  void HoldBackgroundWork() override { parts_.background_gate->Hold(); }
  void ResumeBackgroundWork() override { parts_.background_gate->Release(); }
  absl::StatusOr<uint64_t> ApproximateBytes(Family family, KeyBounds bounds) const override;
  absl::Status Health() const override;
  // Also brings the watermark up to date, so that asking now and then covers the last commits
  // before a pause, and lets deletions hurry when space is scarce.
  absl::StatusOr<SpaceUsage> Space() const override;
  absl::Status Close() override;

  // Writes down what is known to be synced; done now and then by itself. An error is final.
  absl::Status AdvanceWatermark() const;

 private:
  // A column family's handle, destroyed with it: if the family was dropped, that frees its memory
  // and its files.
  class OpenFamily;
  // By number; null where there is no such family.
  using Handles = std::vector<std::shared_ptr<const OpenFamily>>;
  using HandlesPin = PinnedValue<Handles>::Pin;
  class RocksCursor;
  class SnapshotReader;

  rocksdb::Status CommitToRocks(const WriteSet& writes);
  void FillBatch(const WriteSet& writes, rocksdb::WriteBatch& batch) const;
  rocksdb::Status WriteSynced(rocksdb::WriteBatch& batch);
  absl::Status FailForGood(absl::Status failure) const;
  // nullptr if there is no such family.
  static rocksdb::ColumnFamilyHandle* HandleIn(const Handles& handles, Family family);
  static void SetHandle(Handles& handles, Family family, std::shared_ptr<const OpenFamily> open);
  absl::StatusOr<bool> GetWith(const rocksdb::ReadOptions& options, const Handles& handles,
                               Family family, absl::string_view key, std::string* value) const;
  void AdvanceWatermarkIfDue();
  absl::StatusOr<SyncedMark> SyncedNow() const;
  absl::Status SyncLog();
  absl::Status CommitDropMarker(Family home);

  Parts parts_;
  std::atomic<int64_t> watermark_due_ns_ = 0;  // on the steady clock

  // Every read, snapshot and cursor pins the list while it uses a handle of it. The lock keeps two
  // that create or drop apart, over what RocksDB does meanwhile; a message would need a thread.
  mutable Mutex families_mutex_;
  PinnedValue<Handles> families_;

  // Keeps two writers of the watermark apart: it is held over the write, which happens about once a
  // second.
  mutable Mutex watermark_mutex_;
};

}  // namespace shardd::storage
