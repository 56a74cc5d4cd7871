#pragma once

#include <string>
#include <vector>

#include "client/shardctl/rows.h"
#include "shardd/v1/shard.pb.h"

namespace shardd::shardctl {

// Where a shard comes from, as a tree in text, newest first: its own line goes down, and what a
// merge took in branches off. A change that two branches have in common is drawn once.
std::vector<std::string> DrawLineage(const std::string& shard,
                                     const v1::GetShardLineageResponse& lineage);

std::vector<Column> TableChangeColumns();
Row TableChangeRow(const v1::TableChange& change);

}  // namespace shardd::shardctl
