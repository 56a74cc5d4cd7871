#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/shardctl/command.h"
#include "client/shardctl/following.h"
#include "client/shardctl/live_screen.h"
#include "client/shardctl/present.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

struct GetOptions {
  std::string name_space;
  std::string id;
  std::string routing_key;
  std::string shard;
};

absl::Status SetKey(const GetOptions& options, v1::ResolveRequest& request) {
  const int given = !options.id.empty() + !options.routing_key.empty() + !options.shard.empty();
  if (given != 1) {
    return absl::InvalidArgumentError("give one of an account's ID, --routing-key or --shard");
  }
  if (!options.id.empty()) {
    request.mutable_account()->set_namespace_(options.name_space);
    request.mutable_account()->set_id(options.id);
  } else if (!options.routing_key.empty()) {
    const auto key = FromHex(options.routing_key);
    if (!key.ok() || key->size() != 16) {
      return absl::InvalidArgumentError("the routing key must be 32 hexadecimal digits");
    }
    request.set_routing_key(*key);
  } else {
    request.set_shard_id(options.shard);
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Get(Invocation& invocation, const GetOptions& options) {
  v1::ResolveRequest request;
  if (absl::Status status = SetKey(options, request); !status.ok()) return status;
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->Resolve(request);
  if (!response.ok()) return response.status();
  Row row = RouteRow(response->route());
  row.Add(NumberCell(response->epoch()));
  row.Add(response->routing_key().empty() ? Cell(nullptr, "-")
                                          : TextCell(Hex(response->routing_key())));
  std::vector<Column> columns = RouteColumns();
  columns.push_back({"epoch"});
  columns.push_back({"routing_key"});
  PrintObject(invocation.terminal.out, invocation.rows_options(), "route", columns, row);
  return kOk;
}

struct MapOptions {
  uint64_t epoch = 0;
  LiveOptions live;
};

absl::StatusOr<ExitCode> Map(Invocation& invocation, const MapOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::GetTableRequest request;
  request.set_epoch(options.epoch);
  const auto draw = [&](const TerminalSize&, std::ostream& out) {
    auto response = (*daemon)->GetTable(request);
    if (!response.ok()) return response.status();
    const bool again = options.live.interval > absl::ZeroDuration();
    const std::string epoch = absl::StrCat("Epoch ", response->table().epoch());
    if (again && !invocation.machine_readable()) out << epoch << "\n";
    RowWriter writer(out, invocation.rows_options(), "routes", RouteColumns());
    for (const v1::Route& route : response->table().routes()) writer.Add(RouteRow(route));
    writer.Finish({{"epoch", JsonNumber(response->table().epoch())}});
    if (!again && !invocation.machine_readable()) invocation.Note(epoch);
    return absl::OkStatus();
  };
  return ShowLive(invocation, options.live, {.draw = draw});
}

struct DiffOptions {
  uint64_t from = 0;
  uint64_t to = 0;
};

absl::StatusOr<ExitCode> DiffEpochs(Invocation& invocation, const DiffOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::DiffTablesRequest request;
  request.set_from_epoch(options.from);
  request.set_to_epoch(options.to);
  auto response = (*daemon)->DiffTables(request);
  if (!response.ok()) return response.status();
  std::vector<Column> columns = RouteColumns();
  columns.insert(columns.begin(), {"change"});
  RowWriter writer = invocation.Rows("route_changes", columns, /*name_column=*/1);
  const auto add = [&writer](const char* change, Tone tone, const v1::Route& route) {
    Row row = RouteRow(route);
    row.cells.insert(row.cells.begin(), TextCell(change, tone));
    writer.Add(row);
  };
  for (const v1::Route& route : response->diff().removed()) add("removed", Tone::kBad, route);
  for (const v1::Route& route : response->diff().added()) add("added", Tone::kGood, route);
  writer.Finish({{"from_epoch", JsonNumber(options.from)},
                 {"to_epoch", JsonNumber(response->diff().epoch())}});
  const int changes = response->diff().removed_size() + response->diff().added_size();
  if (changes == 0 && !invocation.machine_readable()) invocation.Note("Nothing changed.");
  return kOk;
}

// One line for each route that came or went.
class TablePrinter {
 public:
  // `from_epoch` is what the changes are asked for since; 0 for the whole table.
  TablePrinter(Invocation& invocation, uint64_t from_epoch)
      : invocation_(invocation), epoch_(from_epoch) {}

  // What was shown last.
  uint64_t epoch() const { return epoch_; }

  void Print(const v1::WatchTableResponse& response) {
    if (response.has_table()) PrintTable(response.table());
    if (response.has_diff()) PrintDiff(response.diff());
    invocation_.terminal.out.flush();
  }

 private:
  void PrintTable(const v1::RouteTable& table) {
    // The daemon sends changes if it can.
    const bool lost = epoch_ != 0;
    if (lost) {
      invocation_.Note(absl::StrCat(
          "Epoch ", epoch_, table.epoch() < epoch_ ? " is not there yet" : " is no longer kept",
          ": this is the whole table of epoch ", table.epoch(), ", not what changed since."));
    }
    epoch_ = table.epoch();
    for (const v1::Route& route : table.routes()) PrintRoute("present", route, lost);
  }

  void PrintDiff(const v1::RouteTableDiff& diff) {
    epoch_ = diff.epoch();
    for (const v1::Route& route : diff.removed()) PrintRoute("removed", route);
    for (const v1::Route& route : diff.added()) PrintRoute("added", route);
  }

  // `lost`: it stands for changes that are not known.
  void PrintRoute(const std::string& change, const v1::Route& route, bool lost = false) {
    Row row;
    row.more["changes_lost"] = lost;
    row.Add(NumberCell(epoch_));
    row.Add(TextCell(change));
    row.Add(TextCell(route.shard_id()));
    AddRange(route, row);
    row.Add(TextCell(route.home()));
    PrintFollowed(invocation_, {{"epoch"}, {"change"}, {"shard"}, {"start"}, {"end"}, {"home"}},
                  row);
  }

  Invocation& invocation_;
  uint64_t epoch_;
};

absl::StatusOr<ExitCode> Watch(Invocation& invocation, uint64_t from_epoch,
                               const FollowOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  TablePrinter printer(invocation, from_epoch);
  const auto open = [&] {
    v1::WatchTableRequest request;
    request.set_start_epoch(printer.epoch());
    return (*daemon)->WatchTable(request);
  };
  return Follow<v1::WatchTableResponse>(
      invocation, options, (*daemon)->random(), open,
      [&](const v1::WatchTableResponse& response, size_t /*max*/) -> size_t {
        printer.Print(response);
        return response.has_table() || response.has_diff() ? 1 : 0;
      });
}

void AddGet(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<GetOptions>();
  CLI::App* app =
      tree.Add(group, "get", "Find the route of an account, a routing key or a shard.",
               {"shardctl route get --namespace debian bash", "shardctl route get --shard s-0001"},
               [options](Invocation& invocation) { return Get(invocation, *options); });
  AddNamespace(app, &options->name_space);
  app->add_option("ID", options->id, "The account's id.");
  app->add_option("--routing-key", options->routing_key, "A routing key: 32 hexadecimal digits.")
      ->type_name("HEX");
  app->add_option("--shard", options->shard, "A shard's id: s-NNNN.")->type_name("SHARD");
}

}  // namespace

void AddRouteCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("route", "Where accounts are: get, map, diff, watch.");
  AddGet(tree, group);

  auto map = std::make_shared<MapOptions>();
  CLI::App* map_app = tree.Add(group, "map", "Show the routing table.",
                               {"shardctl route map", "shardctl route map --epoch 1"},
                               [map](Invocation& invocation) { return Map(invocation, *map); });
  map_app->add_option("--epoch", map->epoch, "An older table (default the current one).")
      ->type_name("N");
  AddWatchOptions(map_app, &map->live);

  auto diff = std::make_shared<DiffOptions>();
  CLI::App* diff_app =
      tree.Add(group, "diff", "Show what changed in the routing table.",
               {"shardctl route diff 1", "shardctl route diff 1 2"},
               [diff](Invocation& invocation) { return DiffEpochs(invocation, *diff); });
  diff_app->add_option("FROM", diff->from, "The older epoch.")->required();
  diff_app->add_option("TO", diff->to, "The newer epoch (default the current one).");

  auto from = std::make_shared<uint64_t>(0);
  auto follow = std::make_shared<FollowOptions>();
  CLI::App* watch = tree.Add(
      group, "watch", "Show the routing table and then its changes, until interrupted.",
      {"shardctl route watch -o jsonl"},
      [from, follow](Invocation& invocation) { return Watch(invocation, *from, *follow); });
  watch->add_option("--from-epoch", *from, "Show the changes since this epoch.")->type_name("N");
  AddFollowOptions(watch, follow.get());
}

}  // namespace shardd::shardctl
