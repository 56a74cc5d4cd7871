#include "server/shard_state_operations/staged_account.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"

namespace shardd {
namespace {

AccountRecord NoAccount() {
  AccountRecord record;
  record.state = AccountState::kDeleted;
  return record;
}

absl::Status PreconditionFailed(absl::string_view name, absl::string_view message) {
  return WithMetadata(
      Error(Reason::kPreconditionFailed, absl::StrCat("precondition ", name, ": ", message)),
      "precondition", name);
}

absl::Status CheckExpectedRevision(uint64_t expected, const AccountRecord& record) {
  if (expected == 0 || expected == record.revision) return absl::OkStatus();
  return WithMetadata(
      PreconditionFailed("account_revision", absl::StrCat("the account is at revision ",
                                                          record.revision, ", not ", expected)),
      "current_revision", absl::StrCat(record.revision));
}

absl::Status AccountFrozen(const AccountRef& account) {
  return Error(Reason::kAccountFrozen,
               absl::StrCat("account \"", account.id, "\" is frozen; unfreeze it first"));
}

// A decimal integer is digits, after a minus if it is negative: no blanks, no plus.
bool ParseInteger(absl::string_view text, int64_t* value) {
  const absl::string_view digits = absl::StripPrefix(text, "-");
  return std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, value);
}

}  // namespace

StagedAccount::StagedAccount(const AccountKeys& keys, const ShardReader& reader,
                             std::optional<AccountRecord> record, absl::Time now)
    : keys_(keys),
      reader_(reader),
      now_(FromStoredTime(ToStoredTime(now))),
      before_(record.has_value() ? *std::move(record) : NoAccount()),
      had_record_(before_.revision != 0),
      record_(before_) {}

absl::Status StagedAccount::StageCreate(const CreateAccountRequest& request,
                                        uint64_t revision_floor) {
  if (exists()) {
    return Error(Reason::kAccountExists,
                 absl::StrCat("account \"", request.account.id, "\" exists already"));
  }
  BeginAccount(revision_floor);
  record_.labels = request.labels;
  record_.limits = request.limits;
  return absl::OkStatus();
}

void StagedAccount::BeginAccount(uint64_t revision_floor) {
  // What a deleted account left behind is kept: its revision and the outcomes of requests.
  record_.state = AccountState::kActive;
  record_.revision = std::max(before_.revision, revision_floor);
  record_.create_time = now_;
  created_ = true;
}

void StagedAccount::LeaveTombstone(uint64_t revision_floor) {
  SHARDD_CHECK(!had_record_ && !created_);
  record_.revision = revision_floor + 1;
  record_.create_time = now_;
  record_.update_time = now_;
}

absl::StatusOr<std::vector<MutationResult>> StagedAccount::StageApply(ApplyRequest& request,
                                                                      uint64_t revision_floor) {
  if (!exists()) {
    if (!request.create_account) return AccountNotFound(request.account);
    BeginAccount(revision_floor);
  }
  const bool exchanges = !request.sends.empty() || !request.acks.empty();
  const bool changes = exchanges || !request.mutations.empty();
  if (record_.state == AccountState::kFrozen && changes) return AccountFrozen(request.account);
  for (const Precondition& precondition : request.preconditions) {
    SHARDD_RETURN_IF_ERROR(Check(precondition));
  }
  std::vector<MutationResult> results;
  results.reserve(request.mutations.size());
  for (Mutation& mutation : request.mutations) {
    SHARDD_ASSIGN_OR_RETURN(results.emplace_back(), Make(mutation));
  }
  SHARDD_RETURN_IF_ERROR(CheckRoom());
  exchanged_ = exchanges;
  return results;
}

absl::Status StagedAccount::StageUpdate(const UpdateAccountRequest& request) {
  if (!exists()) return AccountNotFound(request.account);
  if (record_.state == AccountState::kFrozen && request.state != AccountState::kActive) {
    return AccountFrozen(request.account);
  }
  SHARDD_RETURN_IF_ERROR(CheckExpectedRevision(request.expected_revision, record_));
  if (request.labels.has_value()) record_.labels = *request.labels;
  if (request.limits.has_value()) record_.limits = *request.limits;
  if (request.state.has_value()) record_.state = *request.state;
  updated_ = true;
  return absl::OkStatus();
}

absl::Status StagedAccount::StageDelete(const DeleteAccountRequest& request) {
  if (!exists()) return AccountNotFound(request.account);
  SHARDD_RETURN_IF_ERROR(CheckExpectedRevision(request.expected_revision, record_));
  SHARDD_RETURN_IF_ERROR(MakeDeletePrefix(DeletePrefix{}).status());
  record_.state = AccountState::kDeleted;
  record_.labels.clear();
  record_.limits = {};
  // Whoever gets the name next does not get what was sent to this one.
  if (record_.mailbox.count > 0) record_.mailbox.orphans_end = record_.mailbox.next;
  deleted_ = true;
  return absl::OkStatus();
}

absl::Status StagedAccount::Check(const Precondition& precondition) {
  if (const auto* account = std::get_if<AccountRevisionIs>(&precondition)) {
    if (account->revision == before_.revision) return absl::OkStatus();
    return WithMetadata(
        PreconditionFailed("account_revision",
                           absl::StrCat("the account is at revision ", before_.revision, ", not ",
                                        account->revision)),
        "current_revision", absl::StrCat(before_.revision));
  }
  if (const auto* exists = std::get_if<EntryExists>(&precondition)) {
    SHARDD_ASSIGN_OR_RETURN(const auto entry, Find(exists->key));
    if (entry.has_value()) return absl::OkStatus();
    return PreconditionFailed("entry_exists", "there is no such entry");
  }
  if (const auto* absent = std::get_if<EntryAbsent>(&precondition)) {
    SHARDD_ASSIGN_OR_RETURN(const auto entry, Find(absent->key));
    if (!entry.has_value()) return absl::OkStatus();
    return PreconditionFailed("entry_absent",
                              absl::StrCat("the entry exists, at revision ", entry->revision));
  }
  if (const auto* revision = std::get_if<EntryRevisionIs>(&precondition)) {
    SHARDD_ASSIGN_OR_RETURN(const auto entry, Find(revision->key));
    if (entry.has_value() && entry->revision == revision->revision) return absl::OkStatus();
    const uint64_t current = entry.has_value() ? entry->revision : 0;
    return WithMetadata(
        PreconditionFailed("entry_revision",
                           entry.has_value() ? absl::StrCat("the entry is at revision ", current,
                                                            ", not ", revision->revision)
                                             : "there is no such entry"),
        "current_revision", absl::StrCat(current));
  }
  const auto& value = std::get<EntryValueIs>(precondition);
  SHARDD_ASSIGN_OR_RETURN(const auto entry, Find(value.key));
  if (entry.has_value() && entry->value == value.value) return absl::OkStatus();
  return PreconditionFailed(
      "entry_value", entry.has_value() ? "the entry has another value" : "there is no such entry");
}

absl::StatusOr<MutationResult> StagedAccount::Make(Mutation& mutation) {
  if (auto* put = std::get_if<Put>(&mutation)) return MakePut(*put);
  if (auto* deletion = std::get_if<Delete>(&mutation)) return MakeDelete(*deletion);
  if (auto* prefix = std::get_if<DeletePrefix>(&mutation)) return MakeDeletePrefix(*prefix);
  if (auto* add = std::get_if<AddInteger>(&mutation)) return MakeAddInteger(*add);
  return MakeAppend(std::get<Append>(mutation));
}

absl::StatusOr<MutationResult> StagedAccount::MakePut(Put& put) {
  SHARDD_ASSIGN_OR_RETURN(const auto current, Find(put.key));
  SetEntry(std::move(put.key), std::move(put.value), current);
  return MutationResult{};
}

absl::StatusOr<MutationResult> StagedAccount::MakeDelete(const Delete& mutation) {
  SHARDD_ASSIGN_OR_RETURN(const auto entry, Find(mutation.key));
  if (!entry.has_value()) return MutationResult{};
  SetEntry(mutation.key, std::nullopt, entry);
  return MutationResult{.deleted = 1};
}

absl::StatusOr<MutationResult> StagedAccount::MakeDeletePrefix(const DeletePrefix& mutation) {
  SHARDD_ASSIGN_OR_RETURN(std::vector<std::string> keys, StoredKeys(mutation.prefix));
  for (auto staged = entries_.lower_bound(mutation.prefix);
       staged != entries_.end() && absl::StartsWith(staged->first, mutation.prefix); ++staged) {
    keys.push_back(staged->first);
  }
  MutationResult result;
  for (std::string& key : keys) {
    SHARDD_ASSIGN_OR_RETURN(const auto entry, Find(key));
    if (!entry.has_value()) continue;  // staged as deleted, or named twice
    ++result.deleted;
    SetEntry(std::move(key), std::nullopt, entry);
  }
  return result;
}

absl::StatusOr<MutationResult> StagedAccount::MakeAddInteger(const AddInteger& mutation) {
  SHARDD_ASSIGN_OR_RETURN(const auto entry, Find(mutation.key));
  int64_t value = 0;
  if (entry.has_value() && !ParseInteger(entry->value, &value)) {
    return Error(Reason::kValueNotInteger,
                 "add_integer: the entry's value is not a decimal 64-bit integer");
  }
  if (__builtin_add_overflow(value, mutation.delta, &value)) {
    return Error(Reason::kIntegerOverflow,
                 "add_integer: the sum is outside the range of a 64-bit integer");
  }
  SetEntry(mutation.key, absl::StrCat(value), entry);
  return MutationResult{.integer = value};
}

absl::StatusOr<MutationResult> StagedAccount::MakeAppend(Append& append) {
  SHARDD_ASSIGN_OR_RETURN(std::string* const value, StagedValue(append.key));
  if (value->size() + append.value.size() > limits::kEntryValueBytesMax) {
    return Error(Reason::kEntryTooLarge,
                 absl::StrCat("append: the value would be ", value->size() + append.value.size(),
                              " bytes; at most ", limits::kEntryValueBytesMax, " are allowed"));
  }
  if (appended_bytes_ > limits::kAppliedBytesMax) {
    return Error(
        Reason::kEntryTooLarge,
        absl::StrCat("append: the values that this request appends to have more than ",
                     limits::kAppliedBytesMax, " bytes together; append to fewer at once"));
  }
  value->append(append.value);
  record_.byte_count += append.value.size();
  return MutationResult{.length = value->size()};
}

absl::StatusOr<std::string*> StagedAccount::StagedValue(const std::string& key) {
  const auto staged = entries_.find(key);
  if (staged != entries_.end() && staged->second.value.has_value()) return &*staged->second.value;
  SHARDD_ASSIGN_OR_RETURN(const auto stored, Find(key));
  std::string value(stored.has_value() ? stored->value : absl::string_view());
  appended_bytes_ += value.size();
  SetEntry(key, std::move(value), stored);
  return &*entries_.find(key)->second.value;
}

absl::StatusOr<std::optional<StagedAccount::CurrentEntry>> StagedAccount::Find(
    absl::string_view key) {
  const auto staged = entries_.find(key);
  if (staged != entries_.end()) {
    if (!staged->second.value.has_value()) return std::nullopt;
    return CurrentEntry{*staged->second.value, record_.revision + 1};
  }
  // A new account has no entries: a deletion leaves none.
  if (created_) return std::nullopt;
  SHARDD_ASSIGN_OR_RETURN(const std::optional<EntryRecord> stored,
                          reader_.FindEntry(keys_, key, &scratch_));
  if (!stored.has_value()) return std::nullopt;
  return CurrentEntry{stored->value, stored->revision};
}

void StagedAccount::SetEntry(std::string key, std::optional<std::string> value,
                             const std::optional<CurrentEntry>& current) {
  if (current.has_value()) {
    --record_.entry_count;
    record_.byte_count -= key.size() + current->value.size();
  }
  if (value.has_value()) {
    ++record_.entry_count;
    record_.byte_count += key.size() + value->size();
  }
  entries_.insert_or_assign(std::move(key), StagedEntry{std::move(value)});
}

absl::StatusOr<std::vector<std::string>> StagedAccount::StoredKeys(absl::string_view prefix) const {
  std::vector<std::string> keys;
  if (created_) return keys;
  const auto cursor =
      reader_.reader().NewCursor(reader_.home(), keys_.Bounds(RecordType::kEntry, prefix));
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    keys.emplace_back(cursor->key().substr(keys_.prefix_bytes()));
  }
  SHARDD_RETURN_IF_ERROR(cursor->status());
  return keys;
}

absl::Status StagedAccount::CheckRoom() const {
  // An account above its limit may shrink or stay; only growth is refused.
  const bool more_entries = record_.entry_count > record_.limits.EntriesAllowed() &&
                            record_.entry_count > before_.entry_count;
  const bool more_bytes =
      record_.byte_count > record_.limits.BytesAllowed() && record_.byte_count > before_.byte_count;
  if (!more_entries && !more_bytes) return absl::OkStatus();
  return WithMetadata(
      Error(Reason::kAccountFull,
            more_entries ? absl::StrCat("the account would hold ", record_.entry_count,
                                        " entries; its limit is ", record_.limits.EntriesAllowed())
                         : absl::StrCat("the account would hold ", record_.byte_count,
                                        " bytes; its limit is ", record_.limits.BytesAllowed())),
      "limit", more_entries ? "entries_max" : "bytes_max");
}

void StagedAccount::RaiseRevision() {
  SHARDD_CHECK(changed());
  SHARDD_CHECK(record_.revision >= before_.revision);
  ++record_.revision;
  record_.update_time = now_;
}

absl::Status StagedAccount::StageOutcome(absl::string_view request_id, OutcomeRecord outcome,
                                         OutcomeRetention retention) {
  SHARDD_CHECK(record_.revision != 0 || created_);
  SHARDD_CHECK(retention.count_max > 0);
  --retention.count_max;  // room for this one
  SHARDD_RETURN_IF_ERROR(DropOutdatedOutcomes(limits::kOutcomesTrimmedPerWrite, retention));
  // The record of a deleted account is forgotten by its time: it must outlast its outcomes.
  if (!record_.exists()) record_.update_time = now_;
  if (record_.outcome_first == record_.outcome_next) record_.outcome_oldest_time = now_;
  const std::string number = ByteWriter().Fixed64(record_.outcome_next++).Take();
  outcome.time = now_;
  outcome_writes_.emplace_back(keys_.Key(RecordType::kOutcome, request_id), outcome.Encode());
  outcome_writes_.emplace_back(keys_.Key(RecordType::kOutcomeOrder, number),
                               OutcomeOrderRecord{now_, std::string(request_id)}.Encode());
  return absl::OkStatus();
}

absl::Status StagedAccount::DropOutdatedOutcomes(uint64_t drops_max,
                                                 const OutcomeRetention& retention) {
  for (uint64_t dropped = 0; dropped < drops_max; ++dropped) {
    const uint64_t kept = record_.outcome_next - record_.outcome_first;
    const absl::Duration age = now_ - record_.outcome_oldest_time;
    const bool outdated =
        age > retention.age_max || (kept > retention.count_max && age >= retention.age_min);
    if (kept == 0 || !outdated) break;
    SHARDD_ASSIGN_OR_RETURN(const OutcomeOrderRecord oldest,
                            reader_.ReadOutcomeOrder(keys_, record_.outcome_first));
    const std::string number = ByteWriter().Fixed64(record_.outcome_first).Take();
    outcome_writes_.emplace_back(keys_.Key(RecordType::kOutcome, oldest.request_id), std::nullopt);
    outcome_writes_.emplace_back(keys_.Key(RecordType::kOutcomeOrder, number), std::nullopt);
    if (++record_.outcome_first == record_.outcome_next) break;
    SHARDD_ASSIGN_OR_RETURN(const OutcomeOrderRecord next,
                            reader_.ReadOutcomeOrder(keys_, record_.outcome_first));
    record_.outcome_oldest_time = next.time;
  }
  return absl::OkStatus();
}

std::vector<StoredChange> StagedAccount::TakeWrites(ShardStats& stats) {
  std::vector<StoredChange> writes = std::move(outcome_writes_);
  outcome_writes_.clear();
  writes.reserve(writes.size() + entries_.size() + 1);
  for (const auto& [key, entry] : entries_) {
    std::optional<std::string> value;
    if (entry.value.has_value()) value = EntryRecord{record_.revision, *entry.value}.Encode();
    writes.emplace_back(keys_.Key(RecordType::kEntry, key), std::move(value));
  }
  writes.emplace_back(keys_.Key(RecordType::kAccount), record_.Encode());
  stats.account_count +=
      static_cast<uint64_t>(record_.exists()) - static_cast<uint64_t>(before_.exists());
  stats.entry_count += record_.entry_count - before_.entry_count;
  stats.byte_count += record_.byte_count - before_.byte_count;
  return writes;
}

AccountChange StagedAccount::TakeChange() {
  AccountChange change;
  change.revision = record_.revision;
  change.created = created_;
  change.deleted = deleted_;
  change.updated = updated_;
  change.entries.reserve(entries_.size());
  while (!entries_.empty()) {
    auto node = entries_.extract(entries_.begin());
    change.entries.push_back(EntryChange{std::move(node.key()), std::move(node.mapped().value)});
  }
  return change;
}

}  // namespace shardd
