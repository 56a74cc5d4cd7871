#include "server/core/shard_operation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/routing/table_edits.h"

namespace shardd {

ShardId MoverOf(const OperationRecord& operation) {
  return operation.kind == OperationKind::kMerge ? operation.change->other
                                                 : operation.change->shard;
}

bool Moves(const OperationRecord& operation) { return operation.change->from != storage::kMeta; }

std::vector<ShardId> ShardsOf(const OperationRecord& operation) {
  std::vector<ShardId> shards = {operation.change->shard};
  if (operation.change->other.value != 0) shards.push_back(operation.change->other);
  return shards;
}

OperationRecord OperationOn(OperationKind kind, const ShardChange& change) {
  OperationRecord operation;
  operation.kind = kind;
  operation.target = ToText(change.shard);
  operation.change = change;
  return operation;
}

std::string Words(const OperationRecord& operation) {
  const ShardChange& change = *operation.change;
  switch (operation.kind) {
    case OperationKind::kSplit:
      return "counting what goes to the new shard";
    case OperationKind::kMerge:
      return change.from == storage::kMeta ? "waiting for its turn"
                                           : "copying to the home of the other shard";
    case OperationKind::kRehome:
      return "copying to the other home";
    case OperationKind::kVerify:
      return "reading the shard";
    case OperationKind::kCompact:
      return "compacting the shard";
    default:
      return "";
  }
}

bool CanGoOn(const OperationRecord& operation, const RouteTable& table) {
  const ShardChange& change = *operation.change;
  if (table.FindShard(change.shard) == nullptr) return false;
  if (operation.kind == OperationKind::kMerge) {
    const Route* const other = table.FindShard(change.other);
    if (other == nullptr) return false;
    return Moves(operation) || other->home == table.FindShard(change.shard)->home;
  }
  if (operation.kind == OperationKind::kSplit && change.at.has_value()) {
    return table.FindShard(change.other) == nullptr &&
           WithSplit(table, change.shard, *change.at, change.other).ok();
  }
  return true;
}

RouteTable TableAfter(const OperationRecord& operation, bool moves, const RouteTable& table) {
  const ShardChange& change = *operation.change;
  absl::StatusOr<RouteTable> after = moves ? WithHome(table, MoverOf(operation), change.to)
                                     : operation.kind == OperationKind::kSplit
                                         ? WithSplit(table, change.shard, *change.at, change.other)
                                         : WithMerge(table, change.shard, change.other);
  SHARDD_CHECK(after.ok());  // nothing else changes the shards of an operation
  return *std::move(after);
}

std::vector<storage::Family> HomesOf(const RouteTable& table, const OperationTable& operations) {
  std::vector<storage::Family> homes;
  for (const Route& route : table.routes()) homes.push_back(route.home);
  for (const auto& [id, operation] : operations) {
    if (!operation.running() || !operation.change.has_value() || !Moves(operation)) continue;
    homes.push_back(operation.change->from);
    homes.push_back(operation.change->to);
  }
  std::sort(homes.begin(), homes.end());
  homes.erase(std::unique(homes.begin(), homes.end()), homes.end());
  return homes;
}

bool IsHomeUsed(storage::Family home, const OperationRecord& but, const RouteTable& table,
                const OperationTable& operations) {
  // Before the flip the mover itself still stands in the table.
  const ShardId mover = MoverOf(but);
  const std::vector<Route>& routes = table.routes();
  if (std::any_of(routes.begin(), routes.end(),
                  [&](const Route& route) { return route.home == home && route.shard != mover; })) {
    return true;
  }
  return std::any_of(operations.begin(), operations.end(), [&](const auto& entry) {
    const OperationRecord& other = entry.second;
    return other.id != but.id && other.running() && other.change.has_value() &&
           (other.change->from == home || other.change->to == home);
  });
}

Verification Verify(const SurveyDone& survey) {
  Verification verification{survey.totals, survey.error_count, survey.first_error};
  const SurveyTotals& totals = survey.totals;
  if (totals.account_count != survey.stats.account_count ||
      totals.entry_count != survey.stats.entry_count ||
      totals.byte_count != survey.stats.byte_count) {
    ++verification.error_count;
    if (verification.first_error.empty()) {
      verification.first_error = absl::StrCat(
          "the shard counts ", survey.stats.account_count, " accounts, ", survey.stats.entry_count,
          " entries, ", survey.stats.byte_count, " bytes; there are ", totals.account_count, ", ",
          totals.entry_count, ", ", totals.byte_count);
    }
  }
  return verification;
}

}  // namespace shardd
