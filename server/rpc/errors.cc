#include "server/rpc/errors.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/rpc/proto_time.h"
#include "shardd/v1/error_reason.pb.h"

namespace shardd::rpc {
namespace {

constexpr absl::string_view kDomain = "shardd";
constexpr absl::string_view kReasonPrefix = "ERROR_REASON_";

// An error without a reason comes from a broken promise of our own code, and is named so.
grpc::StatusCode CodeOf(const absl::Status& status) {
  if (ReasonOf(status) == Reason::kUnspecified && status.code() == absl::StatusCode::kUnknown) {
    return grpc::StatusCode::INTERNAL;
  }
  return static_cast<grpc::StatusCode>(status.code());
}

google::rpc::ErrorInfo ErrorInfoOf(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  const Reason reason = ReasonOf(status);
  info.set_reason(ReasonName(reason));
  info.set_domain(std::string(kDomain));
  for (auto& [key, value] : MetadataOf(status)) (*info.mutable_metadata())[key] = value;
  (*info.mutable_metadata())["effect"] =
      EffectOf(reason) == Effect::kNotApplied ? "NOT_APPLIED" : "UNKNOWN";
  return info;
}

}  // namespace

std::string ReasonName(Reason reason) {
  const std::string& name = v1::ErrorReason_Name(static_cast<v1::ErrorReason>(reason));
  return std::string(absl::StripPrefix(name, kReasonPrefix));
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  details.set_code(CodeOf(status));
  details.set_message(std::string(status.message()));
  const google::rpc::ErrorInfo info = ErrorInfoOf(status);
  details.add_details()->PackFrom(info);
  if (const auto field = info.metadata().find("field"); field != info.metadata().end()) {
    google::rpc::BadRequest bad_request;
    google::rpc::BadRequest::FieldViolation* violation = bad_request.add_field_violations();
    violation->set_field(field->second);
    violation->set_description(std::string(status.message()));
    details.add_details()->PackFrom(bad_request);
  }
  if (const std::optional<absl::Duration> delay = RetryAfterOf(status)) {
    google::rpc::RetryInfo retry;
    ToProto(*delay, *retry.mutable_retry_delay());
    details.add_details()->PackFrom(retry);
  }
  return grpc::Status(CodeOf(status), details.message(), details.SerializeAsString());
}

void AddRetryTrailer(const absl::Status& status, grpc::ServerContext& call) {
  const std::optional<absl::Duration> delay = RetryAfterOf(status);
  if (!delay.has_value()) return;
  call.AddTrailingMetadata("grpc-retry-pushback-ms",
                           absl::StrCat(absl::ToInt64Milliseconds(*delay)));
}

void ToOperationError(const absl::Status& status, v1::OperationError& error) {
  const Reason reason = ReasonOf(status);
  error.set_code(CodeOf(status));
  error.set_reason(static_cast<v1::ErrorReason>(reason));
  error.set_message(std::string(status.message()));
  error.set_effect(EffectOf(reason) == Effect::kNotApplied ? v1::EFFECT_NOT_APPLIED
                                                           : v1::EFFECT_UNKNOWN);
  if (const std::optional<absl::Duration> delay = RetryAfterOf(status)) {
    ToProto(*delay, *error.mutable_retry_after());
  }
}

}  // namespace shardd::rpc
