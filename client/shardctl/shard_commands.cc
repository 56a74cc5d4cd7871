#include "client/shardctl/shard_commands.h"

#include "absl/strings/str_cat.h"
#include "client/shardctl/lineage.h"
#include "client/shardctl/live_screen.h"
#include "client/shardctl/present.h"

namespace shardd::shardctl {
namespace {

// There are at most some thousands; a part of them would mislead.
absl::Status DrawShards(Invocation& invocation, client::Client& daemon, bool again,
                        std::ostream& out) {
  constexpr int kPageMax = 1000;
  v1::ListShardsRequest request;
  request.set_page_size(kPageMax);
  RowWriter writer(out, invocation.rows_options(), "shards", ShardColumns());
  uint64_t epoch = 0;
  size_t count = 0;
  const absl::Status status =
      daemon.ShardPages(request).ForEach([&](const v1::ListShardsResponse& page) {
        for (const v1::Shard& shard : page.shards()) writer.Add(ShardRow(shard));
        count += static_cast<size_t>(page.shards_size());
        epoch = page.epoch();
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  const std::string summary = absl::StrCat(count, " shards, epoch ", epoch);
  if (again && !invocation.machine_readable()) out << summary << "\n";
  writer.Finish({{"epoch", JsonNumber(epoch)}});
  if (!again && !invocation.machine_readable()) invocation.Note(summary);
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> List(Invocation& invocation, const LiveOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  const bool again = options.interval > absl::ZeroDuration();
  return ShowLive(invocation, options, {.draw = [&](const TerminalSize&, std::ostream& out) {
                    return DrawShards(invocation, **daemon, again, out);
                  }});
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

absl::StatusOr<ExitCode> Lineage(Invocation& invocation, const std::string& id) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::GetShardLineageRequest request;
  request.set_id(id);
  auto response = (*daemon)->GetShardLineage(request);
  if (!response.ok()) return response.status();
  if (!invocation.machine_readable()) {
    for (const std::string& line : DrawLineage(id, *response)) {
      invocation.terminal.out << line << "\n";
    }
    return kOk;
  }
  RowWriter writer = invocation.Rows("table_changes", TableChangeColumns());
  for (const v1::TableChange& change : response->changes()) writer.Add(TableChangeRow(change));
  writer.Finish({{"shard", id}, {"compacted", response->compacted()}});
  return kOk;
}

}  // namespace

CLI::Option* AddShardId(CLI::App* app, std::string* target) {
  return app->add_option("SHARD", *target, "The shard's id: s-NNNN.")->required();
}

void AddShardCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("shard", "Shards: ranges of routing keys, each owned by a thread.");
  auto live = std::make_shared<LiveOptions>();
  AddWatchOptions(tree.Add(group, "list", "List all shards in key order.",
                           {"shardctl shard list", "shardctl shard list -o name",
                            "shardctl shard list --watch=5s"},
                           [live](Invocation& invocation) { return List(invocation, *live); }),
                  live.get());

  auto get = std::make_shared<std::string>();
  AddShardId(tree.Add(group, "get", "Show a shard.", {"shardctl shard get s-0001"},
                      [get](Invocation& invocation) { return Get(invocation, *get); }),
             get.get());

  AddShardChangeCommands(tree, group);
  AddShardCareCommands(tree, group);

  auto lineage = std::make_shared<std::string>();
  AddShardId(tree.Add(group, "lineage", "Draw where a shard comes from; also one that is no more.",
                      {"shardctl shard lineage s-0001", "shardctl shard lineage s-0001 -o jsonl"},
                      [lineage](Invocation& invocation) { return Lineage(invocation, *lineage); }),
             lineage.get());
}

}  // namespace shardd::shardctl
