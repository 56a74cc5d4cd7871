#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "rocksdb/status.h"
#include "storage/rocks_store.h"

namespace shardd::storage {

// A failed read: kStorageCorrupt for damaged bytes, kStorageFailed for the rest. `what` was being
// done.
absl::Status ReadError(const rocksdb::Status& status, absl::string_view what);

// A failed write: always kStorageFailed, the effect is unknown.
absl::Status WriteError(const rocksdb::Status& status, absl::string_view what);

// An error of OpenRocksStore.
absl::Status MakeOpenError(OpenError kind, absl::string_view message);

// The same from what RocksDB said while opening `path`.
absl::Status MakeOpenError(const rocksdb::Status& status, absl::string_view path);

}  // namespace shardd::storage
