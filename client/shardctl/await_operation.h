#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/shardctl/command.h"
#include "shardd/v1/operation.pb.h"

namespace shardd::shardctl {

// The operation as it is once it has ended, however it did. Shows on a terminal how far it is.
//
// Whatever ends the waiting does not end the operation, and a note says how to wait again: an
// interrupt (kCancelled), `patience` that is used up (kUnknown), a daemon that is gone.
absl::StatusOr<v1::Operation> AwaitOperation(Invocation& invocation, const std::string& id,
                                             absl::Duration patience);

ExitCode PrintOperation(Invocation& invocation, const v1::Operation& operation);

// Shows an operation that was begun, or that was only validated. With `wait` shows it as it ended,
// and fails as it did.
absl::StatusOr<ExitCode> ShowBegun(Invocation& invocation, const v1::Operation& begun, bool wait);

}  // namespace shardd::shardctl
