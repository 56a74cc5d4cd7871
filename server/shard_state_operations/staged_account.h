#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/account/account_record.h"
#include "server/account/record_key.h"
#include "server/shard_state_operations/records.h"
#include "server/shard_state_operations/requests.h"
#include "server/shard_state_operations/shard_reader.h"
#include "storage/write_set.h"

namespace shardd {

// A stored key and its new value, or nullopt: deleted.
using StoredChange = std::pair<std::string, std::optional<std::string>>;

// Which outcomes of requests are kept: those younger than `age_min`; else the `count_max` newest,
// none older than `age_max`.
struct OutcomeRetention {
  uint64_t count_max = 0;
  absl::Duration age_max;
  absl::Duration age_min;
};

// One request's changes to one account, before they are decided: nothing outside changes until
// TakeWrites. Reads see the changes staged so far.
//
// Thread safety: none. Lifetime: within one step; keys and reader must outlive it.
// After an error the staged changes are void: drop the object, or call WriteRefusal on a fresh one.
class StagedAccount {
 public:
  // `record`: the account as it is, nullopt if there is none.
  StagedAccount(const AccountKeys& keys, const ShardReader& reader,
                std::optional<AccountRecord> record, absl::Time now);

  bool exists() const { return record_.exists(); }
  // Whether there is a record, be it of a deleted account: one that can keep outcomes.
  bool has_record() const { return had_record_; }
  const AccountRecord& record() const { return record_; }

  // kAccountExists. A new account starts above `revision_floor`.
  absl::Status StageCreate(const CreateAccountRequest& request, uint64_t revision_floor);
  // kAccountNotFound, kAccountFrozen, kAccountFull, kPreconditionFailed, kValueNotInteger,
  // kIntegerOverflow, kEntryTooLarge.
  absl::StatusOr<std::vector<MutationResult>> StageApply(ApplyRequest& request,
                                                         uint64_t revision_floor);
  // kAccountNotFound, kAccountFrozen, kPreconditionFailed.
  absl::Status StageUpdate(const UpdateAccountRequest& request);
  // kAccountNotFound, kPreconditionFailed. A frozen account can be deleted.
  absl::Status StageDelete(const DeleteAccountRequest& request);

  // Whether anything was staged: only then the revision rises.
  bool created() const { return created_; }
  bool updated() const { return updated_; }
  bool changed() const { return created_ || deleted_ || updated_ || exchanged_ || !entries_.empty(); }

  // Ends the staging of a change: raises the revision. REQUIRES: changed(). Call once, before
  // StageOutcome.
  void RaiseRevision();

  // Keeps `outcome` under `request_id` and drops outcomes that are past retention. REQUIRES:
  // has_record() or created.
  absl::Status StageOutcome(absl::string_view request_id, OutcomeRecord outcome,
                            OutcomeRetention retention);

  // The mailbox after the messages that the change deals with. REQUIRES: changed().
  void StageMailbox(const MailboxState& mailbox) { record_.mailbox = mailbox; }

  // Drops at most `drops_max` of the oldest outcomes that are past retention.
  absl::Status DropOutdatedOutcomes(uint64_t drops_max, const OutcomeRetention& retention);

  // Makes a record for an account that never existed, so that it can keep an outcome. REQUIRES:
  // !has_record().
  void LeaveTombstone(uint64_t revision_floor);

  // Whether outcomes were dropped or added.
  bool outcomes_changed() const { return !outcome_writes_.empty(); }

  // All records that change, and the difference goes into `stats`.
  std::vector<StoredChange> TakeWrites(ShardStats& stats);

  // What watches are told. Call after TakeWrites: takes the values.
  AccountChange TakeChange();

 private:
  struct StagedEntry {
    std::optional<std::string> value;  // nullopt: deleted
  };

  absl::Status Check(const Precondition& precondition);
  absl::StatusOr<MutationResult> Make(Mutation& mutation);
  absl::StatusOr<MutationResult> MakePut(Put& put);
  absl::StatusOr<MutationResult> MakeDelete(const Delete& mutation);
  absl::StatusOr<MutationResult> MakeDeletePrefix(const DeletePrefix& mutation);
  absl::StatusOr<MutationResult> MakeAddInteger(const AddInteger& mutation);
  absl::StatusOr<MutationResult> MakeAppend(Append& append);

  // The entry as staged or stored; nullopt if there is none. The revision of a staged one is that
  // of this change.
  struct CurrentEntry {
    absl::string_view value;
    uint64_t revision = 0;
  };
  absl::StatusOr<std::optional<CurrentEntry>> Find(absl::string_view key);
  void SetEntry(std::string key, std::optional<std::string> value,
                const std::optional<CurrentEntry>& current);
  // The staged value of `key`, to be appended to; staged as it is if only stored.
  absl::StatusOr<std::string*> StagedValue(const std::string& key);
  absl::StatusOr<std::vector<std::string>> StoredKeys(absl::string_view prefix) const;
  absl::Status CheckRoom() const;
  void BeginAccount(uint64_t revision_floor);

  const AccountKeys& keys_;
  const ShardReader& reader_;
  const absl::Time now_;  // to the microsecond, as stored: the first answer is that of a repeat
  const AccountRecord before_;
  const bool had_record_;
  AccountRecord record_;
  std::map<std::string, StagedEntry, std::less<>> entries_;
  size_t appended_bytes_ = 0;  // of stored values that are staged to be appended to
  std::vector<StoredChange> outcome_writes_;
  std::string scratch_;
  bool created_ = false;
  bool deleted_ = false;
  bool updated_ = false;
  bool exchanged_ = false;  // messages: sent some, or dealt with some
};

}  // namespace shardd
