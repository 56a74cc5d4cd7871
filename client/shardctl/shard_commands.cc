#include "client/shardctl/shard_commands.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/shardctl/lineage.h"
#include "client/shardctl/live_screen.h"
#include "client/shardctl/present.h"
#include "client/shardctl/present_balancing.h"

namespace shardd::shardctl {
namespace {

enum class ShardOrder { kKey, kLoad, kOperations, kBytes, kAccounts };

constexpr Choice<ShardOrder> kShardOrders[] = {{"key", ShardOrder::kKey},
                                               {"load", ShardOrder::kLoad},
                                               {"ops", ShardOrder::kOperations},
                                               {"bytes", ShardOrder::kBytes},
                                               {"accounts", ShardOrder::kAccounts}};

struct ShardListOptions {
  LiveOptions live;
  ShardOrder order = ShardOrder::kKey;
};

struct ListedShard {
  v1::Shard shard;
  // Empty if the balancer does not know the shard.
  std::optional<v1::ShardLoad> load;
};

struct ShardListing {
  std::vector<ListedShard> shards;
  uint64_t epoch = 0;
};

// There are at most some thousands; a part of them would mislead.
absl::StatusOr<ShardListing> LookAtShards(client::Client& daemon) {
  constexpr int kPageMax = 1000;
  std::map<std::string, v1::ShardLoad> loads;
  // The list is good without.
  if (const auto load = daemon.GetLoad(v1::GetLoadRequest()); load.ok()) {
    for (const v1::ShardLoad& shard : load->shards()) loads[shard.route().shard_id()] = shard;
  }
  ShardListing listing;
  v1::ListShardsRequest request;
  request.set_page_size(kPageMax);
  const absl::Status status =
      daemon.ShardPages(request).ForEach([&](const v1::ListShardsResponse& page) {
        for (const v1::Shard& shard : page.shards()) {
          ListedShard& listed = listing.shards.emplace_back(ListedShard{shard, std::nullopt});
          const auto found = loads.find(shard.id());
          if (found != loads.end()) listed.load = found->second;
        }
        listing.epoch = page.epoch();
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return listing;
}

// What is not measured comes last.
double SortValue(ShardOrder order, const ListedShard& listed) {
  const bool measured = listed.load.has_value() && listed.load->inputs().has_measured_since();
  switch (order) {
    case ShardOrder::kKey:
      return 0;
    case ShardOrder::kLoad:
      return measured ? listed.load->inputs().load() : -1;
    case ShardOrder::kOperations:
      return measured ? listed.load->inputs().rate().operations_per_second() : -1;
    case ShardOrder::kBytes:
      return static_cast<double>(listed.shard.byte_count());
    case ShardOrder::kAccounts:
      return static_cast<double>(listed.shard.account_count());
  }
  return 0;
}

absl::Status DrawShards(Invocation& invocation, client::Client& daemon,
                        const ShardListOptions& options, std::ostream& out) {
  absl::StatusOr<ShardListing> listing = LookAtShards(daemon);
  if (!listing.ok()) return listing.status();
  std::stable_sort(listing->shards.begin(), listing->shards.end(),
                   [&](const ListedShard& a, const ListedShard& b) {
                     return SortValue(options.order, a) > SortValue(options.order, b);
                   });
  const bool again = options.live.interval > absl::ZeroDuration();
  const std::string summary =
      absl::StrCat(listing->shards.size(), " shards, epoch ", listing->epoch);
  if (again && !invocation.machine_readable()) out << summary << "\n";
  std::vector<Column> columns = ShardColumns();
  AddLoadColumns(columns);
  RowWriter writer(out, invocation.rows_options(), "shards", columns);
  for (const ListedShard& listed : listing->shards) {
    Row row = ShardRow(listed.shard);
    AddLoadCells(listed.load.has_value() ? &*listed.load : nullptr, row);
    writer.Add(row);
  }
  writer.Finish({{"epoch", JsonNumber(listing->epoch)}});
  if (!again && !invocation.machine_readable()) invocation.Note(summary);
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> ListShards(Invocation& invocation, const ShardListOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  return ShowLive(invocation, options.live, {.draw = [&](const TerminalSize&, std::ostream& out) {
                    return DrawShards(invocation, **daemon, options, out);
                  }});
}

absl::StatusOr<ExitCode> GetShard(Invocation& invocation, const std::string& id) {
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

void AddShardList(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<ShardListOptions>();
  CLI::App* app = tree.Add(
      group, "list",
      "List all shards with the load that the balancer sees: 1 is as much as one may have.",
      {"shardctl shard list", "shardctl shard list --sort load", "shardctl shard list -o name",
       "shardctl shard list --watch=5s"},
      [options](Invocation& invocation) { return ListShards(invocation, *options); });
  AddChoice(app, "--sort", &options->order, kShardOrders,
            "What the order goes by: key, or the most load, ops, bytes or accounts first (default "
            "key).")
      ->type_name("COLUMN");
  AddWatchOptions(app, &options->live);
}

// Not left to the parser: it takes -1, and 0 would be no guard at all.
std::string CheckEpoch(const std::string& text) {
  uint64_t epoch = 0;
  if (absl::SimpleAtoi(text, &epoch) && epoch > 0) return "";
  return absl::StrCat("\"", text, "\" is not an epoch; it must be 1 or more");
}

}  // namespace

CLI::Option* AddShardId(CLI::App* app, std::string* target) {
  return app->add_option("SHARD", *target, "The shard's id: s-NNNN.")->required();
}

void AddGuard(CLI::App* app, GuardOptions* guard) {
  app->add_option("--expected-epoch", guard->expected_epoch,
                  "Refuse unless the routing table is at this epoch (default any).")
      ->type_name("N")
      ->check(CLI::Validator([](std::string& text) { return CheckEpoch(text); }, ""));
  app->add_flag("--dry-run", guard->dry_run, "Only say what would be done.");
}

void AddShardCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("shard", "Shards: ranges of routing keys, each owned by a thread.");
  AddShardList(tree, group);

  auto get = std::make_shared<std::string>();
  AddShardId(tree.Add(group, "get", "Show a shard.", {"shardctl shard get s-0001"},
                      [get](Invocation& invocation) { return GetShard(invocation, *get); }),
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
