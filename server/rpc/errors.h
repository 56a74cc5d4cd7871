#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "server/base/error.h"
#include "shardd/v1/state.pb.h"

namespace shardd::rpc {

// The one place where errors leave the daemon.

// The reason as callers see it: "INVALID_FIELD".
std::string ReasonName(Reason reason);

// The status of a call: code, message, and as details one google.rpc.ErrorInfo (reason, domain
// "shardd", the error's metadata and "effect": NOT_APPLIED or UNKNOWN), a BadRequest if a field is
// to blame, a RetryInfo if trying again makes sense.
grpc::Status ToGrpcStatus(const absl::Status& status);

// What gRPC's own retries obey: the trailer grpc-retry-pushback-ms, if trying again makes sense.
void AddRetryTrailer(const absl::Status& status, grpc::ServerContext& call);

// The same facts inside a stream. REQUIRES: !status.ok()
void ToOperationError(const absl::Status& status, v1::OperationError& error);

}  // namespace shardd::rpc
