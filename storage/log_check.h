#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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

// The MANIFEST in use, by our own reading.
struct ManifestSummary {
  std::string path;
  uint64_t number = 0;
  // Up to the first damage, if there is any.
  uint64_t whole_bytes = 0;
  // What follows looks like a write that the power cut short: nothing whole, and zeros at the end.
  bool torn = false;
};

// RocksDB takes some damage near the end of the MANIFEST for a torn tail and forgets the files
// listed there; other torn tails it takes for damage. Errors are OpenErrors.
absl::StatusOr<ManifestSummary> CheckManifest(rocksdb::FileSystem& files,
                                              const std::string& folder);

// Cuts off what follows the whole records, and syncs that. Errors are OpenErrors.
absl::Status CutManifest(rocksdb::FileSystem& files, const ManifestSummary& manifest);

// The number in "MANIFEST-000123"; nullopt for any other text.
std::optional<uint64_t> ParseManifestName(absl::string_view name);

}  // namespace shardd::storage
