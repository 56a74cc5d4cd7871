#include "client/shardctl/shard_rates.h"

#include <algorithm>
#include <utility>

#include "client/shardctl/present.h"

namespace shardd::shardctl {
namespace {

double Rise(double before, double now) { return now >= before ? now - before : now; }

double BusySeconds(const ShardSample& sample, const std::string& thread) {
  const auto found = sample.threads.find(thread);
  if (found == sample.threads.end()) return 0;
  return absl::ToDoubleSeconds(FromProto(found->second.busy_time()));
}

double Value(RateOrder order, const ShardRate& rate) {
  switch (order) {
    case RateOrder::kOperations:
      return rate.operations_per_second;
    case RateOrder::kBusy:
      return rate.busy;
    case RateOrder::kMailbox:
      return static_cast<double>(rate.shard.mailbox_depth());
    case RateOrder::kAccounts:
      return static_cast<double>(rate.shard.account_count());
    case RateOrder::kBytes:
      return static_cast<double>(rate.shard.byte_count());
  }
  return 0;
}

}  // namespace

std::vector<ShardRate> RatesBetween(const ShardSample& earlier, const ShardSample& later) {
  std::map<std::string, const v1::Shard*> before;
  for (const v1::Shard& shard : earlier.shards) before[shard.id()] = &shard;
  const double seconds = absl::ToDoubleSeconds(later.time - earlier.time);
  std::vector<ShardRate> rates;
  for (const v1::Shard& shard : later.shards) {
    ShardRate& rate = rates.emplace_back();
    rate.shard = shard;
    if (seconds <= 0) continue;
    const v1::Shard none;
    const auto found = before.find(shard.id());
    const v1::Shard& old = found == before.end() ? none : *found->second;
    const auto per_second = [seconds](uint64_t was, uint64_t is) {
      return Rise(static_cast<double>(was), static_cast<double>(is)) / seconds;
    };
    rate.operations_per_second = per_second(old.requests_total(), shard.requests_total());
    rate.batches_per_second = per_second(old.batches_total(), shard.batches_total());
    const double busy =
        Rise(BusySeconds(earlier, shard.thread_id()), BusySeconds(later, shard.thread_id()));
    rate.busy = std::min(1.0, busy / seconds);
  }
  return rates;
}

void Sort(RateOrder order, std::vector<ShardRate>& rates) {
  std::sort(rates.begin(), rates.end(), [order](const ShardRate& a, const ShardRate& b) {
    const double left = Value(order, a), right = Value(order, b);
    return left != right ? left > right : a.shard.id() < b.shard.id();
  });
}

}  // namespace shardd::shardctl
