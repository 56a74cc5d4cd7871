#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/account/routing_key.h"
#include "server/base/ids.h"
#include "storage/store.h"
#include "storage/write_set.h"

namespace shardd {

// Stored; never reuse a number.
enum class RehomeStage : uint8_t {
  kCopying = 1,     // from the home the shard lies in to the other one
  kClearing = 2,    // the shard lies in the new home; what is left in the old one goes
  kAbandoning = 3,  // the shard stays; what came to the new home goes
};

// How far a shard's rehome is, as stored (storage/FORMAT.md, "Rehome"). It is written in the
// batches that it describes.
struct RehomeRecord {
  OperationId operation;
  storage::Family from;
  storage::Family to;
  RehomeStage stage = RehomeStage::kCopying;
  // kClearing, kAbandoning: what is left behind must be deleted record by record, because other
  // shards lie in that home. Otherwise the whole home is dropped.
  bool clear = true;
  bool copied = false;  // kCopying: everything is
  std::string cursor;   // kCopying: the last key that was copied; empty: none

  std::string Encode() const;
  // Errors: kStorageCorrupt.
  static absl::StatusOr<RehomeRecord> Decode(absl::string_view bytes);
  friend bool operator==(const RehomeRecord&, const RehomeRecord&) = default;
};

// Its key in meta.
std::string RehomeKey(ShardId shard);

// A shard's way to another home, taken by its owner in small steps between requests.
//
// A cursor walks through the range and copies. A record that is written at or below the cursor goes
// to both homes, one above it only to the old one: when the cursor is at the end, both homes hold
// the same. Then the shard's row in the table is switched, in one batch. Until everybody reads by
// the new table both homes are written to; then the old one is cleared. The owner is one thread, so
// no snapshot and no log of what changed meanwhile is needed. tests/models/rehome.pml goes through
// every order of these steps, with crashes.
//
// Thread safety: none.
class Rehome {
 public:
  // One step reads and writes about so much, and who takes them rests so long between two of them
  // that they come to so much a second, with limits::kRehomeBytesPerRecord for each record; 0: no
  // rest.
  struct Pace {
    size_t records = 0;
    size_t bytes = 0;
    size_t bytes_per_second = 0;
  };

  // A new one, or one taken up after a restart: by then everybody reads by the stored table.
  Rehome(ShardId shard, KeyRange range, RehomeRecord record);

  // Besides the home that the shard lies in, where a record with this key is written to.
  std::optional<storage::Family> AlsoWrite(absl::string_view key) const;

  // Whether there is a step to take.
  bool HasWork() const { return !ended_ && Moves(); }
  // Takes one: reads from `view`, which shows everything staged in `batch`, and writes to `batch`.
  // Returns how many records it copied or deleted. Errors: kStorageCorrupt, kStorageFailed; nothing
  // is written then.
  absl::StatusOr<size_t> Step(const storage::Reader& view, Pace pace, storage::WriteSet& batch);

  // The shard lies in the new home from this batch on. REQUIRES: record().copied.
  void Switch(storage::WriteSet& batch);
  // Everybody reads by the table that names the new home. `clear`: see RehomeRecord; after a
  // restart it is true again, which does no harm.
  void TablePublished(bool clear);
  // Instead of Switch: go no further, and clear what was copied.
  void Abandon(bool clear, storage::WriteSet& batch);

  // Nothing is left to do, and the record is gone.
  bool ended() const { return ended_; }
  const RehomeRecord& record() const { return record_; }

 private:
  bool Moves() const;
  absl::StatusOr<size_t> Copy(const storage::Reader& view, Pace pace, storage::WriteSet& batch);
  absl::StatusOr<size_t> Clear(const storage::Reader& view, Pace pace, storage::WriteSet& batch);
  void Write(storage::WriteSet& batch) const;
  storage::Family Left() const;

  const ShardId shard_;
  const KeyRange range_;
  RehomeRecord record_;
  bool published_;
  bool ended_ = false;
  std::string cleared_;  // the last key deleted: not to walk over the deleted ones again
};

}  // namespace shardd
