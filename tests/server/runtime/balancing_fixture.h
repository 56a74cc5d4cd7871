#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/load_balancing_service/limits.h"
#include "server/runtime/balancing_view.h"

namespace shardd {

// A daemon as the balancer sees it, in a test's hands: shards of equal width, their meters and
// notes, and what the coordinator has under way.
class FakeShards {
 public:
  explicit FakeShards(size_t shards)
      : table_(std::make_shared<RouteTable>(RouteTable::Uniform(shards, storage::Family{1}))),
        next_shard_(shards + 1) {
    for (const Route& route : table_->routes()) {
      notes_[route.shard];
      meters_[route.shard] = std::make_shared<ShardLoadMeter>(route.shard.value);
    }
  }

  BalancingView View() const {
    BalancingView view;
    view.table = table_;
    for (const Route& route : table_->routes()) view.meters.push_back(meters_.at(route.shard));
    view.notes = std::make_shared<ShardNotes>(notes_);
    view.operations = std::make_shared<OperationTable>(operations_);
    return view;
  }

  const RouteTable& table() const { return *table_; }
  ShardNote& note(ShardId shard) { return notes_[shard]; }
  ShardLoadMeter& meter(ShardId shard) { return *meters_.at(shard); }
  OperationRecord& operation(uint64_t id) { return operations_[OperationId{id}]; }
  const OperationTable& operations() const { return operations_; }

  // Cuts a shard as the coordinator does.
  ShardId Split(ShardId shard, RoutingKey at, absl::Time now) {
    std::vector<Route> routes = table_->routes();
    for (auto route = routes.begin(); route != routes.end(); ++route) {
      if (route->shard != shard) continue;
      const Route child{ShardId{next_shard_++}, {at, route->range.end}, route->home};
      route->range.end = at;
      routes.insert(route + 1, child);
      Replace(std::move(routes));
      meters_[child.shard] = std::make_shared<ShardLoadMeter>(child.shard.value);
      for (const ShardId changed : {shard, child.shard}) {
        notes_[changed].last_change = notes_[changed].last_split = now;
      }
      return child.shard;
    }
    return ShardId{};
  }

  void Replace(std::vector<Route> routes) {
    table_ = std::make_shared<RouteTable>(
        *RouteTable::Make(TableEpoch{table_->epoch().value + 1}, std::move(routes)));
  }

  // Reads for `accounts` accounts whose keys lie in the shard, which make `operations` in all.
  void Load(ShardId shard, uint64_t operations, uint64_t accounts = 100) {
    const KeyRange range = table_->FindShard(shard)->range;
    std::vector<AccountRef> refs;
    for (uint64_t i = 0; refs.size() < accounts; ++i) {
      AccountRef ref{"", absl::StrCat("account-", i)};
      if (range.Contains(ref.routing_key())) refs.push_back(std::move(ref));
    }
    for (uint64_t i = 0; i < operations / limits::kRequestsPerSample; ++i) {
      meters_.at(shard)->AddRead(refs[i % refs.size()], 0);
    }
  }

 private:
  std::shared_ptr<const RouteTable> table_;
  uint64_t next_shard_;
  ShardNotes notes_;
  std::map<ShardId, std::shared_ptr<ShardLoadMeter>> meters_;
  OperationTable operations_;
};

}  // namespace shardd
