#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/client.h"
#include "client/shardctl/rows.h"
#include "shardd/v1/load_balancing.pb.h"
#include "shardd/v1/operation.pb.h"

// The balancer and what runs, in a few words, for the screens that show more than that.
namespace shardd::shardctl {

struct BalancerSummary {
  // What the balancer says of itself.
  v1::GetLoadResponse load;
  // The newest operations, newest first: what it did last is looked up in them.
  std::vector<v1::Operation> operations;
};

// Asks for it, with up to `operations_max` operations, at most 1000. Nothing if the daemon does not
// say: the screens are good without.
std::optional<BalancerSummary> LookAtBalancer(client::Client& daemon, int operations_max);

// One line, such as "auto, policy load   load max/mean 1.75   last: split s-0031 -> s-0065, 2m 0s
// ago, writes paused 4ms". `now` is the daemon's.
std::string BalancerLine(const BalancerSummary& summary, absl::Time now);

// The same for programs.
Json BalancerJson(const BalancerSummary& summary);

// Those that run.
std::vector<v1::Operation> RunningOf(const std::vector<v1::Operation>& operations);

// One of them, such as "op-7 rehome s-0003: 12,345 steps, by the balancer".
std::string ProgressLine(const v1::Operation& operation, const v1::GetLoadResponse& load);

// Those that run, for programs.
Json RunningJson(const BalancerSummary& summary);

// The accounts that make most of the load of a hot shard, those with most operations first.
std::string HotAccountsLine(const v1::GetLoadResponse& load);
Json HotAccountsJson(const v1::GetLoadResponse& load);

}  // namespace shardd::shardctl
