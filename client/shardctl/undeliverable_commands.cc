#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/shardctl/command.h"
#include "client/shardctl/live_list.h"
#include "client/shardctl/present_messages.h"

namespace shardd::shardctl {
namespace {

struct UndeliverableListOptions {
  std::string name_space;
  LiveListOptions list;
};

absl::StatusOr<ExitCode> ListUndeliverable(Invocation& invocation,
                                           const UndeliverableListOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::ListUndeliverableRequest request;
  request.set_namespace_(options.name_space);
  SetPage(options.list.page, request);
  return ShowPages(
      invocation, options.list, {"undeliverable", UndeliverableColumns()},
      [&] { return (*daemon)->UndeliverablePages(request); },
      [](const v1::ListUndeliverableResponse& page, RowWriter& writer) {
        for (const v1::UndeliverableMessage& message : page.messages()) {
          writer.Add(UndeliverableRow(message));
        }
        return page.messages().size();
      });
}

absl::StatusOr<ExitCode> GetUndeliverable(Invocation& invocation, const std::string& id) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::GetUndeliverableRequest request;
  request.set_id(id);
  auto response = (*daemon)->GetUndeliverable(request);
  if (!response.ok()) return response.status();
  PrintObject(invocation.terminal.out, invocation.rows_options(), "undeliverable",
              UndeliverableColumns(), UndeliverableRow(response->message()));
  return kOk;
}

struct SettleOptions {
  std::string name_space;
  std::vector<std::string> ids;
  bool all = false;
};

absl::Status SettleOne(client::Client& daemon, const std::string& id, bool redrive) {
  if (redrive) {
    v1::RedriveUndeliverableRequest request;
    request.set_id(id);
    return daemon.RedriveUndeliverable(request).status();
  }
  v1::PurgeUndeliverableRequest request;
  request.set_id(id);
  return daemon.PurgeUndeliverable(request).status();
}

// The ids asked for, or all that there are now.
absl::StatusOr<std::vector<std::string>> IdsOf(client::Client& daemon,
                                               const SettleOptions& options) {
  if (!options.all) return options.ids;
  v1::ListUndeliverableRequest request;
  request.set_namespace_(options.name_space);
  request.set_page_size(1000);
  request.set_no_payload(true);
  std::vector<std::string> ids;
  auto pages = daemon.UndeliverablePages(request);
  while (true) {
    auto page = pages.Next();
    if (!page.ok()) return page.status();
    if (!page->has_value()) return ids;
    for (const v1::UndeliverableMessage& message : (*page)->messages()) {
      ids.push_back(message.id());
    }
  }
}

absl::StatusOr<ExitCode> Settle(Invocation& invocation, const SettleOptions& options,
                                bool redrive) {
  if (options.ids.empty() == !options.all) {
    return absl::InvalidArgumentError("say which messages: IDs, or --all");
  }
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto ids = IdsOf(**daemon, options);
  if (!ids.ok()) return ids.status();
  if (!redrive) {
    const absl::Status agreed = invocation.Confirm(
        absl::StrCat("Throw ", ids->size(), " undeliverable messages away?"));
    if (!agreed.ok()) return agreed;
  }
  uint64_t settled = 0;
  absl::Status first_error;
  for (const std::string& id : *ids) {
    if (invocation.interrupt.requested()) return absl::CancelledError("interrupted");
    const absl::Status status = SettleOne(**daemon, id, redrive);
    if (status.ok()) ++settled;
    // Of many, one that is gone or has nowhere to go still is no reason to stop.
    if (!status.ok() && first_error.ok()) first_error = status;
    if (!status.ok() && !options.all) return status;
  }
  Row row;
  row.Add(NumberCell(settled));
  row.Add(NumberCell(ids->size() - settled));
  PrintObject(invocation.terminal.out, invocation.rows_options(),
              redrive ? "redriven" : "purged", {{redrive ? "redriven" : "purged"}, {"refused"}},
              row);
  if (!first_error.ok()) return first_error;
  return kOk;
}

void AddSettle(CommandTree& tree, CLI::App* group, const std::string& name,
               const std::string& description, bool redrive) {
  auto options = std::make_shared<SettleOptions>();
  CLI::App* app =
      tree.Add(group, name, description,
               {absl::StrCat("shardctl undeliverable ", name, " BHNob3AABm5vYm9keQRzaG9w"),
                absl::StrCat("shardctl undeliverable ", name, " --namespace shop --all --yes")},
               [options, redrive](Invocation& invocation) {
                 return Settle(invocation, *options, redrive);
               });
  AddNamespace(app, &options->name_space);
  app->add_option("ID", options->ids, "As list shows them.");
  app->add_flag("--all", options->all, "All that there are, of the namespace if one is given.");
}

}  // namespace

void AddUndeliverableCommands(CommandTree& tree) {
  CLI::App* group = tree.Group(
      "undeliverable", "Messages without a destination: list, get, redrive, purge.");

  auto list = std::make_shared<UndeliverableListOptions>();
  CLI::App* app = tree.Add(
      group, "list", "List undeliverable messages, by receiver.",
      {"shardctl undeliverable list --namespace shop", "shardctl undeliverable list --all -o name"},
      [list](Invocation& invocation) { return ListUndeliverable(invocation, *list); });
  AddNamespace(app, &list->name_space);
  AddLiveListOptions(app, &list->list);

  auto get = std::make_shared<std::string>();
  app = tree.Add(group, "get", "Show an undeliverable message.",
                 {"shardctl undeliverable get BHNob3AABm5vYm9keQRzaG9w"},
                 [get](Invocation& invocation) { return GetUndeliverable(invocation, *get); });
  app->add_option("ID", *get, "As list shows it.")->required();

  AddSettle(tree, group, "redrive", "Put undeliverable messages into their receivers' mailboxes.",
            /*redrive=*/true);
  AddSettle(tree, group, "purge", "Throw undeliverable messages away.", /*redrive=*/false);
}

}  // namespace shardd::shardctl
