#include "tests/sim/stored_state.h"

#include "absl/strings/str_cat.h"
#include "server/account/record_key.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace shardd::sim {
namespace {

absl::Status AddRecord(const RecordKey& key, absl::string_view value, StoredAccountState& state) {
  switch (key.type) {
    case RecordType::kAccount: {
      SHARDD_ASSIGN_OR_RETURN(state.record, AccountRecord::Decode(value));
      return absl::OkStatus();
    }
    case RecordType::kEntry: {
      SHARDD_ASSIGN_OR_RETURN(const EntryRecord entry, EntryRecord::Decode(value));
      const std::string name(key.own_key);
      state.entries[name] = Entry{name, std::string(entry.value), entry.revision};
      return absl::OkStatus();
    }
    case RecordType::kOutcome: {
      SHARDD_ASSIGN_OR_RETURN(state.outcomes[std::string(key.own_key)],
                              OutcomeRecord::Decode(value));
      return absl::OkStatus();
    }
    case RecordType::kOutcomeOrder: {
      ByteReader number(key.own_key);
      SHARDD_ASSIGN_OR_RETURN(state.outcome_order[number.Fixed64()],
                              OutcomeOrderRecord::Decode(value));
      return absl::OkStatus();
    }
  }
  return Error(Reason::kStorageCorrupt, "a record of unknown type");
}

template <typename Use>
absl::Status ForEach(const storage::Reader& reader, storage::Family home, storage::KeyBounds bounds,
                     Use use) {
  const auto cursor = reader.NewCursor(home, std::move(bounds));
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    SHARDD_ASSIGN_OR_RETURN(const RecordKey key, ParseRecordKey(cursor->key()));
    SHARDD_RETURN_IF_ERROR(use(key, cursor->value()));
  }
  return cursor->status();
}

}  // namespace

absl::StatusOr<StoredAccountState> ReadAccountState(const storage::Reader& reader,
                                                    storage::Family home,
                                                    const AccountRef& account) {
  const AccountKeys keys(account);
  StoredAccountState state;
  for (const RecordType type : {RecordType::kAccount, RecordType::kEntry, RecordType::kOutcome,
                                RecordType::kOutcomeOrder}) {
    SHARDD_RETURN_IF_ERROR(ForEach(reader, home, keys.Bounds(type),
                                   [&](const RecordKey& key, absl::string_view value) {
                                     return AddRecord(key, value, state);
                                   }));
  }
  return state;
}

std::string Inconsistency(const StoredAccountState& state, uint64_t outcomes_max) {
  if (!state.record.has_value()) {
    return state.KeyCount() == 0 ? "" : "there are records of an account without its own";
  }
  const AccountRecord& record = *state.record;
  uint64_t bytes = 0;
  for (const auto& [key, entry] : state.entries) bytes += key.size() + entry.value.size();
  if (record.entry_count != state.entries.size() || record.byte_count != bytes) {
    return absl::StrCat("the record counts ", record.entry_count, " entries of ", record.byte_count,
                        " bytes; there are ", state.entries.size(), " of ", bytes);
  }
  const uint64_t kept = record.outcome_next - record.outcome_first;
  if (kept != state.outcomes.size() || kept != state.outcome_order.size()) {
    return absl::StrCat("the record counts ", kept, " outcomes; there are ", state.outcomes.size(),
                        ", with ", state.outcome_order.size(), " numbers");
  }
  if (kept > outcomes_max) {
    return absl::StrCat(kept, " outcomes are kept; at most ", outcomes_max, " may be");
  }
  for (const auto& [number, named] : state.outcome_order) {
    if (number < record.outcome_first || number >= record.outcome_next) {
      return absl::StrCat("outcome number ", number, " is outside the record's range");
    }
    if (!state.outcomes.contains(named.request_id)) {
      return absl::StrCat("outcome number ", number, " is missing");
    }
  }
  return "";
}

absl::StatusOr<StoredShardState> ReadShardState(const storage::Reader& reader, const Route& route) {
  StoredShardState state;
  SHARDD_RETURN_IF_ERROR(
      ForEach(reader, route.home, BoundsOf(route.range),
              [&](const RecordKey& key, absl::string_view value) {
                const AccountRef account{std::string(key.name_space), std::string(key.id)};
                return AddRecord(key, value, state.accounts[account]);
              }));
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(const bool found,
                          reader.Get(storage::kMeta, ShardStatsKey(route.shard), &bytes));
  if (found) {
    SHARDD_ASSIGN_OR_RETURN(state.stats, ShardStats::Decode(bytes));
  }
  return state;
}

}  // namespace shardd::sim
