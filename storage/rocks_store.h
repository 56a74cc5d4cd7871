#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/store.h"

namespace shardd::storage {

// How the data folder is opened. The defaults suit a small machine.
struct RocksOptions {
  std::string path;  // made if it is missing

  // Memory: blocks of files read (their indexes and filters included), and writes not yet flushed.
  // Both are shared by all families.
  size_t cache_bytes = size_t{256} << 20;
  size_t write_buffer_bytes = size_t{128} << 20;

  // A start replays at most about this much.
  uint64_t wal_bytes_max = uint64_t{256} << 20;

  // Threads of RocksDB for flushes and compactions.
  int background_jobs = 2;

  // How long a commit that must be quick keeps them waiting at most. A commit takes a millisecond
  // or a few; a slow disk must not become slower by what is put off.
  absl::Duration background_hold_max = absl::Milliseconds(20);

  // Files RocksDB may hold open; 0: a quarter of what the process may open.
  int open_files_max = 0;

  // Handed out by Store::Space(); the store itself refuses nothing.
  uint64_t reserve_bytes = uint64_t{512} << 20;

  // Called at most once, at the first failure after which commits fail. It runs on a thread of
  // RocksDB or of a committer: set a flag or wake someone, no more.
  std::function<void(const absl::Status&)> on_failure;
};

// Why a data folder was not opened, for the exit code of the daemon.
enum class OpenError : uint8_t {
  kOther = 0,
  kInvalidOptions,  // a path or size that cannot be
  kInUse,           // another process, or another store of this one, has the folder open
  kNewerFormat,     // written by a newer version
  kUnknownFamily,   // holds a column family that is not ours; nothing was dropped
  kCorrupt,         // a file is missing or damaged, or synced changes are missing
  kDiskFull,
  kIo,  // missing permission, a read-only folder, a failing disk
};

// The reason in an error of OpenRocksStore; kOther for any other status.
OpenError OpenErrorOf(const absl::Status& status);

// Opens the data folder, making it first if there is none. The one process that has it open is the
// only one: nothing is read or changed before that is certain. Errors carry an OpenError, and the
// message names the folder. A refused folder is left as it was found, save for the lock file and
// RocksDB's own message log.
absl::StatusOr<std::unique_ptr<Store>> OpenRocksStore(RocksOptions options);

}  // namespace shardd::storage
