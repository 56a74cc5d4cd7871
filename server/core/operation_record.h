#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/account/routing_key.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/shard_state_operations/range_survey.h"
#include "storage/write_set.h"

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
  kVerify = 8,
  kCompact = 9,
};
enum class OperationState : uint8_t {
  kRunning = 1,
  kCancelling = 2,
  kSucceeded = 3,
  kFailed = 4,
  kCancelled = 5,
};

// What an operation does with shards.
struct ShardChange {
  ShardId shard;                 // that is split, moved or verified; the survivor of a merge
  ShardId other;                 // made by the split, or ended by the merge
  std::optional<RoutingKey> at;  // where the split is, once it is known
  storage::Family from;          // the home that the bytes leave; meta: none
  storage::Family to;
  TableEpoch epoch;  // of the table that it led to; 0 until then
  absl::Duration pause;
  friend bool operator==(const ShardChange&, const ShardChange&) = default;
};

// What a verification found.
struct Verification {
  SurveyTotals totals;
  uint64_t error_count = 0;
  std::string first_error;
  friend bool operator==(const Verification&, const Verification&) = default;
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
  std::optional<ShardChange> change;
  std::optional<Verification> verification;

  bool running() const {
    return state == OperationState::kRunning || state == OperationState::kCancelling;
  }
  std::string Encode() const;
  // Errors: kStorageCorrupt.
  static absl::StatusOr<OperationRecord> Decode(absl::string_view bytes);
  friend bool operator==(const OperationRecord&, const OperationRecord&) = default;
};

}  // namespace shardd
