#include "server/shard_state_operations/range_survey.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/codec.h"
#include "server/base/hash.h"
#include "server/base/status_macros.h"
#include "server/shard_state_operations/records.h"

namespace shardd {
namespace {

// Where an account's name begins in a key: after the routing key and the type.
constexpr size_t kNameAt = kRoutingKeyBytes + 1;
// A record may hold a megabyte, and its key a kilobyte: one error should still fit a line.
constexpr size_t kErrorBytesMax = 512;
// What an entry, and an outcome with its order, take besides the account's name and their bytes.
constexpr uint64_t kEntryOverheadBytes = 4;
constexpr uint64_t kOutcomeBytes = 128;

absl::string_view NameIn(absl::string_view key, const RecordKey& parsed) {
  return key.substr(kNameAt, key.size() - kNameAt - parsed.own_key.size());
}

// About what all records of an account take, its own included.
uint64_t EstimateBytes(const AccountRecord& record, uint64_t name_bytes, uint64_t record_bytes) {
  const uint64_t outcomes = record.outcome_next - record.outcome_first;
  return record_bytes + record.byte_count +
         record.entry_count * (name_bytes + kEntryOverheadBytes) +
         outcomes * (2 * name_bytes + kOutcomeBytes);
}

}  // namespace

SurveyTotals& SurveyTotals::operator+=(const SurveyTotals& other) {
  account_count += other.account_count;
  entry_count += other.entry_count;
  byte_count += other.byte_count;
  record_count += other.record_count;
  record_bytes += other.record_bytes;
  checksum += other.checksum;
  return *this;
}

RangeSurvey::RangeSurvey(const storage::Reader& reader, storage::Family home, const KeyRange& range,
                         Options options)
    : options_(options) {
  if (options_.median_samples > 0) median_.emplace(std::max<size_t>(2, options_.median_samples));
  if (options_.checksum) {
    records_ = reader.NewCursor(home, BoundsOf(range));
  } else {
    accounts_.emplace(reader, home, range);
  }
}

absl::StatusOr<bool> RangeSurvey::Step(size_t records_max) {
  if (ended_) return true;
  SHARDD_RETURN_IF_ERROR(failure_);
  absl::StatusOr<bool> ended =
      options_.checksum ? StepOverRecords(records_max) : StepOverAccounts(records_max);
  failure_ = ended.status();
  return ended;
}

std::optional<RoutingKey> RangeSurvey::median_key() const {
  return median_.has_value() ? median_->median() : std::nullopt;
}

absl::StatusOr<bool> RangeSurvey::StepOverAccounts(size_t records_max) {
  for (size_t records = 0; records < records_max; ++records) {
    if (!accounts_->Next()) {
      SHARDD_RETURN_IF_ERROR(accounts_->status());
      return ended_ = true;
    }
    const StoredAccount& account = accounts_->account();
    const uint64_t key_bytes = accounts_->position().size();
    ++totals_.record_count;
    totals_.record_bytes += accounts_->record_bytes();
    CountAccount(account.record);
    if (!median_.has_value()) continue;
    median_->Add(account.ref.routing_key(),
                 EstimateBytes(account.record, key_bytes, accounts_->record_bytes()));
  }
  return false;
}

absl::StatusOr<bool> RangeSurvey::StepOverRecords(size_t records_max) {
  for (size_t records = 0; records < records_max; ++records) {
    std::exchange(started_, true) ? records_->Next() : records_->SeekToFirst();
    if (!records_->Valid()) {
      SHARDD_RETURN_IF_ERROR(records_->status());
      FinishRoutingKey();
      return ended_ = true;
    }
    ++totals_.record_count;
    totals_.record_bytes += records_->key().size() + records_->value().size();
    AddToChecksum(records_->key(), records_->value());
    CheckRecord(records_->key(), records_->value());
  }
  return false;
}

void RangeSurvey::CountAccount(const AccountRecord& record) {
  if (!record.exists()) return;
  ++totals_.account_count;
  totals_.entry_count += record.entry_count;
  totals_.byte_count += record.byte_count;
}

void RangeSurvey::AddToChecksum(absl::string_view key, absl::string_view value) {
  scratch_.clear();
  absl::StrAppend(&scratch_, ByteWriter(8).Fixed64(key.size()).view(), key, value);
  totals_.checksum += StableHash64(scratch_);
}

void RangeSurvey::CheckRecord(absl::string_view key, absl::string_view value) {
  const absl::StatusOr<RecordKey> parsed = ParseRecordKey(key);
  if (!parsed.ok()) return Report(parsed.status().message(), "");
  if (parsed->routing_key != routing_key_) FinishRoutingKey();
  routing_key_ = parsed->routing_key;
  if (median_.has_value()) median_->Add(parsed->routing_key, key.size() + value.size());
  const absl::string_view name = NameIn(key, *parsed);
  if (parsed->type == RecordType::kAccount) {
    absl::StatusOr<AccountRecord> record = AccountRecord::Decode(value);
    if (!record.ok()) Report(record.status().message(), name);
    Found& account = found_[std::string(name)];
    if (record.ok()) account.record = *std::move(record);
    return;
  }
  const auto account = found_.find(name);
  if (account == found_.end()) return Report("a record belongs to no account", name);
  const absl::Status status = CheckPart(*parsed, value, account->second);
  if (!status.ok()) Report(status.message(), name);
}

absl::Status RangeSurvey::CheckPart(const RecordKey& key, absl::string_view value, Found& account) {
  switch (key.type) {
    case RecordType::kAccount:
      break;
    case RecordType::kEntry: {
      ++account.entry_count;
      SHARDD_ASSIGN_OR_RETURN(const EntryRecord entry, EntryRecord::Decode(value));
      account.byte_count += key.own_key.size() + entry.value.size();
      break;
    }
    case RecordType::kOutcome:
      return OutcomeRecord::Decode(value).status();
    case RecordType::kOutcomeOrder:
      ++account.order_count;
      return OutcomeOrderRecord::Decode(value).status();
  }
  return absl::OkStatus();
}

void RangeSurvey::FinishRoutingKey() {
  for (const auto& [name, account] : found_) {
    if (!account.record.has_value()) continue;
    CountAccount(*account.record);
    CheckAccount(name, account);
  }
  found_.clear();
}

void RangeSurvey::CheckAccount(absl::string_view name, const Found& account) {
  const AccountRecord& record = *account.record;
  if (record.entry_count != account.entry_count || record.byte_count != account.byte_count) {
    Report(absl::StrCat("an account's record says ", record.entry_count, " entries of ",
                        record.byte_count, " bytes, but ", account.entry_count, " of ",
                        account.byte_count, " are stored"),
           name);
  }
  const uint64_t outcomes = record.outcome_next - record.outcome_first;
  if (outcomes != account.order_count) {
    Report(absl::StrCat("an account's record says ", outcomes, " outcomes, but ",
                        account.order_count, " are stored"),
           name);
  }
}

void RangeSurvey::Report(absl::string_view error, absl::string_view where) {
  if (errors_.count++ > 0) return;
  errors_.first = std::string(error);
  if (!where.empty()) absl::StrAppend(&errors_.first, ": ", absl::CEscape(where));
  errors_.first.resize(std::min(errors_.first.size(), kErrorBytesMax));
}

}  // namespace shardd
