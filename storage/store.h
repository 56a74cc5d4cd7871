#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/write_set.h"

namespace shardd::storage {

// Walks the keys of one family within bounds. Holds its view until destroyed: keep it short.
//
// Thread safety: none. Lifetime: must not outlive the Reader it came from.
// key() and value() are valid until the cursor moves. After an error Valid() is false and status()
// says why: check it whenever Valid() turns false.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual bool Valid() const = 0;
  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  // To the first key at or after `key`.
  virtual void Seek(absl::string_view key) = 0;
  // To the last key at or before `key`.
  virtual void SeekForPrev(absl::string_view key) = 0;
  virtual void Next() = 0;  // REQUIRES: Valid()
  virtual void Prev() = 0;  // REQUIRES: Valid()
  virtual absl::string_view key() const = 0;
  virtual absl::string_view value() const = 0;
  virtual absl::Status status() const = 0;
};

// Keys in [lower, upper); an empty upper means no end.
struct KeyBounds {
  std::string lower;
  std::string upper;
};

// Whether a read failed because the home was not there: dropped between the look at the routing
// table and the read. Look again, and read where the table says now; clients never see this.
bool IsHomeGone(const absl::Status& status);

// Reads committed data.
class Reader {
 public:
  virtual ~Reader() = default;

  // Whether `key` exists; if so `*value` becomes its value. Errors: kStorageCorrupt,
  // kStorageFailed; IsHomeGone if there is no such family.
  virtual absl::StatusOr<bool> Get(Family family, absl::string_view key,
                                   std::string* value) const = 0;

  // Without such a family the cursor is never Valid, and its status IsHomeGone.
  virtual std::unique_ptr<Cursor> NewCursor(Family family, KeyBounds bounds) const = 0;
};

// `base` with `pending` laid over it. Both must outlive it and its cursors, and `pending` must not
// change under a cursor.
class OverlayReader final : public Reader {
 public:
  OverlayReader(const Reader& base, const WriteSet& pending) : base_(base), pending_(pending) {}
  absl::StatusOr<bool> Get(Family family, absl::string_view key, std::string* value) const override;
  std::unique_ptr<Cursor> NewCursor(Family family, KeyBounds bounds) const override;

 private:
  const Reader& base_;
  const WriteSet& pending_;
};

// What the store knows of its disk.
struct SpaceUsage {
  uint64_t free_bytes = 0;  // on the file system of the data folder
  uint64_t used_bytes = 0;  // by the store
  // New writes should be refused while less than this is free.
  uint64_t reserve_bytes = 0;

  bool Low() const { return free_bytes < reserve_bytes; }
};

// Keeps bytes in families and commits write sets to them, all or nothing.
//
// Thread safety: all methods from any thread. Reads through the store itself see the latest commit;
// a snapshot sees one moment. Invariant: once a commit has failed, every later one fails too
// (kStorageFailed): what reached the disk is unknown until the store is opened again.
class Store : public Reader {
 public:
  // Returns when the whole set is on stable storage and visible to every later read. Errors:
  // kStorageFailed (the effect is unknown). REQUIRES: its families exist and are not dropped
  // meanwhile.
  virtual absl::Status Commit(const WriteSet& writes) = 0;

  // A view of this moment, of the homes of this moment: it goes on showing one that is dropped
  // later, and never shows one that is created later. Must not outlive the store.
  virtual std::unique_ptr<Reader> Snapshot() const = 0;

  // Families other than meta and messages, which are always there. Creating one that exists is OK:
  // it may be a repeat after a crash.
  virtual std::vector<Family> Homes() const = 0;
  virtual absl::Status CreateHome(Family home) = 0;

  // Takes a home away with all that is in it, durably when it returns OK; its number may be used
  // again. Dropping one that is not there is OK: it may be a repeat after a crash, after which a
  // home is there whole or not at all. Views and cursors made before go on reading it; what it
  // takes on the disk and in memory is given back with the last of them. Errors: kStorageFailed
  // (the effect is unknown). REQUIRES: no commit to it is under way or follows.
  virtual absl::Status DropHome(Family home) = 0;

  // Rewrites what is stored of these keys without what is obsolete, and returns when that is done:
  // maybe after minutes. Once `cancelled` is true it ends soon, with absl::IsCancelled. Errors
  // besides: kStorageFailed, IsHomeGone.
  virtual absl::Status CompactRange(Family home, KeyBounds bounds,
                                    std::atomic<bool>& cancelled) = 0;

  // Before a commit for which requests wait, and after it: what the store does by itself, such as
  // compactions, stands aside until then, or for a moment, if it takes long or is asked for often.
  // Only a hint.
  virtual void HoldBackgroundWork() = 0;
  virtual void ResumeBackgroundWork() = 0;

  // About how many bytes the keys of these bounds and their values take, compressed or not. Error:
  // IsHomeGone.
  virtual absl::StatusOr<uint64_t> ApproximateBytes(Family family, KeyBounds bounds) const = 0;

  // OK, or why commits fail from now on. A background error (flush, compaction) shows up here
  // without any commit.
  virtual absl::Status Health() const = 0;
  virtual absl::StatusOr<SpaceUsage> Space() const = 0;

  // Syncs and closes; nothing may be called after it but the destructor. REQUIRES: no snapshot or
  // cursor is left.
  virtual absl::Status Close() = 0;
};

}  // namespace shardd::storage
