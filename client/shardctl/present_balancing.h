#pragma once

#include <string>
#include <vector>

#include "client/shardctl/rows.h"
#include "server/load_balancing_service/replay.h"
#include "shardd/v1/account.pb.h"
#include "shardd/v1/load_balancing.pb.h"

// How the balancer and what it says look as rows; see present.h.
namespace shardd::shardctl {

// Whether it acts: active, manual, paused or off.
std::string BalancerState(const v1::GetLoadResponse& load);
// The changes it has asked for that are under way, each with its shard, kind and operation.
Json BalancerRunningJson(const v1::GetLoadResponse& load);

// A decision's kind and reason as words.
std::string DecisionWord(v1::BalancingDecisionKind kind);
std::string DecisionWord(v1::BalancingReason reason);

// "shop/cart"; without a namespace only the id.
std::string AccountName(const v1::AccountRef& account);

std::vector<Column> BalancerColumns();
Row BalancerRow(const v1::GetLoadResponse& load);

std::vector<Column> ShardLoadColumns();
Row ShardLoadRow(const v1::ShardLoad& load);

// The columns `operations_per_second` and `load` of a list of shards; null is a shard that the
// balancer has not measured yet.
void AddLoadColumns(std::vector<Column>& columns);
void AddLoadCells(const v1::ShardLoad* load, Row& row);

std::vector<Column> DecisionColumns();
Row DecisionRow(const v1::BalancingDecision& decision);

std::vector<Column> CandidateColumns();
Row CandidateRow(const v1::SplitKeyCandidate& candidate);

std::vector<Column> ReplayColumns();
// `did`: whether the recorded daemon decided the same.
Row ReplayRow(const Decision& decision, bool did);

}  // namespace shardd::shardctl
