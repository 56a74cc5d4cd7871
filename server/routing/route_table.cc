#include "server/routing/route_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace shardd {
namespace {

constexpr uint8_t kTableVersion = 1;

absl::Status CheckRoutes(const std::vector<Route>& routes) {
  if (routes.empty()) return absl::InvalidArgumentError("a routing table needs a route");
  std::set<ShardId> shards;
  RoutingKey next = kFirstRoutingKey;
  for (size_t i = 0; i < routes.size(); ++i) {
    const Route& route = routes[i];
    const bool last = i + 1 == routes.size();
    if (route.range.start != next || route.range.end.has_value() == last ||
        (!last && *route.range.end <= route.range.start)) {
      return absl::InvalidArgumentError(
          absl::StrCat("route ", i, " leaves a gap or overlap at ", ToHex(next)));
    }
    if (route.shard.value == 0 || !shards.insert(route.shard).second) {
      return absl::InvalidArgumentError(absl::StrCat("route ", i, " has a bad or repeated shard"));
    }
    if (!storage::IsHome(route.home)) {
      return absl::InvalidArgumentError(absl::StrCat("route ", i, " lies in no home"));
    }
    if (!last) next = *route.range.end;
  }
  return absl::OkStatus();
}

// The routes of `from` that `other` does not have.
std::vector<Route> Missing(const std::vector<Route>& from, const std::vector<Route>& other) {
  std::vector<Route> missing;
  for (const Route& route : from) {
    if (std::find(other.begin(), other.end(), route) == other.end()) missing.push_back(route);
  }
  return missing;
}

}  // namespace

RouteTable::RouteTable(TableEpoch epoch, std::vector<Route> routes)
    : epoch_(epoch), routes_(std::move(routes)) {
  starts_high_.reserve(routes_.size());
  for (const Route& route : routes_) starts_high_.push_back(route.range.start.high);
}

absl::StatusOr<RouteTable> RouteTable::Make(TableEpoch epoch, std::vector<Route> routes) {
  // Requests name the epoch they were routed by; 0 says that they name none.
  if (epoch.value == 0) return absl::InvalidArgumentError("epoch 0 is no epoch");
  if (const absl::Status status = CheckRoutes(routes); !status.ok()) return status;
  return RouteTable(epoch, std::move(routes));
}

RouteTable RouteTable::Uniform(size_t shard_count, storage::Family home) {
  SHARDD_CHECK(shard_count > 0);
  std::vector<Route> routes;
  const auto start_of = [shard_count](size_t i) {
    const auto high = (static_cast<unsigned __int128>(i) << 64) / shard_count;
    return RoutingKey{static_cast<uint64_t>(high), 0};
  };
  for (size_t i = 0; i < shard_count; ++i) {
    KeyRange range{start_of(i), std::nullopt};
    if (i + 1 < shard_count) range.end = start_of(i + 1);
    routes.push_back(Route{ShardId{i + 1}, range, home});
  }
  return RouteTable(TableEpoch{1}, std::move(routes));
}

size_t RouteTable::IndexOf(RoutingKey key) const {
  // The last index whose start is at or before `key`. The first start is 0, so there is one.
  size_t base = 0;
  for (size_t length = starts_high_.size(); length > 1;) {
    const size_t half = length / 2;
    base += starts_high_[base + half] <= key.high ? half : 0;
    length -= half;
  }
  // Starts may share their upper half (a namespace split in two); the lower halves decide.
  while (routes_[base].range.start > key) --base;
  return base;
}

const Route* RouteTable::FindShard(ShardId shard) const {
  for (const Route& route : routes_) {
    if (route.shard == shard) return &route;
  }
  return nullptr;
}

std::string RouteTable::Encode() const {
  ByteWriter writer;
  writer.Byte(kTableVersion).Varint(epoch_.value).Varint(routes_.size());
  for (const Route& route : routes_) {
    writer.Varint(route.shard.value)
        .Varint(route.home.number)
        .Fixed64(route.range.start.high)
        .Fixed64(route.range.start.low);
  }
  return writer.Take();
}

absl::StatusOr<RouteTable> RouteTable::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  const TableEpoch epoch{reader.Varint()};
  const uint64_t count = reader.Varint();
  std::vector<Route> routes;
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    Route route;
    route.shard = ShardId{reader.Varint()};
    // A number of more than 32 bits becomes one that Make refuses, never another home.
    route.home =
        storage::Family{static_cast<uint32_t>(std::min<uint64_t>(reader.Varint(), UINT32_MAX))};
    route.range.start.high = reader.Fixed64();
    route.range.start.low = reader.Fixed64();
    if (!routes.empty()) routes.back().range.end = route.range.start;
    routes.push_back(route);
  }
  if (version != kTableVersion || !reader.Done()) {
    return Error(Reason::kStorageCorrupt, "the stored routing table cannot be read");
  }
  absl::StatusOr<RouteTable> table = Make(epoch, std::move(routes));
  if (!table.ok()) {
    return Error(Reason::kStorageCorrupt,
                 absl::StrCat("the stored routing table is broken: ", table.status().message()));
  }
  return table;
}

RouteTableDiff Diff(const RouteTable& older, const RouteTable& newer) {
  return RouteTableDiff{newer.epoch(), Missing(older.routes(), newer.routes()),
                        Missing(newer.routes(), older.routes())};
}

namespace {

// `asked` is how the caller came by its epoch.
absl::Status OtherEpoch(absl::string_view asked, TableEpoch epoch, const Route& route) {
  absl::Status status = Error(Reason::kStaleEpoch,
                              absl::StrCat(asked, "; the routing table is at epoch ", epoch.value));
  status = WithMetadata(status, "epoch", absl::StrCat(epoch.value));
  status = WithMetadata(status, "shard", ToText(route.shard));
  status = WithMetadata(status, "start", ToHex(route.range.start));
  return WithMetadata(status, "end", route.range.end.has_value() ? ToHex(*route.range.end) : "");
}

}  // namespace

absl::Status StaleEpoch(uint64_t asked, TableEpoch epoch, const Route& route) {
  return OtherEpoch(absl::StrCat("the request was routed by epoch ", asked), epoch, route);
}

absl::Status UnexpectedEpoch(uint64_t expected, TableEpoch epoch, const Route& route) {
  return OtherEpoch(absl::StrCat("the change expects epoch ", expected), epoch, route);
}

}  // namespace shardd
