// The part of the oracle that judges who owns what, and where it lies.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/account/record_key.h"
#include "tests/sim/oracle.h"

namespace shardd::sim {
namespace {

bool SameRanges(const RouteTable& a, const RouteTable& b) {
  return std::equal(
      a.routes().begin(), a.routes().end(), b.routes().begin(), b.routes().end(),
      [](const Route& x, const Route& y) { return x.shard == y.shard && x.range == y.range; });
}

}  // namespace

void Oracle::CheckOwner(const Route& route, TableEpoch epoch, CallId call,
                        const AccountRef& account) {
  const RoutingKey key = account.routing_key();
  const Route& right = table_.Find(key);
  if (right.shard != route.shard || right.range != route.range) {
    return Fail(absl::StrCat("shard ", route.shard.value, " runs call ", call.call,
                             "; the account is shard ", right.shard.value, "'s"));
  }
  const auto was = owner_was_.emplace(std::pair(epoch.value, key), route.shard).first;
  if (was->second != route.shard) {
    Fail(absl::StrCat("shards ", was->second.value, " and ", route.shard.value,
                      " both own an account under epoch ", epoch.value));
  }
  const auto pushed = pushed_.find(call);
  if (pushed == pushed_.end()) return Fail("a call runs that was not pushed");
  uint64_t& last = last_run_[account];
  if (pushed->second < last) {
    Fail(absl::StrCat("call ", call.call, " runs after one that was pushed later"));
  }
  last = pushed->second;
}

void Oracle::SeeTable(const storage::Reader& reader) {
  std::string bytes;
  if (!*reader.Get(storage::kMeta, "table", &bytes)) return Fail("the stored table is gone");
  const absl::StatusOr<RouteTable> stored = RouteTable::Decode(bytes);
  if (!stored.ok()) return Fail("the stored table cannot be read");
  if (stored->epoch() == table_.epoch()) return;
  if (stored->epoch().value != table_.epoch().value + 1) {
    return Fail(absl::StrCat("the stored table goes from epoch ", table_.epoch().value, " to ",
                             stored->epoch().value));
  }
  trace_.Add("table of epoch ", stored->epoch().value, " with ", stored->routes().size(),
             " shards");
  HandOverClosed(table_, *stored);
  for (const Route& route : Diff(table_, *stored).added) {
    if (!SameRanges(table_, *stored)) range_since_[route.shard] = stored->epoch();
  }
  if (SameRanges(table_, *stored)) trace_.Meet("a rehome");
  table_ = *stored;
}

void Oracle::HandOverClosed(const RouteTable& before, const RouteTable& after) {
  for (const Route& route : after.routes()) {
    for (const Route& old : before.routes()) {
      if (old.shard == route.shard || !old.range.Overlaps(route.range)) continue;
      const auto closed = closed_.find(old.shard);
      if (closed == closed_.end()) continue;
      const KeyRange common = old.range.Intersection(route.range);
      for (const auto& [name, operation] : closed->second) {
        if (common.Overlaps(RangeOfNamespace(name))) closed_[route.shard].emplace(name, operation);
      }
    }
  }
  for (const Route& route : after.routes()) {
    // Elsewhere nobody reopens it.
    std::erase_if(closed_[route.shard], [&](const auto& closed) {
      return !route.range.Overlaps(RangeOfNamespace(closed.first));
    });
  }
}

void Oracle::CheckHomes(const storage::Store& store) {
  for (const auto& [id, operation] : namespaces_.operations()) {
    const bool in_vain =
        operation.state == OperationState::kCancelled || operation.state == OperationState::kFailed;
    if (operation.kind != OperationKind::kSplit || !in_vain) continue;
    if (table_.FindShard(operation.change->other) != nullptr) {
      Fail(absl::StrCat("operation ", id.value, " says that it was in vain; it was not"));
    }
  }
  for (const storage::Family home : store.Homes()) {
    const bool named = std::any_of(table_.routes().begin(), table_.routes().end(),
                                   [&](const Route& route) { return route.home == home; });
    if (!named) Fail(absl::StrCat("home ", home.number, " holds no shard and is still there"));
    const auto cursor = store.NewCursor(home, {});
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      const absl::StatusOr<RecordKey> key = ParseRecordKey(cursor->key());
      if (!key.ok()) return Fail("a stored key cannot be read");
      if (table_.Find(key->routing_key).home == home) continue;
      return Fail(absl::StrCat("home ", home.number, " holds a record of account ",
                               std::string(key->id), ", which lies elsewhere"));
    }
  }
}

}  // namespace shardd::sim
