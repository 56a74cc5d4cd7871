#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "client/shardctl/rows.h"
#include "shardd/v1/load_balancing.pb.h"

// What an operator should notice in the load of the shards, which the daemon only states.
namespace shardd::shardctl {

// How many shards have too much to do, and how many so little that they could be merged.
struct HeatCounts {
  size_t hot = 0;
  // Unknown under a policy that does not look for them.
  std::optional<size_t> cold;
};

HeatCounts CountHeat(const v1::GetLoadResponse& load);

// A hot shard that the balancer will not help.
//
// It is no reason to call the daemon degraded: every request is served, and the cure, if there is
// one, lies with the operator or the callers. So it changes neither the verdict nor an exit code; a
// script that minds asks for the notices.
struct BalancingNotice {
  // A word that scripts may rely on: hot_account, hot_not_balanced (paused, off or manual) or
  // hot_left_alone.
  std::string kind;
  std::string shard;
  std::string message;
  std::string next_command;
};

// The hottest first. Shards that the balancer is at work on, or will be soon, are not among them.
std::vector<BalancingNotice> NoticesOf(const v1::GetLoadResponse& load);

Json NoticesJson(const std::vector<BalancingNotice>& notices);

}  // namespace shardd::shardctl
