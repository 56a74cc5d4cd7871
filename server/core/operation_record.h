#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/error.h"
#include "server/base/ids.h"

namespace shardd {

// Stored; never reuse a number. The same numbers as shardd.v1.OperationKind and OperationState.
enum class OperationKind : uint8_t {
  kDeleteNamespace = 1,
  kSplit = 2,
  kMerge = 3,
  kRehome = 4,
  kImport = 5,
  kBackup = 6,
  kDrain = 7,
};
enum class OperationState : uint8_t {
  kRunning = 1,
  kCancelling = 2,
  kSucceeded = 3,
  kFailed = 4,
  kCancelled = 5,
};

// A long-running, durable, resumable job, as stored (storage/FORMAT.md, "Operation").
struct OperationRecord {
  OperationId id;
  OperationKind kind = OperationKind::kDeleteNamespace;
  OperationState state = OperationState::kRunning;
  std::string target;
  bool delete_accounts = false;  // kDeleteNamespace: whether accounts may be deleted
  uint64_t steps_done = 0;
  std::string status_message;
  absl::Time create_time;
  absl::Time end_time = absl::InfinitePast();  // while it runs
  Reason error_reason = Reason::kUnspecified;
  std::string error_message;

  bool running() const {
    return state == OperationState::kRunning || state == OperationState::kCancelling;
  }
  std::string Encode() const;
  // Errors: kStorageCorrupt.
  static absl::StatusOr<OperationRecord> Decode(absl::string_view bytes);
  friend bool operator==(const OperationRecord&, const OperationRecord&) = default;
};

}  // namespace shardd
