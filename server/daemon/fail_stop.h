#pragma once

#include "absl/status/status.h"
#include "server/logging/log.h"

namespace shardd {

// Ends the process at once because storage has failed: what reached the disk is unknown, so nothing
// may be acknowledged, closed or retried. Logs why, runs no destructors, exits with
// ExitCode::kStorageFailed. From any thread.
[[noreturn]] void FailStop(const absl::Status& reason, Log& log);

}  // namespace shardd
