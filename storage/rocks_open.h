#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "rocksdb/file_system.h"
#include "storage/rocks_store.h"

// For this room and its tests only: shows RocksDB.
namespace shardd::storage {

// OpenRocksStore on a file system of the caller's, so that tests can bring their own faults.
absl::StatusOr<std::unique_ptr<Store>> OpenRocksStoreOn(
    std::shared_ptr<rocksdb::FileSystem> file_system, RocksOptions options);

}  // namespace shardd::storage
