#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "rocksdb/file_system.h"

namespace shardd::storage {

// What a data folder's write-ahead logs hold, by our own reading of them.
struct LogSummary {
  // The highest sequence number in a whole record, 0 if there is none.
  uint64_t last_sequence = 0;
  // Some bytes are not a whole record: a torn tail, or worse.
  bool damaged = false;
};

// Reads all logs in `folder`, past damage too. RocksDB stops at the first bad record, and cannot
// tell a torn tail, which was never acknowledged, from a damaged record with acknowledged ones
// behind it. We can: at most one record, the last, was not yet synced when the power went, so any
// whole record behind the damage proves that what was damaged had been synced.
//
// Errors are OpenErrors.
absl::StatusOr<LogSummary> CheckLogs(rocksdb::FileSystem& files, const std::string& folder);

}  // namespace shardd::storage
