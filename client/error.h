#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/support/status.h"
#include "shardd/v1/error_reason.pb.h"
#include "shardd/v1/operation.pb.h"
#include "shardd/v1/state.pb.h"

namespace shardd::client {

// One field that the daemon refused.
struct FieldViolation {
  std::string field;
  std::string description;
};

// What the daemon said about an error, beyond its code and message.
struct ErrorDetail {
  // UNSPECIFIED if the error did not come from the daemon, or is newer than this library.
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  // Such as "ACCOUNT_NOT_FOUND", also for reasons newer than this library; empty if there is none.
  std::string reason_name;
  // Whether the request may have taken effect. UNKNOWN unless the daemon vouches for the opposite.
  v1::Effect effect = v1::EFFECT_UNKNOWN;
  // When to try again, if the daemon says so.
  std::optional<absl::Duration> retry_after;
  std::vector<FieldViolation> violations;
  // Such as the name of the precondition that did not hold.
  std::map<std::string, std::string> metadata;
};

// The outcome of a call. Keeps the daemon's error details, for DetailOf.
absl::Status FromGrpc(const grpc::Status& status);

// The outcome of one operation of a session, in the same form.
absl::Status FromOperationError(const v1::OperationError& error);

// The outcome of an operation that has ended. Cancelled is kAborted: the caller did not ask for it.
// The effect is NOT_APPLIED for the kinds that change nothing unless they succeed.
absl::Status FromOperation(const v1::Operation& operation);

// What the daemon said about `status`; nearly empty if it said nothing.
ErrorDetail DetailOf(const absl::Status& status);

// The same error with an effect that is not known. For the error that ends several tries: the
// daemon speaks of the last one only, and an earlier one that ended in doubt may have taken effect.
absl::Status WithUnknownEffect(const absl::Status& error);

// The name of a reason as it is spelled in errors: "ACCOUNT_NOT_FOUND".
std::string ReasonName(v1::ErrorReason reason);

}  // namespace shardd::client
