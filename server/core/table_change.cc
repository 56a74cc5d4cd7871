#include "server/core/table_change.h"

#include <algorithm>
#include <set>
#include <utility>

#include "server/account/account_record.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace shardd {
namespace {

constexpr uint8_t kChangeVersion = 1;

void PutRoutes(ByteWriter& writer, const std::vector<Route>& routes) {
  writer.Varint(routes.size());
  for (const Route& route : routes) {
    writer.Varint(route.shard.value)
        .Varint(route.home.number)
        .Raw(ToBytes(route.range.start))
        .Bytes(route.range.end.has_value() ? ToBytes(*route.range.end) : "");
  }
}

// No shard or home has the number 0, no home one above the largest, and no end another length than
// a key's: then `ok` is cleared.
std::vector<Route> GetRoutes(ByteReader& reader, bool& ok) {
  std::vector<Route> routes;
  for (uint64_t left = reader.Varint(); left > 0 && reader.ok(); --left) {
    Route route;
    route.shard = ShardId{reader.Varint()};
    const uint64_t home = reader.Varint();
    route.home = storage::Family{static_cast<uint32_t>(std::min<uint64_t>(home, UINT32_MAX))};
    route.range.start =
        RoutingKeyFromBytes(reader.Raw(kRoutingKeyBytes)).value_or(kFirstRoutingKey);
    const absl::string_view end = reader.Bytes();
    route.range.end = RoutingKeyFromBytes(end);
    ok = ok && (end.empty() || route.range.end.has_value()) &&
         route.shard.value != 0 && route.home.number != 0 &&
         route.home.number <= storage::kHomeNumberMax;
    routes.push_back(route);
  }
  return routes;
}

bool Names(const std::vector<Route>& routes, const std::set<ShardId>& shards) {
  return std::any_of(routes.begin(), routes.end(),
                     [&](const Route& route) { return shards.contains(route.shard); });
}

}  // namespace

std::string TableChange::Encode() const {
  ByteWriter writer;
  writer.Byte(kChangeVersion)
      .Signed(ToStoredTime(time))
      .Byte(static_cast<uint8_t>(kind))
      .Varint(operation.value)
      .Varint(diff.epoch.value);
  PutRoutes(writer, diff.removed);
  PutRoutes(writer, diff.added);
  return writer.Take();
}

absl::StatusOr<TableChange> TableChange::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  TableChange change;
  change.time = FromStoredTime(reader.Signed());
  change.kind = static_cast<OperationKind>(reader.Byte());
  change.operation = OperationId{reader.Varint()};
  change.diff.epoch = TableEpoch{reader.Varint()};
  bool ok = true;
  change.diff.removed = GetRoutes(reader, ok);
  change.diff.added = GetRoutes(reader, ok);
  const bool known = change.kind == OperationKind::kSplit || change.kind == OperationKind::kMerge ||
                     change.kind == OperationKind::kRehome;
  if (version != kChangeVersion || !reader.Done() || !ok || !known || change.diff.epoch.value == 0) {
    return Error(Reason::kStorageCorrupt, "a stored change of the routing table cannot be read");
  }
  return change;
}

std::string TableChangeKey(TableEpoch epoch) {
  return ByteWriter().Raw(kTableChangePrefix).Fixed64(epoch.value).Take();
}

std::vector<std::shared_ptr<const TableChange>> LineageOf(const Lineage& lineage, ShardId shard) {
  std::set<ShardId> line = {shard};
  std::vector<std::shared_ptr<const TableChange>> found;
  for (auto change = lineage.rbegin(); change != lineage.rend(); ++change) {
    const RouteTableDiff& diff = (*change)->diff;
    if (!Names(diff.added, line) && !Names(diff.removed, line)) continue;
    found.push_back(*change);
    // What a split left and what a merge took in belong to the line before it.
    for (const Route& route : diff.removed) line.insert(route.shard);
  }
  return found;
}

}  // namespace shardd
