#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace shardd::storage {

// Holds a data folder for one store until destroyed or the process dies: an advisory lock on the
// file OWNER in it, which names the process. RocksDB has a lock too, but takes it too late for what
// must be checked before, and cannot say that the folder is in use.
class FolderLock {
 public:
  // Makes the folder, and those above it, durable if they are missing. Errors are OpenErrors.
  static absl::StatusOr<FolderLock> Take(const std::string& path);

  FolderLock(FolderLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace shardd::storage
