#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "server/base/mutex.h"
#include "storage/store.h"

namespace shardd::storage {

// A store in memory that tells synced from unsynced bytes, for tests and the simulator.
//
// A commit is two steps: its batch is appended to the unsynced log, then synced. Only a synced
// batch is visible and survives a crash for certain; of the unsynced batches a prefix survives, and
// the test says how long it is. Families are durably there, or gone, as soon as they are created or
// dropped.
//
// Thread safety: all methods from any thread. Why a lock: tests call it from many threads, like the
// store it stands for.
class MemoryStore final : public Store {
 public:
  // A new data folder: the family meta with the storage's own keys, messages, and nothing else.
  MemoryStore();
  ~MemoryStore() override;
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  absl::StatusOr<bool> Get(Family family, absl::string_view key, std::string* value) const override;
  std::unique_ptr<Cursor> NewCursor(Family family, KeyBounds bounds) const override;
  absl::Status Commit(const WriteSet& writes) override;
  std::unique_ptr<Reader> Snapshot() const override;
  std::vector<Family> Homes() const override;
  absl::Status CreateHome(Family home) override;
  // REQUIRES: no unsynced batch writes to it.
  absl::Status DropHome(Family home) override;
  absl::Status CompactRange(Family home, KeyBounds bounds, std::atomic<bool>& cancelled) override;
  void HoldBackgroundWork() override {}  // it has none
  void ResumeBackgroundWork() override {}
  absl::StatusOr<uint64_t> ApproximateBytes(Family family, KeyBounds bounds) const override;
  absl::Status Health() const override;
  absl::StatusOr<SpaceUsage> Space() const override;
  absl::Status Close() override;

  // The two halves of Commit. Sync makes all unsynced batches durable and visible, in order.
  absl::Status CommitUnsynced(const WriteSet& writes);
  absl::Status Sync();
  size_t unsynced_batches() const;

  // As if the machine lost power and the folder was opened again: the first `unsynced_kept`
  // unsynced batches are durable, the others are lost, and an injected failure is over.
  // REQUIRES: no snapshot or cursor is left.
  void Crash(size_t unsynced_kept);

  // What Crash would leave, as a store of its own; this one is not changed.
  std::unique_ptr<MemoryStore> CloneDurable(size_t unsynced_kept) const;

  // The next commit is appended, but its sync fails with `failure`, and so do all later commits
  // until Crash. Its batch is unsynced: it may or may not survive.
  void FailNextCommit(absl::Status failure);

  // All commits fail from now on, as after a background error.
  void Fail(absl::Status failure);

  void SetSpace(const SpaceUsage& space);

 private:
  class View;
  class ViewCursor;

  // A key's values by the version that wrote them, newest last; nullopt: deleted.
  struct Versioned {
    uint64_t version = 0;
    std::optional<std::string> value;
  };
  using History = std::vector<Versioned>;
  using Keys = absl::btree_map<std::string, History, std::less<>>;

  // A family's keys from one creation to the next drop, as views of versions from `created` to
  // before `dropped` see them.
  struct Life {
    uint64_t created = 0;
    uint64_t dropped = UINT64_MAX;
    Keys keys;
  };
  struct DroppedLife {
    Family family;
    Life life;
  };

  // A change that made an older one of the same key obsolete for views from `version` on.
  struct Superseded {
    uint64_t version = 0;
    Family family;
    std::string key;
  };

  static const std::optional<std::string>* Find(const History& history, uint64_t version);

  uint64_t Pin() const;
  void Unpin(uint64_t version) const;
  void Apply(const WriteSet& writes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ApplyUnsynced(size_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetKey(Family family, const std::string& key, const std::optional<std::string>& value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t OldestVersionSeen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropObsolete() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropObsolete(Keys& keys, const std::string& key, uint64_t oldest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropObsoleteLives() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // nullptr if there was no such family at that version.
  const Keys* KeysOf(Family family, uint64_t version) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::map<Family, Life> families_ ABSL_GUARDED_BY(mutex_);
  mutable std::deque<DroppedLife> dropped_ ABSL_GUARDED_BY(mutex_);  // those that a view may see
  // Of the last synced batch, creation or drop.
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable std::multiset<uint64_t> pinned_ ABSL_GUARDED_BY(mutex_);
  std::deque<Superseded> superseded_ ABSL_GUARDED_BY(mutex_);  // by version
  std::deque<WriteSet> unsynced_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status next_failure_ ABSL_GUARDED_BY(mutex_);
  SpaceUsage space_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd::storage
