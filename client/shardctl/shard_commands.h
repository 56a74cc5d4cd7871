#pragma once

#include <cstdint>
#include <string>

#include "client/shardctl/command.h"

namespace shardd::shardctl {

// The parts of `shardctl shard`: what changes shards, and what looks after them.
void AddShardChangeCommands(CommandTree& tree, CLI::App* group);
void AddShardCareCommands(CommandTree& tree, CLI::App* group);

// The SHARD argument.
CLI::Option* AddShardId(CLI::App* app, std::string* target);

// What every change of a shard may be bound to.
struct GuardOptions {
  uint64_t expected_epoch = 0;  // 0: any
  bool dry_run = false;
};
void AddGuard(CLI::App* app, GuardOptions* guard);

// A request about one shard.
template <typename Request>
Request RequestOn(const std::string& id, const GuardOptions& guard) {
  Request request;
  request.set_id(id);
  request.set_expected_epoch(guard.expected_epoch);
  request.set_validate_only(guard.dry_run);
  return request;
}

}  // namespace shardd::shardctl
