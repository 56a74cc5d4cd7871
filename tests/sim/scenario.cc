#include "tests/sim/scenario.h"

#include <algorithm>
#include <utility>

namespace shardd::sim {
namespace {

std::vector<AccountRef> SomeAccounts() {
  return {{"", "p"}, {"", "q"}, {"a", "x"}, {"a", "y"}, {"a", "z"}, {"b", "x"}, {"b", "w"}};
}

// Shards that begin at the routing keys of some accounts: so a namespace lies in several shards,
// which evenly spread ones would hardly show.
RouteTable SomeTable(const std::vector<AccountRef>& accounts, Random& random) {
  std::vector<RoutingKey> starts = {kFirstRoutingKey};
  const uint64_t more = random.Below(4);
  for (uint64_t i = 0; i < more; ++i) {
    starts.push_back(accounts[random.Below(accounts.size())].routing_key());
  }
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  const bool one_home = random.OneIn(2);
  std::vector<Route> routes(starts.size());
  for (size_t i = 0; i < starts.size(); ++i) {
    routes[i].shard = ShardId{i + 1};
    routes[i].range.start = starts[i];
    if (i + 1 < starts.size()) routes[i].range.end = starts[i + 1];
    routes[i].home = storage::Family{one_home ? 1 : static_cast<uint32_t>(i + 1)};
  }
  return *RouteTable::Make(TableEpoch{1}, std::move(routes));
}

template <typename T>
T OneOf(Random& random, std::initializer_list<T> choices) {
  return *(choices.begin() + random.Below(choices.size()));
}

}  // namespace

Scenario::Scenario(Random& random) : accounts(SomeAccounts()), table(SomeTable(accounts, random)) {
  core.cache_bytes = OneOf<size_t>(random, {1, 2000, 1 << 20});
  core.outcomes_per_account = OneOf<uint64_t>(random, {2, 4, 8, 4096});
  core.outcome_retention =
      OneOf(random, {absl::Seconds(1), absl::Minutes(2), absl::Minutes(30), absl::Hours(24)});
  core.outcome_age_min =
      OneOf(random, {-absl::InfiniteDuration(), absl::Seconds(30), absl::Minutes(10)});
  mailbox.items_max = OneOf<size_t>(random, {3, 6, 1000});
  mailbox.bytes_max = OneOf<size_t>(random, {2000, 1'000'000});
  coordinator_queue = {OneOf<size_t>(random, {2, 1000}), 1'000'000};
  batch_bytes_max = OneOf<size_t>(random, {200, 1'000'000});
  purge_accounts_max = OneOf<size_t>(random, {1, 2, 64});
  steps = 150 + random.Below(250);
  connections = 2 + random.Below(6);
  jump_max = OneOf(random, {absl::Seconds(2), absl::Minutes(15), absl::Hours(30)});
  clock_set_back = random.OneIn(4);
  storm = !random.OneIn(4);
  core.rehome_pace.records = OneOf<size_t>(random, {1, 3, 1000});
  core.rehome_pace.bytes = OneOf<size_t>(random, {100, 1'000'000});
  core.rehome_pace.bytes_per_second = OneOf<size_t>(random, {0, 100'000});
  crash_one_in = OneOf<uint64_t>(random, {0, 25, 60, 120});
  sync_failure_one_in = OneOf<uint64_t>(random, {0, 0, 40, 120});
  stop_one_in = OneOf<uint64_t>(random, {0, 100});
  jump_one_in = OneOf<uint64_t>(random, {0, 20, 60});
  several = random.OneIn(3);
  core.mark_age_min = OneOf(random, {absl::ZeroDuration(), absl::Seconds(1), absl::Hours(1)});
  core.mailbox.messages_max = OneOf<uint64_t>(random, {2, 5, 1000});
  core.mailbox.hops_max = OneOf<uint32_t>(random, {3, 64});
  core.mailboxes_max = OneOf<size_t>(random, {1, 2, 1000});
  core.fresh_messages_bytes = OneOf<size_t>(random, {0, 1000, 1'000'000});
  core.outbox.messages_max = OneOf<size_t>(random, {3, 1000});
  core.outbox.in_flight_max = OneOf<size_t>(random, {1, 4, 1000});
  core.outbox.pair_in_flight_max = OneOf<size_t>(random, {1, 2, 1000});
}

}  // namespace shardd::sim
