#include "server/core/shard_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/routing/table_edits.h"

namespace shardd {
namespace {

absl::StatusOr<storage::Family> NewHome(const std::vector<storage::Family>& homes) {
  if (homes.size() >= limits::kHomesMax) {
    return Error(Reason::kTooManyHomes,
                 absl::StrCat("there are ", homes.size(), " homes, as many as there may be"));
  }
  storage::Family home{1};
  while (std::find(homes.begin(), homes.end(), home) != homes.end()) ++home.number;
  return home;
}

// Only one that a shard lies in: no other is known to exist.
absl::Status CheckHome(storage::Family home, const RouteTable& table) {
  const std::vector<Route>& routes = table.routes();
  if (std::any_of(routes.begin(), routes.end(),
                  [&](const Route& route) { return route.home == home; })) {
    return absl::OkStatus();
  }
  return Error(Reason::kHomeNotFound,
               absl::StrCat("no shard lies in ", storage::ToText(home),
                            "; name the home of a shard, or none for a new one"));
}

}  // namespace

absl::StatusOr<ShardChange> Plan(const SplitShardRequest& request, const ShardLedger& ledger,
                                 absl::Time now) {
  SHARDD_ASSIGN_OR_RETURN(const Route route, ledger.FindFree(request.shard, request.guard));
  SHARDD_RETURN_IF_ERROR(ledger.CheckPin(route.shard, now));
  ShardChange change;
  change.shard = route.shard;
  change.other = ledger.next_shard();
  change.at = request.at;
  if (change.at.has_value()) {
    SHARDD_RETURN_IF_ERROR(
        WithSplit(ledger.table(), change.shard, *change.at, change.other).status());
  }
  return change;
}

absl::StatusOr<ShardChange> Plan(const MergeShardsRequest& request, const ShardLedger& ledger,
                                 absl::Time now) {
  SHARDD_ASSIGN_OR_RETURN(const Route survivor, ledger.FindFree(request.survivor, request.guard));
  SHARDD_ASSIGN_OR_RETURN(const Route ended, ledger.FindFree(request.ended, request.guard));
  SHARDD_RETURN_IF_ERROR(ledger.CheckPin(survivor.shard, now));
  SHARDD_RETURN_IF_ERROR(ledger.CheckPin(ended.shard, now));
  const bool neighbours =
      survivor.range.end == ended.range.start || ended.range.end == survivor.range.start;
  if (!neighbours) {
    return Error(Reason::kNotNeighbours,
                 absl::StrCat("shards ", ToText(survivor.shard), " and ", ToText(ended.shard),
                              " are not neighbours; only neighbours can be merged"));
  }
  ShardChange change;
  change.shard = survivor.shard;
  change.other = ended.shard;
  if (survivor.home != ended.home) {
    change.from = ended.home;
    change.to = survivor.home;
  }
  return change;
}

absl::StatusOr<ShardChange> Plan(const MoveHomeRequest& request, const ShardLedger& ledger,
                                 const std::vector<storage::Family>& homes, absl::Time now) {
  SHARDD_ASSIGN_OR_RETURN(const Route route, ledger.FindFree(request.shard, request.guard));
  SHARDD_RETURN_IF_ERROR(ledger.CheckPin(route.shard, now));
  ShardChange change;
  change.shard = route.shard;
  change.from = route.home;
  if (request.home.has_value()) {
    change.to = *request.home;
    SHARDD_RETURN_IF_ERROR(WithHome(ledger.table(), route.shard, change.to).status());
    SHARDD_RETURN_IF_ERROR(CheckHome(change.to, ledger.table()));
  } else {
    SHARDD_ASSIGN_OR_RETURN(change.to, NewHome(homes));
  }
  return change;
}

}  // namespace shardd
