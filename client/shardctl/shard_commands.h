#pragma once

#include <memory>
#include <string>

#include "client/shardctl/command.h"

namespace shardd::shardctl {

// The parts of `shardctl shard`: what changes shards, and what looks after them.
void AddShardChangeCommands(CommandTree& tree, CLI::App* group);
void AddShardCareCommands(CommandTree& tree, CLI::App* group);

// The SHARD argument.
CLI::Option* AddShardId(CLI::App* app, std::string* target);

}  // namespace shardd::shardctl
