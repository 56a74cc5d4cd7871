#pragma once

#include <string>
#include <vector>

#include "server/base/ids.h"
#include "server/core/coordinator_event.h"
#include "server/core/operation_record.h"
#include "server/core/shard_command.h"
#include "server/routing/route_table.h"
#include "storage/write_set.h"

namespace shardd {

// What follows from the records of operations on shards, wherever they have come to. Of one
// operation it REQUIRES: `change` is set.

// A new one, which no book knows yet.
OperationRecord OperationOn(OperationKind kind, const ShardChange& change);
// What it does first, for operators.
std::string Words(const OperationRecord& operation);

// Those whose ranges change with it.
std::vector<ShardId> ShardsOf(const OperationRecord& operation);
// Whether a shard goes to another home first, and which one.
bool Moves(const OperationRecord& operation);
ShardId MoverOf(const OperationRecord& operation);

// An operation is taken up again at start: whether the table is as it left it.
bool CanGoOn(const OperationRecord& operation, const RouteTable& table);
// The table that its next flip leads to; `moves`: that one is a rehome. REQUIRES: CanGoOn; a split
// knows where it is.
RouteTable TableAfter(const OperationRecord& operation, bool moves, const RouteTable& table);

// The homes that may exist: of shards, and of operations that run.
std::vector<storage::Family> HomesOf(const RouteTable& table, const OperationTable& operations);
// Whether anybody but the operation `but` needs the home.
bool IsHomeUsed(storage::Family home, const OperationRecord& but, const RouteTable& table,
                const OperationTable& operations);

// What a survey found of a shard, which must also be what the shard itself counts.
Verification Verify(const SurveyDone& survey);

}  // namespace shardd
