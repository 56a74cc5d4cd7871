#include "tests/sim/bugs.h"

#include <string>

#include "absl/strings/match.h"
#include "server/account/account_record.h"
#include "server/account/record_key.h"
#include "server/cross_thread_messaging/message_records.h"
#include "server/shard_state_operations/records.h"
#include "server/shard_state_operations/rehome.h"

namespace shardd::sim {
namespace {

using Value = std::optional<std::string>;

bool IsRecord(storage::Family family, const std::string& key, RecordType type) {
  if (!storage::IsHome(family)) return false;
  const absl::StatusOr<RecordKey> parsed = ParseRecordKey(key);
  return parsed.ok() && parsed->type == type;
}

bool IsMessage(storage::Family family, const std::string& key, MessageRecordType type) {
  return family == storage::kMessages && key[0] == static_cast<char>(type);
}

bool IsMeta(storage::Family family, const std::string& key, absl::string_view prefix) {
  return family == storage::kMeta && absl::StartsWith(key, prefix);
}

// Whether a bug drops this write.
bool Drops(Bug bug, storage::Family family, const std::string& key, const Value& value) {
  switch (bug) {
    case Bug::kDropEntries:
      return value.has_value() && IsRecord(family, key, RecordType::kEntry);
    case Bug::kDropDeletions:
      return !value.has_value() && IsRecord(family, key, RecordType::kEntry);
    case Bug::kDropOutcomes:
      return value.has_value() && IsRecord(family, key, RecordType::kOutcome);
    case Bug::kDropOutcomeOrder:
      return value.has_value() && IsRecord(family, key, RecordType::kOutcomeOrder);
    case Bug::kDropStats:
      return IsMeta(family, key, "shard/");
    case Bug::kDropNamespaces:
      return IsMeta(family, key, "namespace/");
    case Bug::kDropOperations:
      return IsMeta(family, key, "operation/");
    case Bug::kDropTable:
      return IsMeta(family, key, "table");
    case Bug::kDropRehomeCursor:
      return IsMeta(family, key, "rehome/") && value.has_value() &&
             RehomeRecord::Decode(*value)->stage == RehomeStage::kCopying &&
             !RehomeRecord::Decode(*value)->copied;
    case Bug::kDropOutboxes:
      return value.has_value() && IsMessage(family, key, MessageRecordType::kOutbox);
    case Bug::kDropMarks:
      return IsMessage(family, key, MessageRecordType::kMark);
    case Bug::kDropAcknowledgements:
      return !value.has_value() && IsMessage(family, key, MessageRecordType::kMailbox);
    case Bug::kDropArrivals:
      return value.has_value() && IsMessage(family, key, MessageRecordType::kMailbox);
    case Bug::kDropUndeliverable:
      return IsMessage(family, key, MessageRecordType::kUndeliverable);
    default:
      return false;
  }
}

// Whether the batch writes the key to a lower home too.
bool StandsInLowerHome(const storage::WriteSet& batch, storage::Family family,
                       const std::string& key) {
  for (const auto& [other, changes] : batch.families()) {
    const auto found = changes.find(key);
    if (other == storage::kMeta || found == changes.end()) continue;
    if (other < family || (found->also.has_value() && *found->also < family)) return true;
  }
  return false;
}

Value ChangedValue(Bug bug, storage::Family family, const std::string& key, const Value& value) {
  if (!value.has_value()) return value;
  if (bug == Bug::kForgetRevisionFloor && IsMeta(family, key, "shard/")) {
    absl::StatusOr<ShardStats> stats = ShardStats::Decode(*value);
    stats->revision_floor = 0;
    return stats->Encode();
  }
  if (bug == Bug::kDropTombstones && IsRecord(family, key, RecordType::kAccount)) {
    if (!AccountRecord::Decode(*value)->exists()) return std::nullopt;
  }
  return value;
}

}  // namespace

const std::vector<BugInfo>& AllBugs() {
  static const std::vector<BugInfo>& bugs = *new std::vector<BugInfo>{
      {Bug::kAckBeforeSync, "ack-before-sync", "answers leave after the write, before its sync"},
      {Bug::kEffectsBeforeWrite, "effects-before-write",
       "answers leave before the batch is written"},
      {Bug::kKeepCoreAfterFailedCommit, "keep-core-after-failed-commit",
       "a worker goes on with its memory after a failed commit"},
      {Bug::kRunPastDeadline, "run-past-deadline",
       "the deadline is not checked when a request runs"},
      {Bug::kRunItemTwice, "run-item-twice", "a mailbox hands an item out twice"},
      {Bug::kReplyToWrongCall, "reply-to-wrong-call", "two answers of a turn are swapped"},
      {Bug::kMailboxWithoutBounds, "mailbox-without-bounds", "a full mailbox takes more"},
      {Bug::kLoseWatchEvent, "lose-watch-event", "some changes are not sent to watches"},
      {Bug::kRepeatWatchEvent, "repeat-watch-event", "some changes are sent to watches twice"},
      {Bug::kLosePurgeResult, "lose-purge-result", "the coordinator does not hear of a purge"},
      {Bug::kReopenEarly, "reopen-early", "a shard takes requests to a namespace being deleted"},
      {Bug::kAdmitWhileDeleting, "admit-while-deleting",
       "requests are admitted by what was in force at the start"},
      {Bug::kReadFromOldSnapshot, "read-from-old-snapshot", "reads use a snapshot kept too long"},
      {Bug::kPushToOldOwner, "push-to-old-owner",
       "requests routed by an old table go to the shard that it names"},
      {Bug::kLoseQueue, "lose-queue", "what waits for a range is lost when it is split off"},
      {Bug::kLoseHandOver, "lose-hand-over", "watches do not go with their range"},
      {Bug::kLoseClosedNamespaces, "lose-closed-namespaces",
       "a new shard does not know which namespaces are being deleted"},
      {Bug::kRunWhileRetired, "run-while-retired", "a shard that is being merged goes on"},
      {Bug::kHandOverBeforeCommit, "hand-over-before-commit",
       "a new shard begins before the table that names it is stored"},
      {Bug::kPublishLate, "publish-late", "a home is cleared before all read by the new table"},
      {Bug::kReadByOldTable, "read-by-old-table",
       "a read does not look at the table again when it has read"},
      {Bug::kSurveyTooLate, "survey-too-late",
       "a range is counted as of a moment after its owner began to note changes"},
      {Bug::kSyncLies, "sync-lies", "a sync says OK, and a crash loses its batches"},
      {Bug::kTornBatch, "torn-batch", "a crash keeps half of an unsynced batch"},
      {Bug::kHalfOfBatch, "half-of-batch", "only the first half of a batch is written"},
      {Bug::kDropEntries, "drop-entries", "accounts are written without their entries"},
      {Bug::kDropDeletions, "drop-deletions", "deleted entries stay"},
      {Bug::kDropOutcomes, "drop-outcomes", "outcomes are not stored with their effects"},
      {Bug::kDropOutcomeOrder, "drop-outcome-order", "the order of outcomes is not stored"},
      {Bug::kDropStats, "drop-stats", "the statistics of a shard are not stored"},
      {Bug::kForgetRevisionFloor, "forget-revision-floor",
       "the highest revision of forgotten accounts is stored as 0"},
      {Bug::kDropTombstones, "drop-tombstones", "a deleted account leaves no record"},
      {Bug::kDropNamespaces, "drop-namespaces", "changes to namespaces are not stored"},
      {Bug::kDropOperations, "drop-operations", "operations are not stored"},
      {Bug::kDropTable, "drop-table", "a new table is not stored with what it changes"},
      {Bug::kDropSecondHome, "drop-second-home", "a shard that moves writes to its old home alone"},
      {Bug::kDropRehomeCursor, "drop-rehome-cursor", "how far a copy is, is not stored with it"},
      {Bug::kLoseOutbox, "lose-outbox", "what a range has sent is forgotten when it is split off"},
      {Bug::kLoseMailboxes, "lose-mailboxes", "leases are forgotten when a range is split off"},
      {Bug::kLoseDelivery, "lose-delivery", "some messages do not get to the receiver's owner"},
      {Bug::kForgetOrder, "forget-order", "a message does not name the one before it"},
      {Bug::kTakeRefusalForTaken, "take-refusal-for-taken",
       "the sender takes every answer for the news that the message was taken in"},
      {Bug::kPassOnBeforeWrite, "pass-on-before-write",
       "messages and answers leave before what they tell is written"},
      {Bug::kRepeatTokens, "repeat-tokens", "leases get the tokens of an earlier run"},
      {Bug::kDropOutboxes, "drop-outboxes", "messages are not stored with what sends them"},
      {Bug::kDropMarks, "drop-marks", "what was taken in is not remembered"},
      {Bug::kDropAcknowledgements, "drop-acknowledgements",
       "a message that is dealt with is not deleted"},
      {Bug::kDropArrivals, "drop-arrivals", "messages are not stored in their mailbox"},
      {Bug::kDropUndeliverable, "drop-undeliverable", "undeliverable messages are not kept"},
  };
  return bugs;
}

std::optional<Bug> FindBug(absl::string_view name) {
  for (const BugInfo& info : AllBugs()) {
    if (info.name == name) return info.bug;
  }
  return std::nullopt;
}

storage::WriteSet WrittenUnder(Bug bug, const storage::WriteSet& batch) {
  if (bug < Bug::kHalfOfBatch) return batch;
  storage::WriteSet written;
  size_t left = bug == Bug::kHalfOfBatch ? (batch.count() + 1) / 2 : batch.count();
  batch.ForEach([&](storage::Family family, const std::string& key, const Value& value) {
    if (Drops(bug, family, key, value) || left == 0) return;
    if (bug == Bug::kDropSecondHome && StandsInLowerHome(batch, family, key)) return;
    --left;
    written.Set(family, key, ChangedValue(bug, family, key, value));
  });
  return written;
}

}  // namespace shardd::sim
