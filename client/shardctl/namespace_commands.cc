#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/error.h"
#include "client/shardctl/await_operation.h"
#include "client/shardctl/command.h"
#include "client/shardctl/live_list.h"
#include "client/shardctl/present.h"

namespace shardd::shardctl {
namespace {

struct NamespaceOptions {
  std::string name;
  std::string request_id;
  bool delete_accounts = false;
  bool no_wait = false;
};

ExitCode PrintNamespace(Invocation& invocation, const v1::Namespace& name_space) {
  PrintObject(invocation.terminal.out, invocation.rows_options(), "namespace", NamespaceColumns(),
              NamespaceRow(name_space));
  return kOk;
}

absl::StatusOr<ExitCode> Create(Invocation& invocation, const NamespaceOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::CreateNamespaceRequest request;
  request.set_name(options.name);
  request.set_request_id(options.request_id);
  auto response = (*daemon)->CreateNamespace(std::move(request));
  if (!response.ok()) return response.status();
  return PrintNamespace(invocation, response->namespace_());
}

absl::StatusOr<ExitCode> Get(Invocation& invocation, const NamespaceOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::GetNamespaceRequest request;
  request.set_name(options.name);
  auto response = (*daemon)->GetNamespace(request);
  if (!response.ok()) return response.status();
  return PrintNamespace(invocation, response->namespace_());
}

absl::StatusOr<ExitCode> ListNamespaces(Invocation& invocation, const LiveListOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::ListNamespacesRequest request;
  SetPage(options.page, request);
  return ShowPages(
      invocation, options, {"namespaces", NamespaceColumns()},
      [&] { return (*daemon)->NamespacePages(request); },
      [](const v1::ListNamespacesResponse& page, RowWriter& writer) {
        for (const v1::Namespace& name_space : page.namespaces()) {
          writer.Add(NamespaceRow(name_space));
        }
        return page.namespaces().size();
      });
}

absl::StatusOr<ExitCode> Delete(Invocation& invocation, const NamespaceOptions& options) {
  const absl::Status agreed = invocation.Confirm(
      absl::StrCat("Delete namespace ", options.name,
                   options.delete_accounts ? " with all of its accounts?" : "?"));
  if (!agreed.ok()) return agreed;
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::DeleteNamespaceRequest request;
  request.set_name(options.name);
  request.set_delete_accounts(options.delete_accounts);
  const auto response = (*daemon)->DeleteNamespace(request);
  if (!response.ok()) return response.status();
  const std::string& id = response->operation().id();
  if (options.no_wait) {
    invocation.Note(absl::StrCat("Wait for it: shardctl operation wait ", id));
    return PrintOperation(invocation, response->operation());
  }
  const auto ended = AwaitOperation(invocation, id, absl::InfiniteDuration());
  if (!ended.ok()) return ended.status();
  const absl::Status outcome = client::FromOperation(*ended);
  if (!outcome.ok()) return outcome;
  return PrintOperation(invocation, *ended);
}

void AddName(CLI::App* app, NamespaceOptions& options) {
  app->add_option("NAME", options.name, "The namespace: 1 to 63 of a-z, 0-9 and -.")->required();
}

}  // namespace

void AddNamespaceCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("namespace", "Namespaces: create, get, list, delete.");

  auto create = std::make_shared<NamespaceOptions>();
  CLI::App* app =
      tree.Add(group, "create", "Create a namespace.", {"shardctl namespace create shop"},
               [create](Invocation& invocation) { return Create(invocation, *create); });
  AddName(app, *create);
  AddRequestId(app, &create->request_id);

  auto get = std::make_shared<NamespaceOptions>();
  AddName(tree.Add(group, "get", "Show a namespace.", {"shardctl namespace get shop"},
                   [get](Invocation& invocation) { return Get(invocation, *get); }),
          *get);

  auto list = std::make_shared<LiveListOptions>();
  AddLiveListOptions(
      tree.Add(group, "list", "List the namespaces by name.",
               {"shardctl namespace list --all -o name", "shardctl namespace list --watch=5s"},
               [list](Invocation& invocation) { return ListNamespaces(invocation, *list); }),
      list.get());

  auto remove = std::make_shared<NamespaceOptions>();
  app = tree.Add(group, "delete", "Delete a namespace, as an operation, and wait for its end.",
                 {"shardctl namespace delete shop --delete-accounts --yes",
                  "shardctl namespace delete shop --yes --no-wait -o name"},
                 [remove](Invocation& invocation) { return Delete(invocation, *remove); });
  AddName(app, *remove);
  app->add_flag("--delete-accounts", remove->delete_accounts,
                "Delete its accounts too. Without this a namespace with accounts is refused.");
  app->add_flag("--no-wait", remove->no_wait,
                "Return once the operation is recorded, and print it: it may still fail.");
}

}  // namespace shardd::shardctl
