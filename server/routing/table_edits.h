#pragma once

#include "absl/status/statusor.h"
#include "server/routing/route_table.h"

namespace shardd {

// The tables that changes lead to: each has the next epoch. Nothing is moved by them; who owns and
// stores what follows from the table.

// `shard` keeps what lies before `at`; `child` gets the rest, in the same home. Errors:
// kShardNotFound; kCannotSplit if `at` is not inside the range or is its start. REQUIRES: no row
// has `child`.
absl::StatusOr<RouteTable> WithSplit(const RouteTable& table, ShardId shard, RoutingKey at,
                                     ShardId child);

// `survivor` takes over the range of its neighbour `ended`. Errors: kShardNotFound; kNotNeighbours.
// REQUIRES: both lie in one home.
absl::StatusOr<RouteTable> WithMerge(const RouteTable& table, ShardId survivor, ShardId ended);

// `shard` lies in `home`. Errors: kShardNotFound, kAlreadyThere.
absl::StatusOr<RouteTable> WithHome(const RouteTable& table, ShardId shard, storage::Family home);

// kShardNotFound for this shard.
absl::Status ShardNotFound(ShardId shard);

}  // namespace shardd
