#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "rocksdb/file_system.h"

namespace shardd::storage {

// What is known to be on stable storage. Each part may lag behind the truth, never lead it.
struct SyncedMark {
  // Changes up to this sequence number.
  uint64_t sequence = 0;
  // The newest MANIFEST, RocksDB's list of its files, and how much of it.
  uint64_t manifest_number = 0;
  uint64_t manifest_bytes = 0;

  friend bool operator==(const SyncedMark&, const SyncedMark&) = default;
};

// A mark kept outside of RocksDB's own files. If they hold less, synced changes are missing,
// whatever else they look like.
//
// Two slots written in turn, so that a torn write leaves the other.
//
// Thread safety: none.
class Watermark {
 public:
  // Makes the file with an empty mark, durably. Errors are OpenErrors here and in Open.
  static absl::Status Create(rocksdb::FileSystem& files, const std::string& folder);
  static absl::StatusOr<std::unique_ptr<Watermark>> Open(rocksdb::FileSystem& files,
                                                         const std::string& folder);
  static std::string PathIn(const std::string& folder);

  const SyncedMark& mark() const { return mark_; }

  // Writes and syncs. What is lower than it was stays as it was.
  rocksdb::IOStatus Advance(const SyncedMark& mark);

 private:
  Watermark(std::unique_ptr<rocksdb::FSRandomRWFile> file, const SyncedMark& mark,
            size_t newest_slot)
      : file_(std::move(file)), mark_(mark), newest_slot_(newest_slot) {}

  const std::unique_ptr<rocksdb::FSRandomRWFile> file_;
  SyncedMark mark_;
  size_t newest_slot_;
};

}  // namespace shardd::storage
