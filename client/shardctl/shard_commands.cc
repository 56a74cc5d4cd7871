#include <memory>
#include <string>

#include "client/shardctl/command.h"
#include "client/shardctl/paging.h"
#include "client/shardctl/present.h"

namespace shardd::shardctl {
namespace {

absl::StatusOr<ExitCode> List(Invocation& invocation) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  // There are at most some thousands; a part of them would mislead.
  PageOptions all;
  all.all = true;
  v1::ListShardsRequest request;
  SetPage(all, request);
  return WritePages(invocation, all, (*daemon)->ShardPages(request),
                    invocation.Rows("shards", ShardColumns()),
                    [](const v1::ListShardsResponse& page, RowWriter& writer) {
                      for (const v1::Shard& shard : page.shards()) writer.Add(ShardRow(shard));
                      return page.shards().size();
                    });
}

absl::StatusOr<ExitCode> Get(Invocation& invocation, const std::string& id) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::GetShardRequest request;
  request.set_id(id);
  auto response = (*daemon)->GetShard(request);
  if (!response.ok()) return response.status();
  PrintObject(invocation.terminal.out, invocation.rows_options(), "shard", ShardColumns(),
              ShardRow(response->shard()));
  return kOk;
}

}  // namespace

void AddShardCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("shard", "Shards: ranges of routing keys, each owned by a thread.");
  tree.Add(group, "list", "List all shards in key order.",
           {"shardctl shard list", "shardctl shard list -o name"}, List);

  auto id = std::make_shared<std::string>();
  tree.Add(group, "get", "Show a shard.", {"shardctl shard get s-0001"},
           [id](Invocation& invocation) { return Get(invocation, *id); })
      ->add_option("SHARD", *id, "The shard's id: s-NNNN.")
      ->required();
}

}  // namespace shardd::shardctl
