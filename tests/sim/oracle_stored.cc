// The part of the oracle that looks at the bytes stored.
#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tests/sim/answer_text.h"
#include "tests/sim/oracle.h"

namespace shardd::sim {
namespace {

std::string StoredName(const AccountRef& account) {
  return absl::StrCat("stored account ", account.name_space, "/", account.id, ": ");
}

bool SameEntries(const ModelAccount& model, const StoredAccountState& stored) {
  return std::equal(model.entries.begin(), model.entries.end(), stored.entries.begin(),
                    stored.entries.end(), [](const auto& right, const auto& actual) {
                      return right.first == actual.first &&
                             right.second.value == actual.second.value &&
                             right.second.revision == actual.second.revision;
                    });
}

}  // namespace

void Oracle::Compare(const AccountRef& account, const storage::Reader& reader) {
  const auto stored = ReadAccountState(reader, RouteOf(account).home, account);
  if (!stored.ok()) return Fail(absl::StrCat(StoredName(account), ErrorText(stored.status())));
  const std::string difference = Difference(*model_.Find(account), *stored);
  if (!difference.empty()) Fail(absl::StrCat(StoredName(account), difference));
}

std::string Oracle::Difference(const ModelAccount& model, const StoredAccountState& stored) const {
  // Young outcomes are kept whatever their number.
  const bool by_count = scenario_.core.outcome_age_min < absl::ZeroDuration();
  std::string wrong = Inconsistency(stored, by_count ? scenario_.core.outcomes_per_account
                                                     : std::numeric_limits<uint64_t>::max());
  if (!wrong.empty()) return wrong;
  const Known known = model_.HasRecord(model);
  const bool has_record = stored.record.has_value();
  if (known == Known::kYes && !has_record) return "there is no record; there should be one";
  if (known == Known::kNo && has_record) return "there is a record; there should be none";
  if (!has_record) return "";
  if (model.exists != stored.record->exists()) return "it exists and should not";
  if (model.exists) {
    const std::string right = Model::AccountText(model);
    const std::string actual = absl::StrCat("account ", RecordText(*stored.record));
    if (actual != right) return absl::StrCat("\"", actual, "\", right is \"", right, "\"");
  }
  // What a deleted account left behind is not shown to anybody, but goes on from its revision.
  if (stored.record->revision < model.revision) return "its revision fell";
  if (!SameEntries(model, stored)) return "its entries are not the right ones";
  for (const auto& [request_id, outcome] : model.outcomes) {
    if (model_.MustRemember(model, outcome) && !stored.outcomes.contains(request_id)) {
      return absl::StrCat("the outcome of ", request_id, " is missing");
    }
  }
  for (const auto& [request_id, outcome] : stored.outcomes) {
    if (!model.outcomes.contains(request_id)) {
      return absl::StrCat("there is an outcome of ", request_id, ", which never came");
    }
  }
  return "";
}

void Oracle::CheckStored(const storage::Reader& reader) {
  for (const Route& route : table_.routes()) {
    const auto flight = flights_.find(route.shard);
    if (flight == flights_.end() || flight->second.durable) CheckShard(route, reader);
  }
  const bool in_flight = std::any_of(flights_.begin(), flights_.end(),
                                     [](const auto& flight) { return !flight.second.durable; });
  if (!in_flight) CheckMessages(reader);
}

void Oracle::CheckMessages(const storage::Reader& reader) {
  ledger_.Check(reader, model_, [&](const AccountRef& account) -> std::optional<AccountRecord> {
    const auto stored = ReadAccountState(reader, RouteOf(account).home, account);
    return stored.ok() ? stored->record : std::nullopt;
  });
}

void Oracle::CheckShard(const Route& route, const storage::Reader& reader) {
  const absl::StatusOr<StoredShardState> stored = ReadShardState(reader, route);
  if (!stored.ok()) return Fail(absl::StrCat("a stored shard: ", ErrorText(stored.status())));
  for (const auto& [account, state] : stored->accounts) {
    if (model_.Find(account) == nullptr) Fail(absl::StrCat(StoredName(account), "nobody made it"));
  }
  static const StoredAccountState& nothing = *new StoredAccountState;
  for (const auto& [account, model] : model_.accounts()) {
    if (!route.range.Contains(account.routing_key())) continue;
    const auto found = stored->accounts.find(account);
    const StoredAccountState& state = found == stored->accounts.end() ? nothing : found->second;
    const std::string difference = Difference(model, state);
    if (!difference.empty()) Fail(absl::StrCat(StoredName(account), difference));
    if (!state.record.has_value() && stored->stats.revision_floor < model.revision) {
      Fail(absl::StrCat(StoredName(account), "it was forgotten at revision ", model.revision,
                        "; the shard's floor is ", stored->stats.revision_floor));
    }
  }
  CheckStats(route, *stored);
}

void Oracle::CheckStats(const Route& route, const StoredShardState& stored) {
  ShardStats right;
  right.revision_floor = stored.stats.revision_floor;
  for (const auto& [account, state] : stored.accounts) {
    if (!state.record.has_value() || !state.record->exists()) continue;
    right.account_count += 1;
    right.entry_count += state.record->entry_count;
    right.byte_count += state.record->byte_count;
  }
  if (stored.stats != right) {
    Fail(absl::StrCat("shard ", route.shard.value, " counts ", stored.stats.account_count,
                      " accounts, ", stored.stats.entry_count, " entries, ",
                      stored.stats.byte_count, " bytes; there are ", right.account_count, ", ",
                      right.entry_count, ", ", right.byte_count));
  }
}

void Oracle::CheckShown(const storage::Reader& reader) {
  for (const auto& [account, shown] : shown_) {
    const Route& route = RouteOf(account);
    const auto stored = ReadAccountState(reader, route.home, account);
    const auto shard = ReadShardState(reader, route);
    if (!stored.ok() || !shard.ok()) return Fail("a stored shard cannot be read");
    const uint64_t revision =
        stored->record.has_value() ? stored->record->revision : shard->stats.revision_floor;
    if (revision < shown) {
      Fail(absl::StrCat(StoredName(account), "a client saw revision ", shown, "; now it is ", revision));
    }
  }
}

void Oracle::CheckForgotten(const storage::Reader& reader) {
  for (const Route& route : table_.routes()) {
    const absl::StatusOr<StoredShardState> stored = ReadShardState(reader, route);
    if (!stored.ok()) return Fail("a stored shard cannot be read");
    for (const auto& [account, state] : stored->accounts) {
      if (!state.outcomes.empty()) Fail(absl::StrCat(StoredName(account), "it keeps old outcomes"));
      if (state.record.has_value() && !state.record->exists()) {
        Fail(absl::StrCat(StoredName(account), "it was deleted long ago and is still remembered"));
      }
    }
  }
}

}  // namespace shardd::sim
