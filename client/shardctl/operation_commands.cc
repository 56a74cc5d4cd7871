#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/shardctl/command.h"
#include "client/shardctl/paging.h"
#include "client/shardctl/present.h"

namespace shardd::shardctl {
namespace {

struct WaitOptions {
  std::string id;
  absl::Duration patience = absl::InfiniteDuration();
};

bool HasEnded(const v1::Operation& operation) {
  return operation.state() != v1::OPERATION_STATE_RUNNING &&
         operation.state() != v1::OPERATION_STATE_CANCELLING;
}

ExitCode PrintOperation(Invocation& invocation, const v1::Operation& operation) {
  PrintObject(invocation.terminal.out, invocation.rows_options(), "operation", OperationColumns(),
              OperationRow(operation));
  return kOk;
}

absl::StatusOr<ExitCode> List(Invocation& invocation, const PageOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::ListOperationsRequest request;
  SetPage(options, request);
  return WritePages(invocation, options, (*daemon)->OperationPages(request),
                    invocation.Rows("operations", OperationColumns()),
                    [](const v1::ListOperationsResponse& page, RowWriter& writer) {
                      for (const v1::Operation& operation : page.operations()) {
                        writer.Add(OperationRow(operation));
                      }
                      return page.operations().size();
                    });
}

absl::StatusOr<ExitCode> Get(Invocation& invocation, const std::string& id) {
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

// Waits call by call, each shorter than --timeout, so that a dead daemon is noticed. An interrupt
// ends the waiting, not the operation.
absl::StatusOr<ExitCode> Wait(Invocation& invocation, const WaitOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  const absl::Time give_up = invocation.clock.Now() + options.patience;
  const Interrupt::Scope scope(invocation.interrupt, [] {});
  for (;;) {
    absl::Duration rest = std::clamp(give_up - invocation.clock.Now(), absl::ZeroDuration(),
                                     invocation.options.timeout / 2);
    v1::WaitOperationRequest request;
    request.set_id(options.id);
    request.mutable_timeout()->set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
    request.mutable_timeout()->set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(rest)));
    auto response = (*daemon)->WaitOperation(request);
    if (!response.ok()) return response.status();
    const v1::Operation& operation = response->operation();
    if (HasEnded(operation)) {
      PrintOperation(invocation, operation);
      return operation.state() == v1::OPERATION_STATE_SUCCEEDED ? kOk : kFailed;
    }
    if (invocation.interrupt.requested()) {
      invocation.Note(absl::StrCat("It goes on. Wait again: shardctl operation wait ", options.id));
      return kInterrupted;
    }
    if (invocation.clock.Now() >= give_up) {
      return absl::DeadlineExceededError(
          absl::StrCat("operation ", options.id, " has not ended yet"));
    }
  }
}

void AddId(CLI::App* app, std::string* id) {
  app->add_option("OPERATION", *id, "The operation's id: op-N.")->required();
}

}  // namespace

void AddOperationCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("operation", "Long-running jobs: list, get, wait, cancel.");

  auto list = std::make_shared<PageOptions>();
  AddPageOptions(tree.Add(group, "list", "List operations, newest first.",
                          {"shardctl operation list --limit 10"},
                          [list](Invocation& invocation) { return List(invocation, *list); }),
                 list.get());

  auto get = std::make_shared<std::string>();
  AddId(tree.Add(group, "get", "Show an operation.", {"shardctl operation get op-17"},
                 [get](Invocation& invocation) { return Get(invocation, *get); }),
        get.get());

  auto wait = std::make_shared<WaitOptions>();
  CLI::App* app =
      tree.Add(group, "wait", "Wait until an operation has ended; fails if it did not succeed.",
               {"shardctl operation wait op-17 --for 10m"},
               [wait](Invocation& invocation) { return Wait(invocation, *wait); });
  AddId(app, &wait->id);
  AddDuration(app, "--for", &wait->patience, "How long to wait (default until it ends).");

  auto cancel = std::make_shared<std::string>();
  AddId(tree.Add(group, "cancel", "Ask an operation to stop at its next safe step.",
                 {"shardctl operation cancel op-17"},
                 [cancel](Invocation& invocation) { return Cancel(invocation, *cancel); }),
        cancel.get());
}

}  // namespace shardd::shardctl
