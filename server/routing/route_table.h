#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/account/routing_key.h"
#include "server/base/ids.h"
#include "storage/write_set.h"

namespace shardd {

// One row of the routing table.
struct Route {
  ShardId shard;
  KeyRange range;
  storage::Family home;  // the column family that holds the shard's bytes
  friend bool operator==(const Route&, const Route&) = default;
};

// The sorted list of ranges and their shards. Immutable; a change makes a new table with the next
// epoch.
//
// Thread safety: safe, it never changes.
// Invariants: (1) every routing key is in exactly one route; (2) shard ids are distinct.
class RouteTable {
 public:
  // InvalidArgument, naming what is wrong, unless `routes` are sorted and keep the invariants.
  static absl::StatusOr<RouteTable> Make(TableEpoch epoch, std::vector<Route> routes);

  // `shard_count` ranges of equal width, ids from 1, epoch 1, all in one home. REQUIRES:
  // shard_count > 0.
  static RouteTable Uniform(size_t shard_count, storage::Family home);

  TableEpoch epoch() const { return epoch_; }
  const std::vector<Route>& routes() const { return routes_; }

  // The row that holds `key`, and its index. Branch-free binary search over the upper halves of the
  // range starts.
  size_t IndexOf(RoutingKey key) const;
  const Route& Find(RoutingKey key) const { return routes_[IndexOf(key)]; }
  // nullptr if no row has this shard.
  const Route* FindShard(ShardId shard) const;

  // storage/FORMAT.md, "Routing table". Decode errors: kStorageCorrupt.
  std::string Encode() const;
  static absl::StatusOr<RouteTable> Decode(absl::string_view bytes);

 private:
  RouteTable(TableEpoch epoch, std::vector<Route> routes);

  TableEpoch epoch_;
  std::vector<Route> routes_;
  std::vector<uint64_t> starts_high_;  // routes_[i].range.start.high, dense for the search
};

// What changed between two tables.
struct RouteTableDiff {
  TableEpoch epoch;  // of the newer table
  std::vector<Route> removed;
  std::vector<Route> added;
};
RouteTableDiff Diff(const RouteTable& older, const RouteTable& newer);

// kStaleEpoch: the caller used the table of epoch `asked`; the metadata carries the route to use
// now.
absl::Status StaleEpoch(uint64_t asked, TableEpoch epoch, const Route& route);

// kStaleEpoch likewise: a change of shards was to be made only at the epoch `expected`.
absl::Status UnexpectedEpoch(uint64_t expected, TableEpoch epoch, const Route& route);

}  // namespace shardd
