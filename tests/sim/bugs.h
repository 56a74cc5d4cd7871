#pragma once

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/write_set.h"

namespace shardd::sim {

// Mistakes that can be planted in the simulated runtime and store, to show that the simulator finds
// them. The production code is the same with and without.
enum class Bug {
  kNone,
  // What a worker does, and when.
  kAckBeforeSync,
  kEffectsBeforeWrite,
  kKeepCoreAfterFailedCommit,
  kRunPastDeadline,
  kRunItemTwice,
  kReplyToWrongCall,
  kMailboxWithoutBounds,
  kLoseWatchEvent,
  kRepeatWatchEvent,
  kLosePurgeResult,
  kReopenEarly,
  kAdmitWhileDeleting,
  kReadFromOldSnapshot,
  // How shards change.
  kPushToOldOwner,
  kLoseQueue,
  kLoseHandOver,
  kLoseClosedNamespaces,
  kRunWhileRetired,
  kHandOverBeforeCommit,
  kPublishLate,
  kReadByOldTable,
  kSurveyTooLate,
  // Messages.
  kLoseOutbox,
  kLoseMailboxes,
  kLoseDelivery,
  kForgetOrder,
  kTakeRefusalForTaken,
  kPassOnBeforeWrite,
  kRepeatTokens,
  // What reaches the disk.
  kSyncLies,
  kTornBatch,
  kHalfOfBatch,
  kDropEntries,
  kDropDeletions,
  kDropOutcomes,
  kDropOutcomeOrder,
  kDropStats,
  kForgetRevisionFloor,
  kDropTombstones,
  kDropNamespaces,
  kDropOperations,
  kDropTable,
  kDropSecondHome,
  kDropRehomeCursor,
  kDropOutboxes,
  kDropMarks,
  kDropAcknowledgements,
  kDropArrivals,
  kDropUndeliverable,
};

struct BugInfo {
  Bug bug = Bug::kNone;
  absl::string_view name;
  absl::string_view what;
};

// All but kNone.
const std::vector<BugInfo>& AllBugs();
std::optional<Bug> FindBug(absl::string_view name);

// What is written instead of `batch` under a bug; `batch` itself for those that do not change it.
storage::WriteSet WrittenUnder(Bug bug, const storage::WriteSet& batch);

}  // namespace shardd::sim
