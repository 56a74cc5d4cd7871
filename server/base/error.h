#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shardd {

// Why a request was refused or failed. Names and numbers are those of shardd.v1.ErrorReason, whose
// comments say what each means (a test compares the two); rooms below rpc do not see generated
// code.
enum class Reason : uint16_t {
  kUnspecified = 0,
  kInvalidField = 1,
  kInvalidPageToken = 2,
  kEntryTooLarge = 3,
  kFrameTooLarge = 4,
  kValueNotInteger = 5,
  kIntegerOverflow = 6,
  kRequestIdReused = 7,
  kRequestForbidden = 8,
  kNamespaceNotFound = 20,
  kNamespaceExists = 21,
  kNamespaceNotEmpty = 22,
  kNamespaceDeleting = 23,
  kTooManyNamespaces = 24,
  kAccountNotFound = 30,
  kAccountExists = 31,
  kAccountFrozen = 32,
  kAccountFull = 33,
  kPreconditionFailed = 34,
  kRevisionCompacted = 35,
  kWatchTooSlow = 36,
  kTooManyWatches = 37,
  kAccountMailboxFull = 38,
  kOutboxFull = 39,
  kShardNotFound = 40,
  kStaleEpoch = 41,
  kEpochCompacted = 42,
  kThreadNotFound = 43,
  kOperationNotFound = 44,
  kOperationEnded = 45,
  kShardBusy = 46,
  kShardPinned = 47,
  kNotNeighbours = 48,
  kCannotSplit = 49,
  kTooManyShards = 50,
  kTooManyHomes = 51,
  kHomeNotFound = 52,
  kAlreadyThere = 53,
  kMailboxFull = 60,
  kDeadlineExpired = 61,
  kDraining = 62,
  kTooManyCalls = 63,
  kDiskFull = 64,
  kStorageFailed = 65,
  kStorageCorrupt = 66,
  kNotServed = 67,
  kMessageLeaseEnded = 70,
  kUndeliverableNotFound = 71,
};

// Whether a failed request may have taken effect.
enum class Effect : uint8_t { kNotApplied, kUnknown };

// What a reason always means: its canonical code and what is known of the effect.
absl::StatusCode CodeOf(Reason reason);
Effect EffectOf(Reason reason);

// An error with its reason. The code follows from the reason. `message` says what was wrong and
// what is allowed.
absl::Status Error(Reason reason, absl::string_view message);

// Adds a fact to an error made by Error: the name of the bad field, the current revision, ….
absl::Status WithMetadata(absl::Status status, absl::string_view key, absl::string_view value);

// Adds when to try again.
absl::Status WithRetryAfter(absl::Status status, absl::Duration delay);

// An error about one field of a request: kInvalidField with the metadata "field".
absl::Status InvalidField(absl::string_view field, absl::string_view message);

// The facts of an error; kUnspecified, empty or nullopt for a status that was not made by Error.
Reason ReasonOf(const absl::Status& status);
std::map<std::string, std::string> MetadataOf(const absl::Status& status);
std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);

}  // namespace shardd
