#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/account/account_record.h"
#include "server/account/account_ref.h"
#include "server/routing/route_table.h"
#include "server/shard_state_operations/records.h"
#include "storage/store.h"

namespace shardd::sim {

// All that a store holds of one account.
struct StoredAccountState {
  std::optional<AccountRecord> record;
  std::map<std::string, Entry> entries;
  std::map<std::string, OutcomeRecord> outcomes;         // by request id
  std::map<uint64_t, OutcomeOrderRecord> outcome_order;  // by number
  size_t KeyCount() const {
    return (record.has_value() ? 1 : 0) + entries.size() + outcomes.size() + outcome_order.size();
  }
};

absl::StatusOr<StoredAccountState> ReadAccountState(const storage::Reader& reader,
                                                    storage::Family home,
                                                    const AccountRef& account);

// What is wrong with the records among themselves; empty if nothing. Together with the model this
// says whether a shard's bytes are right.
std::string Inconsistency(const StoredAccountState& state, uint64_t outcomes_max);

// All of a shard.
struct StoredShardState {
  std::map<AccountRef, StoredAccountState> accounts;
  ShardStats stats;
};
absl::StatusOr<StoredShardState> ReadShardState(const storage::Reader& reader, const Route& route);

}  // namespace shardd::sim
