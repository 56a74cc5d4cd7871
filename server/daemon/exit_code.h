#pragma once

#include "absl/status/status.h"
#include "storage/rocks_store.h"

namespace shardd {

// How the process ends: causes that an operator fixes differently have codes of their own.
enum class ExitCode : int {
  kOk = 0,
  kOther = 1,
  kUsage = 64,          // unknown flag or command
  kStorageFailed = 71,  // a commit or RocksDB's background work failed
  kIo = 74,  // the data folder cannot be read or written, is damaged or newer, or the disk is full
  kHeld = 75,    // another process has the port or the data folder
  kConfig = 78,  // a value that is not allowed
};

// For a data folder that was not opened.
ExitCode ExitCodeOf(storage::OpenError error);

// For an address that was not opened: AlreadyExists means that somebody has it.
ExitCode ExitCodeOfListen(const absl::Status& status);

}  // namespace shardd
