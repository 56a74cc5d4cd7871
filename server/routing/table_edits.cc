#include "server/routing/table_edits.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace shardd {
namespace {

absl::StatusOr<size_t> IndexOfShard(const RouteTable& table, ShardId shard) {
  const std::vector<Route>& routes = table.routes();
  const auto found = std::find_if(routes.begin(), routes.end(),
                                  [shard](const Route& route) { return route.shard == shard; });
  if (found == routes.end()) return ShardNotFound(shard);
  return static_cast<size_t>(found - routes.begin());
}

RouteTable Next(const RouteTable& table, std::vector<Route> routes) {
  absl::StatusOr<RouteTable> next =
      RouteTable::Make(TableEpoch{table.epoch().value + 1}, std::move(routes));
  SHARDD_CHECK(next.ok());  // the edits keep the invariants
  return *std::move(next);
}

}  // namespace

absl::Status ShardNotFound(ShardId shard) {
  return Error(Reason::kShardNotFound, absl::StrCat("no shard is called ", ToText(shard)));
}

absl::StatusOr<RouteTable> WithSplit(const RouteTable& table, ShardId shard, RoutingKey at,
                                     ShardId child) {
  SHARDD_ASSIGN_OR_RETURN(const size_t index, IndexOfShard(table, shard));
  std::vector<Route> routes = table.routes();
  Route& parent = routes[index];
  if (at == parent.range.start || !parent.range.Contains(at)) {
    return Error(
        Reason::kCannotSplit,
        absl::StrCat("shard ", ToText(shard), " cannot be split at ", ToHex(at),
                     "; the key must lie after ", ToHex(parent.range.start), " and before ",
                     parent.range.end.has_value() ? ToHex(*parent.range.end) : "the end"));
  }
  const Route upper{child, {at, parent.range.end}, parent.home};
  parent.range.end = at;
  routes.insert(routes.begin() + static_cast<ptrdiff_t>(index) + 1, upper);
  return Next(table, std::move(routes));
}

absl::StatusOr<RouteTable> WithMerge(const RouteTable& table, ShardId survivor, ShardId ended) {
  SHARDD_ASSIGN_OR_RETURN(const size_t kept, IndexOfShard(table, survivor));
  SHARDD_ASSIGN_OR_RETURN(const size_t gone, IndexOfShard(table, ended));
  if (kept + 1 != gone && gone + 1 != kept) {
    return Error(Reason::kNotNeighbours,
                 absl::StrCat("shards ", ToText(survivor), " and ", ToText(ended),
                              " are not neighbours; only neighbours can be merged"));
  }
  std::vector<Route> routes = table.routes();
  SHARDD_CHECK(routes[kept].home == routes[gone].home);
  if (kept < gone) {
    routes[kept].range.end = routes[gone].range.end;
  } else {
    routes[kept].range.start = routes[gone].range.start;
  }
  routes.erase(routes.begin() + static_cast<ptrdiff_t>(gone));
  return Next(table, std::move(routes));
}

absl::StatusOr<RouteTable> WithHome(const RouteTable& table, ShardId shard, storage::Family home) {
  SHARDD_ASSIGN_OR_RETURN(const size_t index, IndexOfShard(table, shard));
  std::vector<Route> routes = table.routes();
  if (routes[index].home == home) {
    return Error(Reason::kAlreadyThere, absl::StrCat("shard ", ToText(shard), " lies in ",
                                                     storage::ToText(home), " already"));
  }
  routes[index].home = home;
  return Next(table, std::move(routes));
}

}  // namespace shardd
