#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "rocksdb/file_system.h"

namespace shardd::storage {

// A number kept outside of RocksDB's log: a sequence number up to which changes are known to be
// synced. If recovery gives less, synced changes are missing, whatever the log looks like.
//
// Two slots written in turn, so that a torn write leaves the other. The number may lag.
//
// Thread safety: none.
class Watermark {
 public:
  // Makes the file at zero, durably. Errors are OpenErrors here and in Open.
  static absl::Status Create(rocksdb::FileSystem& files, const std::string& folder);
  static absl::StatusOr<std::unique_ptr<Watermark>> Open(rocksdb::FileSystem& files,
                                                         const std::string& folder);
  static std::string PathIn(const std::string& folder);

  uint64_t sequence() const { return sequence_; }

  // Writes and syncs. A number that is not higher changes nothing.
  rocksdb::IOStatus Advance(uint64_t sequence);

 private:
  Watermark(std::unique_ptr<rocksdb::FSRandomRWFile> file, uint64_t sequence, size_t newest_slot)
      : file_(std::move(file)), sequence_(sequence), newest_slot_(newest_slot) {}

  const std::unique_ptr<rocksdb::FSRandomRWFile> file_;
  uint64_t sequence_;
  size_t newest_slot_;
};

}  // namespace shardd::storage
