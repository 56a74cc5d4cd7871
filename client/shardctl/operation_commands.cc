#include <memory>
#include <string>

#include "client/error.h"
#include "client/shardctl/await_operation.h"
#include "client/shardctl/command.h"
#include "client/shardctl/live_list.h"
#include "client/shardctl/present.h"

namespace shardd::shardctl {
namespace {

struct WaitOptions {
  std::string id;
  absl::Duration patience = absl::InfiniteDuration();
};

absl::StatusOr<ExitCode> ListOperations(Invocation& invocation, const LiveListOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::ListOperationsRequest request;
  SetPage(options.page, request);
  return ShowPages(
      invocation, options, {"operations", OperationColumns()},
      [&] { return (*daemon)->OperationPages(request); },
      [](const v1::ListOperationsResponse& page, RowWriter& writer) {
        for (const v1::Operation& operation : page.operations()) {
          writer.Add(OperationRow(operation));
        }
        return page.operations().size();
      });
}

absl::StatusOr<ExitCode> GetOperation(Invocation& invocation, const std::string& id) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::GetOperationRequest request;
  request.set_id(id);
  auto response = (*daemon)->GetOperation(request);
  if (!response.ok()) return response.status();
  return PrintOperation(invocation, response->operation());
}

absl::StatusOr<ExitCode> Cancel(Invocation& invocation, const std::string& id) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::CancelOperationRequest request;
  request.set_id(id);
  auto response = (*daemon)->CancelOperation(request);
  if (!response.ok()) return response.status();
  return PrintOperation(invocation, response->operation());
}

// Shows the operation also if it failed: what it did until then is in it.
absl::StatusOr<ExitCode> Wait(Invocation& invocation, const WaitOptions& options) {
  const auto operation = AwaitOperation(invocation, options.id, options.patience);
  if (!operation.ok()) return operation.status();
  PrintOperation(invocation, *operation);
  const absl::Status outcome = client::FromOperation(*operation);
  if (!outcome.ok()) return outcome;
  return kOk;
}

void AddId(CLI::App* app, std::string* id) {
  app->add_option("OPERATION", *id, "The operation's id: op-N.")->required();
}

}  // namespace

void AddOperationCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("operation", "Long-running jobs: list, get, wait, cancel.");

  auto list = std::make_shared<LiveListOptions>();
  AddLiveListOptions(
      tree.Add(group, "list", "List operations, newest first.",
               {"shardctl operation list --limit 10", "shardctl operation list --watch"},
               [list](Invocation& invocation) { return ListOperations(invocation, *list); }),
      list.get());

  auto get = std::make_shared<std::string>();
  AddId(tree.Add(group, "get", "Show an operation.", {"shardctl operation get op-17"},
                 [get](Invocation& invocation) { return GetOperation(invocation, *get); }),
        get.get());

  auto wait = std::make_shared<WaitOptions>();
  CLI::App* app = tree.Add(group, "wait", "Wait until an operation has ended; fails as it did.",
                           {"shardctl operation wait op-17 --for 10m"},
                           [wait](Invocation& invocation) { return Wait(invocation, *wait); });
  AddId(app, &wait->id);
  AddDuration(app, "--for", &wait->patience,
              "How long to wait (default until it ends); then fail with exit code 1.");

  auto cancel = std::make_shared<std::string>();
  AddId(tree.Add(group, "cancel", "Ask an operation to stop at its next safe step.",
                 {"shardctl operation cancel op-17"},
                 [cancel](Invocation& invocation) { return Cancel(invocation, *cancel); }),
        cancel.get());
}

}  // namespace shardd::shardctl
