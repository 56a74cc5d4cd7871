#include "server/base/error.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/check.h"

namespace shardd {
namespace {

// Payload names. Metadata are payloads of their own, one each, so that no encoding is needed.
constexpr absl::string_view kReasonPayload = "shardd/reason";
constexpr absl::string_view kRetryPayload = "shardd/retry-after-ns";
constexpr absl::string_view kMetadataPrefix = "shardd/meta/";

std::optional<int64_t> IntegerPayload(const absl::Status& status, absl::string_view name) {
  const absl::optional<absl::Cord> payload = status.GetPayload(name);
  int64_t value = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

absl::StatusCode CodeOf(Reason reason) {
  switch (reason) {
    case Reason::kUnspecified:
      return absl::StatusCode::kUnknown;
    case Reason::kInvalidField:
    case Reason::kInvalidPageToken:
    case Reason::kEntryTooLarge:
    case Reason::kFrameTooLarge:
    case Reason::kRequestIdReused:
      return absl::StatusCode::kInvalidArgument;
    case Reason::kNamespaceNotFound:
    case Reason::kAccountNotFound:
    case Reason::kShardNotFound:
    case Reason::kThreadNotFound:
    case Reason::kOperationNotFound:
    case Reason::kHomeNotFound:
    case Reason::kUndeliverableNotFound:
      return absl::StatusCode::kNotFound;
    case Reason::kNamespaceExists:
    case Reason::kAccountExists:
      return absl::StatusCode::kAlreadyExists;
    case Reason::kValueNotInteger:
    case Reason::kNamespaceNotEmpty:
    case Reason::kNamespaceDeleting:
    case Reason::kAccountFrozen:
    case Reason::kPreconditionFailed:
    case Reason::kOperationEnded:
    case Reason::kShardPinned:
    case Reason::kNotNeighbours:
    case Reason::kCannotSplit:
    case Reason::kAlreadyThere:
    case Reason::kMessageLeaseEnded:
      return absl::StatusCode::kFailedPrecondition;
    case Reason::kIntegerOverflow:
    case Reason::kRevisionCompacted:
    case Reason::kEpochCompacted:
      return absl::StatusCode::kOutOfRange;
    case Reason::kRequestForbidden:
    case Reason::kStaleEpoch:
    case Reason::kShardBusy:
      return absl::StatusCode::kAborted;
    case Reason::kTooManyNamespaces:
    case Reason::kAccountFull:
    case Reason::kWatchTooSlow:
    case Reason::kTooManyWatches:
    case Reason::kAccountMailboxFull:
    case Reason::kOutboxFull:
    case Reason::kMailboxFull:
    case Reason::kTooManyCalls:
    case Reason::kDiskFull:
    case Reason::kTooManyShards:
    case Reason::kTooManyHomes:
      return absl::StatusCode::kResourceExhausted;
    case Reason::kDeadlineExpired:
      return absl::StatusCode::kDeadlineExceeded;
    case Reason::kDraining:
    case Reason::kStorageFailed:
      return absl::StatusCode::kUnavailable;
    case Reason::kStorageCorrupt:
      return absl::StatusCode::kDataLoss;
    case Reason::kNotServed:
      return absl::StatusCode::kUnimplemented;
  }
  return absl::StatusCode::kUnknown;
}

Effect EffectOf(Reason reason) {
  const bool unknown = reason == Reason::kUnspecified || reason == Reason::kStorageFailed;
  return unknown ? Effect::kUnknown : Effect::kNotApplied;
}

absl::Status Error(Reason reason, absl::string_view message) {
  SHARDD_CHECK(reason != Reason::kUnspecified);
  absl::Status status(CodeOf(reason), message);
  status.SetPayload(kReasonPayload, absl::Cord(absl::StrCat(static_cast<int>(reason))));
  return status;
}

absl::Status WithMetadata(absl::Status status, absl::string_view key, absl::string_view value) {
  status.SetPayload(absl::StrCat(kMetadataPrefix, key), absl::Cord(value));
  return status;
}

absl::Status WithRetryAfter(absl::Status status, absl::Duration delay) {
  status.SetPayload(kRetryPayload, absl::Cord(absl::StrCat(absl::ToInt64Nanoseconds(delay))));
  return status;
}

absl::Status InvalidField(absl::string_view field, absl::string_view message) {
  return WithMetadata(Error(Reason::kInvalidField, absl::StrCat(field, " ", message)), "field",
                      field);
}

Reason ReasonOf(const absl::Status& status) {
  return static_cast<Reason>(IntegerPayload(status, kReasonPayload).value_or(0));
}

std::map<std::string, std::string> MetadataOf(const absl::Status& status) {
  std::map<std::string, std::string> metadata;
  status.ForEachPayload([&metadata](absl::string_view name, const absl::Cord& payload) {
    if (absl::ConsumePrefix(&name, kMetadataPrefix)) {
      metadata.emplace(std::string(name), std::string(payload));
    }
  });
  return metadata;
}

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status) {
  const std::optional<int64_t> nanoseconds = IntegerPayload(status, kRetryPayload);
  if (!nanoseconds.has_value()) return std::nullopt;
  return absl::Nanoseconds(*nanoseconds);
}

}  // namespace shardd
