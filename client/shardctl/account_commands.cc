#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/shardctl/command.h"
#include "client/shardctl/live_list.h"
#include "client/shardctl/present.h"

namespace shardd::shardctl {
namespace {

// The options of create, get, update and delete.
struct AccountOptions {
  std::string name_space;
  std::string id;
  std::string request_id;
  std::vector<std::string> labels;
  bool clear_labels = false;
  uint64_t entries_max = 0;
  uint64_t bytes_max = 0;
  std::string state;
  uint64_t expected_revision = 0;
};

void AddRef(CLI::App* app, AccountOptions& options) {
  AddNamespace(app, &options.name_space);
  app->add_option("ID", options.id, "The account's id.")->required();
}

void SetRef(const AccountOptions& options, v1::AccountRef& ref) {
  ref.set_namespace_(options.name_space);
  ref.set_id(options.id);
}

std::string CheckLabel(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals != std::string::npos && equals > 0) return "";
  return absl::StrCat("\"", text, "\" is not KEY=VALUE");
}

void AddLabels(CLI::App* app, AccountOptions& options) {
  app->add_option("--label", options.labels, "A label; may be given several times.")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->check(CLI::Validator([](std::string& text) { return CheckLabel(text); }, ""));
}

void AddLimits(CLI::App* app, AccountOptions& options, const std::string& more = "") {
  app->add_option("--entries-max", options.entries_max,
                  absl::StrCat("The most entries it may hold; 0 is the daemon's maximum.", more))
      ->type_name("N");
  app->add_option(
         "--bytes-max", options.bytes_max,
         absl::StrCat("The most bytes of keys and values it may hold; 0 is the daemon's maximum.",
                      more))
      ->type_name("N");
}

template <typename Request>
void SetLabelsAndLimits(const AccountOptions& options, Request& request) {
  for (const std::string& label : options.labels) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(label, absl::MaxSplits('=', 1));
    (*request.mutable_labels())[pair.first] = pair.second;
  }
  request.mutable_limits()->set_entries_max(options.entries_max);
  request.mutable_limits()->set_bytes_max(options.bytes_max);
}

ExitCode PrintAccount(Invocation& invocation, const v1::Account& account) {
  PrintObject(invocation.terminal.out, invocation.rows_options(), "account", AccountColumns(),
              AccountRow(account));
  return kOk;
}

absl::StatusOr<ExitCode> Create(Invocation& invocation, const AccountOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::CreateAccountRequest request;
  SetRef(options, *request.mutable_account());
  request.set_request_id(options.request_id);
  SetLabelsAndLimits(options, request);
  auto response = (*daemon)->CreateAccount(std::move(request));
  if (!response.ok()) return response.status();
  return PrintAccount(invocation, response->account());
}

absl::StatusOr<ExitCode> Get(Invocation& invocation, const AccountOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::GetAccountRequest request;
  SetRef(options, *request.mutable_account());
  auto response = (*daemon)->GetAccount(request);
  if (!response.ok()) return response.status();
  return PrintAccount(invocation, response->account());
}

absl::StatusOr<ExitCode> Update(Invocation& invocation, const AccountOptions& options,
                                const CLI::App& app) {
  v1::UpdateAccountRequest request;
  SetRef(options, *request.mutable_account());
  request.set_request_id(options.request_id);
  request.set_expected_revision(options.expected_revision);
  SetLabelsAndLimits(options, request);
  if (!options.labels.empty() || options.clear_labels)
    request.mutable_update_mask()->add_paths("labels");
  if (app.count("--entries-max") + app.count("--bytes-max") > 0) {
    request.mutable_update_mask()->add_paths("limits");
  }
  if (!options.state.empty()) {
    request.mutable_update_mask()->add_paths("state");
    request.set_state(options.state == "frozen" ? v1::ACCOUNT_STATE_FROZEN
                                                : v1::ACCOUNT_STATE_ACTIVE);
  }
  if (request.update_mask().paths().empty()) {
    return absl::InvalidArgumentError(
        "nothing to change; give --label, --clear-labels, --entries-max, --bytes-max or --state");
  }
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->UpdateAccount(std::move(request));
  if (!response.ok()) return response.status();
  return PrintAccount(invocation, response->account());
}

absl::StatusOr<ExitCode> Delete(Invocation& invocation, const AccountOptions& options) {
  const absl::Status agreed =
      invocation.Confirm(absl::StrCat("Delete account ", options.id, " with all of its entries?"));
  if (!agreed.ok()) return agreed;
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::DeleteAccountRequest request;
  SetRef(options, *request.mutable_account());
  request.set_request_id(options.request_id);
  request.set_expected_revision(options.expected_revision);
  auto response = (*daemon)->DeleteAccount(std::move(request));
  if (!response.ok()) return response.status();
  Row row;
  row.Add(TextCell(options.id));
  row.Add(NumberCell(response->revision()));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "deleted_account",
              {{"id"}, {"revision"}}, row);
  return kOk;
}

struct AccountListOptions {
  std::string name_space;
  LiveListOptions list;
};

absl::StatusOr<ExitCode> ListAccounts(Invocation& invocation, const AccountListOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::ListAccountsRequest request;
  request.set_namespace_(options.name_space);
  SetPage(options.list.page, request);
  return ShowPages(
      invocation, options.list, {"accounts", AccountColumns()},
      [&] { return (*daemon)->AccountPages(request); },
      [](const v1::ListAccountsResponse& page, RowWriter& writer) {
        for (const v1::Account& account : page.accounts()) writer.Add(AccountRow(account));
        return page.accounts().size();
      });
}

void AddCreate(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<AccountOptions>();
  CLI::App* app =
      tree.Add(group, "create", "Create an empty account.",
               {"shardctl account create --namespace shop cart-17 --label tier=gold"},
               [options](Invocation& invocation) { return Create(invocation, *options); });
  AddRef(app, *options);
  AddLabels(app, *options);
  AddLimits(app, *options);
  AddRequestId(app, &options->request_id);
}

void AddUpdate(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<AccountOptions>();
  auto self = std::make_shared<CLI::App*>();
  CLI::App* app = tree.Add(
      group, "update", "Change an account's labels, limits or state.",
      {"shardctl account update --namespace shop cart-17 --state frozen",
       "shardctl account update cart-17 --label tier=gold --expected-revision 12"},
      [options, self](Invocation& invocation) { return Update(invocation, *options, **self); });
  *self = app;
  AddRef(app, *options);
  AddLabels(app, *options);
  app->add_flag("--clear-labels", options->clear_labels, "Remove all labels that are not given.");
  AddLimits(app, *options, " Replaces both limits: give the other one too, if it is to stay.");
  app->add_option("--state", options->state, "active, or frozen: readable but not changeable.")
      ->type_name("STATE")
      ->check(CLI::IsMember({"active", "frozen"}));
  app->add_option("--expected-revision", options->expected_revision,
                  "Refuse if the account is not at this revision.")
      ->type_name("N");
  AddRequestId(app, &options->request_id);
}

void AddDeleteAccount(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<AccountOptions>();
  CLI::App* app =
      tree.Add(group, "delete", "Delete an account with all of its entries, atomically.",
               {"shardctl account delete --namespace shop cart-17 --yes"},
               [options](Invocation& invocation) { return Delete(invocation, *options); });
  AddRef(app, *options);
  app->add_option("--expected-revision", options->expected_revision,
                  "Refuse if the account is not at this revision.")
      ->type_name("N");
  AddRequestId(app, &options->request_id);
}

}  // namespace

void AddAccountCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("account", "Accounts: create, get, list, update, delete.");
  AddCreate(tree, group);

  auto get = std::make_shared<AccountOptions>();
  AddRef(tree.Add(group, "get", "Show an account.",
                  {"shardctl account get --namespace debian bash -o json"},
                  [get](Invocation& invocation) { return Get(invocation, *get); }),
         *get);

  auto list = std::make_shared<AccountListOptions>();
  CLI::App* app = tree.Add(group, "list", "List the accounts of a namespace, in routing order.",
                           {"shardctl account list --namespace debian",
                            "shardctl account list --namespace debian --all -o name",
                            "shardctl account list --namespace shop --watch=5s"},
                           [list](Invocation& invocation) {
                             return ListAccounts(invocation, *list);
                           });
  AddNamespace(app, &list->name_space);
  AddLiveListOptions(app, &list->list);

  AddUpdate(tree, group);
  AddDeleteAccount(tree, group);
}

}  // namespace shardd::shardctl
