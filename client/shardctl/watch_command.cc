#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/shardctl/command.h"
#include "client/shardctl/following.h"
#include "client/shardctl/present.h"

namespace shardd::shardctl {
namespace {

struct WatchAccountOptions {
  std::string name_space;
  std::string id;
  uint64_t from_revision = 0;
  FollowOptions follow;
};

const std::vector<Column>& ChangeColumns() {
  static const auto* const columns =
      new std::vector<Column>{{"revision"}, {"change"}, {"key"}, {"value"}};
  return *columns;
}

void PrintAccountChange(Invocation& invocation, uint64_t revision, const std::string& change) {
  Row row;
  row.Add(NumberCell(revision));
  row.Add(TextCell(change));
  row.Add(Cell(nullptr, ""));
  row.Add(Cell(nullptr, ""));
  PrintFollowed(invocation, ChangeColumns(), row);
}

void PrintEntryChange(Invocation& invocation, uint64_t revision, const v1::EntryChange& change) {
  Row row;
  row.Add(NumberCell(revision));
  row.Add(TextCell(change.deleted() ? "delete" : "put"));
  row.AddBytes("key", change.key());
  if (change.deleted()) {
    row.Add(Cell(nullptr, ""));
  } else {
    row.AddBytes("value", change.value());
  }
  PrintFollowed(invocation, ChangeColumns(), row);
}

void PrintChange(Invocation& invocation, const v1::AccountChange& change) {
  if (change.created()) PrintAccountChange(invocation, change.revision(), "create-account");
  if (change.updated()) PrintAccountChange(invocation, change.revision(), "update-account");
  for (const v1::EntryChange& entry : change.entries()) {
    PrintEntryChange(invocation, change.revision(), entry);
  }
  if (change.deleted()) PrintAccountChange(invocation, change.revision(), "delete-account");
  invocation.terminal.out.flush();
}

absl::StatusOr<ExitCode> WatchAccount(Invocation& invocation, const WatchAccountOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::WatchAccountRequest request;
  request.mutable_account()->set_namespace_(options.name_space);
  request.mutable_account()->set_id(options.id);
  request.set_start_revision(options.from_revision);
  return Follow<v1::WatchAccountResponse>(
      invocation, options.follow, (*daemon)->random(),
      [&] { return (*daemon)->WatchAccount(request); },
      [&](const v1::WatchAccountResponse& response, size_t max) {
        size_t taken = 0;
        for (const v1::AccountChange& change : response.changes()) {
          if (taken == max) return taken;
          PrintChange(invocation, change);
          request.set_start_revision(change.revision() + 1);
          ++taken;
        }
        if (response.progress_revision() >= request.start_revision() &&
            response.progress_revision() > 0) {
          request.set_start_revision(response.progress_revision() + 1);
        }
        return taken;
      });
}

}  // namespace

void AddWatchCommand(CommandTree& tree) {
  auto options = std::make_shared<WatchAccountOptions>();
  CLI::App* app = tree.Add(
      nullptr, "watch", "Show the changes of an account as they happen, until interrupted.",
      {"shardctl watch --namespace shop cart-17",
       "shardctl watch --namespace shop cart-17 --from-revision 5 -o jsonl"},
      [options](Invocation& invocation) { return WatchAccount(invocation, *options); });
  AddNamespace(app, &options->name_space);
  app->add_option("ID", options->id, "The account's id.")->required();
  app->add_option("--from-revision", options->from_revision,
                  "The first revision to show (default the next change).")
      ->type_name("N");
  AddFollowOptions(app, &options->follow);
}

}  // namespace shardd::shardctl
