#pragma once

#include "absl/status/status.h"

namespace shardd::shardctl {

// What shardctl tells the shell. Scripts rely on these numbers: they never change their meaning.
enum ExitCode : int {
  kOk = 0,
  // None of the others.
  kFailed = 1,
  // The command line, or what it names, is malformed.
  kUsage = 2,
  // The daemon could not be reached, or did not answer in time.
  kUnreachable = 3,
  kNotFound = 4,
  // It exists already, or a precondition does not hold.
  kConflict = 5,
  // Not allowed.
  kAuth = 6,
  // The daemon answers and says that it is not well.
  kUnhealthy = 7,
  kInterrupted = 130,
};

// The exit code for a failed call.
ExitCode ExitCodeFor(const absl::Status& status);

}  // namespace shardd::shardctl
