#include "client/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace shardd::client {
namespace {

constexpr char kPayloadUrl[] = "type.googleapis.com/google.rpc.Status";
constexpr char kReasonPrefix[] = "ERROR_REASON_";
constexpr char kDomain[] = "shardd";
constexpr char kEffectKey[] = "effect";
constexpr char kNotApplied[] = "not_applied";
constexpr char kUnknown[] = "UNKNOWN";

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

absl::Status MakeStatus(int code, const std::string& message, const std::string& details) {
  absl::Status status(static_cast<absl::StatusCode>(code), message);
  if (!details.empty()) status.SetPayload(kPayloadUrl, absl::Cord(details));
  return status;
}

// The codes of what can end an operation; the API sends none with it.
absl::StatusCode CodeOfEnd(v1::ErrorReason reason) {
  switch (reason) {
    case v1::ERROR_REASON_NAMESPACE_NOT_EMPTY:
    case v1::ERROR_REASON_CANNOT_SPLIT:
      return absl::StatusCode::kFailedPrecondition;
    case v1::ERROR_REASON_DISK_FULL:
      return absl::StatusCode::kResourceExhausted;
    case v1::ERROR_REASON_STORAGE_FAILED:
      return absl::StatusCode::kUnavailable;
    case v1::ERROR_REASON_STORAGE_CORRUPT:
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kUnknown;
  }
}

// Whether an operation that did not succeed may have changed something. Of these kinds nothing is
// in force before their last step, and that one does not fail; a merge may have moved a shard home
// by then, and a deletion has deleted some accounts.
v1::Effect EffectOfEnd(v1::OperationKind kind) {
  switch (kind) {
    case v1::OPERATION_KIND_SPLIT:
    case v1::OPERATION_KIND_REHOME:
    case v1::OPERATION_KIND_VERIFY:
    case v1::OPERATION_KIND_COMPACT:
      return v1::EFFECT_NOT_APPLIED;
    default:
      return v1::EFFECT_UNKNOWN;
  }
}

void ReadErrorInfo(const google::rpc::ErrorInfo& info, ErrorDetail& detail) {
  if (info.domain() != kDomain) return;
  detail.reason_name = info.reason();
  v1::ErrorReason reason;
  if (v1::ErrorReason_Parse(absl::StrCat(kReasonPrefix, info.reason()), &reason)) {
    detail.reason = reason;
  }
  for (const auto& [key, value] : info.metadata()) detail.metadata[key] = value;
  const auto effect = info.metadata().find(kEffectKey);
  if (effect != info.metadata().end() && absl::EqualsIgnoreCase(effect->second, kNotApplied)) {
    detail.effect = v1::EFFECT_NOT_APPLIED;
  }
}

void ReadDetail(const google::protobuf::Any& any, ErrorDetail& detail) {
  google::rpc::ErrorInfo info;
  google::rpc::RetryInfo retry;
  google::rpc::BadRequest bad_request;
  if (any.UnpackTo(&info)) {
    ReadErrorInfo(info, detail);
  } else if (any.UnpackTo(&retry)) {
    detail.retry_after = FromProto(retry.retry_delay());
  } else if (any.UnpackTo(&bad_request)) {
    for (const auto& violation : bad_request.field_violations()) {
      detail.violations.push_back({violation.field(), violation.description()});
    }
  }
}

}  // namespace

std::string ReasonName(v1::ErrorReason reason) {
  return std::string(absl::StripPrefix(v1::ErrorReason_Name(reason), kReasonPrefix));
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return MakeStatus(status.error_code(), status.error_message(), status.error_details());
}

absl::Status FromOperationError(const v1::OperationError& error) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_domain(kDomain);
  if (error.reason() != v1::ERROR_REASON_UNSPECIFIED) info.set_reason(ReasonName(error.reason()));
  if (error.effect() == v1::EFFECT_NOT_APPLIED)
    (*info.mutable_metadata())[kEffectKey] = kNotApplied;
  details.add_details()->PackFrom(info);
  if (error.has_retry_after()) {
    google::rpc::RetryInfo retry;
    *retry.mutable_retry_delay() = error.retry_after();
    details.add_details()->PackFrom(retry);
  }
  return MakeStatus(error.code(), error.message(), details.SerializeAsString());
}

absl::Status FromOperation(const v1::Operation& operation) {
  if (operation.state() == v1::OPERATION_STATE_SUCCEEDED) return absl::OkStatus();
  v1::OperationError error;
  error.set_effect(EffectOfEnd(operation.kind()));
  if (operation.state() == v1::OPERATION_STATE_CANCELLED) {
    error.set_code(static_cast<int>(absl::StatusCode::kAborted));
    error.set_message(absl::StrCat("operation ", operation.id(), " was cancelled"));
    return FromOperationError(error);
  }
  error.set_code(static_cast<int>(CodeOfEnd(operation.error_reason())));
  error.set_reason(operation.error_reason());
  error.set_message(operation.error_message());
  return FromOperationError(error);
}

ErrorDetail DetailOf(const absl::Status& status) {
  ErrorDetail detail;
  const auto payload = status.GetPayload(kPayloadUrl);
  google::rpc::Status details;
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) return detail;
  for (const auto& any : details.details()) ReadDetail(any, detail);
  return detail;
}

absl::Status WithUnknownEffect(const absl::Status& error) {
  google::rpc::Status details;
  const auto payload = error.GetPayload(kPayloadUrl);
  // An error without details vouches for nothing.
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) return error;
  for (auto& any : *details.mutable_details()) {
    google::rpc::ErrorInfo info;
    if (!any.UnpackTo(&info) || info.domain() != kDomain) continue;
    (*info.mutable_metadata())[kEffectKey] = kUnknown;
    any.PackFrom(info);
  }
  absl::Status changed = error;
  changed.SetPayload(kPayloadUrl, absl::Cord(details.SerializeAsString()));
  return changed;
}

}  // namespace shardd::client
