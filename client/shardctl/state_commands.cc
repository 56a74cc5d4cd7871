#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/shardctl/apply_arguments.h"
#include "client/shardctl/command.h"
#include "client/shardctl/paging.h"
#include "client/shardctl/present.h"
#include "client/shardctl/read_input.h"
#include "client/shardctl/text.h"
#include "server/base/limits.h"

namespace shardd::shardctl {
namespace {

struct StateOptions {
  std::string name_space;
  std::string id;
  std::vector<std::string> keys;
  std::string value;
  std::string prefix;
  std::string request_id;
  bool hex_keys = false;
  bool create_account = false;
  bool all = false;
};

void AddRef(CLI::App* app, StateOptions& options) {
  AddNamespace(app, &options.name_space);
  app->add_option("ID", options.id, "The account's id.")->required();
}

void AddHexKeys(CLI::App* app, StateOptions& options) {
  app->add_flag("--hex-keys", options.hex_keys,
                "Keys on the command line are hexadecimal, for those that are not text.");
}

template <typename Request>
void SetRef(const StateOptions& options, Request& request) {
  request.mutable_account()->set_namespace_(options.name_space);
  request.mutable_account()->set_id(options.id);
}

absl::StatusOr<std::string> Key(const StateOptions& options, const std::string& text) {
  if (!options.hex_keys) return text;
  auto key = FromHex(text);
  if (!key.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("key \"", text, "\" is not hexadecimal"));
  }
  return key;
}

absl::StatusOr<ExitCode> Get(Invocation& invocation, const StateOptions& options) {
  v1::GetRequest request;
  SetRef(options, request);
  for (const std::string& text : options.keys) {
    auto key = Key(options, text);
    if (!key.ok()) return key.status();
    request.add_keys(*std::move(key));
  }
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->Get(request);
  if (!response.ok()) return response.status();
  if (!invocation.machine_readable() && options.keys.size() == 1) {
    for (const v1::Entry& entry : response->entries()) {
      invocation.terminal.out << entry.value() << "\n";
    }
  } else {
    RowWriter writer = invocation.Rows("entries", EntryColumns());
    for (const v1::Entry& entry : response->entries()) writer.Add(EntryRow(entry));
    writer.Finish();
  }
  if (response->missing_keys().empty()) return kOk;
  return absl::NotFoundError(
      absl::StrCat("account ", options.id, " has no entry ", Printable(response->missing_keys(0))));
}

// Sends a write and prints what it did.
absl::StatusOr<ExitCode> Apply(Invocation& invocation, v1::ApplyRequest request) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->Apply(request);
  if (!response.ok()) return response.status();
  Json results = Json::array();
  std::string text;
  for (int i = 0; i < response->results_size() && i < request.mutations_size(); ++i) {
    const auto [json, shown] = MutationOutcome(request.mutations(i), response->results(i));
    results.push_back(json);
    absl::StrAppend(&text, text.empty() ? "" : ", ", shown);
  }
  Row row;
  row.Add(NumberCell(response->revision()));
  row.Add(BoolCell(response->replayed()));
  row.Add(Cell(std::move(results), text.empty() ? "-" : text));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "applied",
              {{"revision"}, {"replayed"}, {"results"}}, row);
  return kOk;
}

absl::StatusOr<ExitCode> Put(Invocation& invocation, const StateOptions& options) {
  v1::ApplyRequest request;
  SetRef(options, request);
  request.set_request_id(options.request_id);
  request.set_create_account(options.create_account);
  auto key = Key(options, options.keys.front());
  if (!key.ok()) return key.status();
  auto& put = *request.add_mutations()->mutable_put();
  put.set_key(*std::move(key));
  if (options.value == "-") {
    auto value = ReadAll(invocation.terminal.in, "standard input", limits::kEntryValueBytesMax);
    if (!value.ok()) return value.status();
    put.set_value(*std::move(value));
  } else {
    put.set_value(options.value);
  }
  return Apply(invocation, std::move(request));
}

absl::StatusOr<ExitCode> Delete(Invocation& invocation, const StateOptions& options) {
  if (options.keys.empty() && options.prefix.empty() && !options.all) {
    return absl::InvalidArgumentError("say what to delete: KEYs, --prefix or --all");
  }
  if (options.all) {
    const absl::Status agreed =
        invocation.Confirm(absl::StrCat("Delete all entries of account ", options.id, "?"));
    if (!agreed.ok()) return agreed;
  }
  v1::ApplyRequest request;
  SetRef(options, request);
  request.set_request_id(options.request_id);
  for (const std::string& text : options.keys) {
    auto key = Key(options, text);
    if (!key.ok()) return key.status();
    request.add_mutations()->set_delete_(*std::move(key));
  }
  if (!options.prefix.empty()) {
    auto prefix = Key(options, options.prefix);
    if (!prefix.ok()) return prefix.status();
    request.add_mutations()->set_delete_prefix(*std::move(prefix));
  }
  if (options.all) request.add_mutations()->set_delete_prefix("");
  return Apply(invocation, std::move(request));
}

struct ScanOptions {
  StateOptions state;
  std::string start;
  std::string end;
  bool reverse = false;
  bool keys_only = false;
  PageOptions page;
};

absl::Status SetBounds(const ScanOptions& options, v1::ScanRequest& request) {
  auto prefix = Key(options.state, options.state.prefix);
  auto start = Key(options.state, options.start);
  auto end = Key(options.state, options.end);
  for (const auto* bound : {&prefix, &start, &end}) {
    if (!bound->ok()) return bound->status();
  }
  request.set_prefix(*std::move(prefix));
  request.set_start(*std::move(start));
  request.set_end(*std::move(end));
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Scan(Invocation& invocation, const ScanOptions& options) {
  v1::ScanRequest request;
  SetRef(options.state, request);
  if (absl::Status status = SetBounds(options, request); !status.ok()) return status;
  request.set_reverse(options.reverse);
  request.set_keys_only(options.keys_only);
  SetPage(options.page, request);
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  return WritePages(invocation, options.page, (*daemon)->ScanPages(request),
                    invocation.Rows("entries", EntryColumns()),
                    [](const v1::ScanResponse& page, RowWriter& writer) {
                      for (const v1::Entry& entry : page.entries()) writer.Add(EntryRow(entry));
                      return page.entries().size();
                    });
}

void AddGetState(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<StateOptions>();
  CLI::App* app = tree.Add(group, "get", "Print the value of an entry, or a table of several.",
                           {"shardctl state get --namespace debian bash Version",
                            "shardctl state get --namespace debian bash Version Section -o json"},
                           [options](Invocation& invocation) { return Get(invocation, *options); });
  AddRef(app, *options);
  app->add_option("KEY", options->keys, "Keys of entries, 1 to 256.")->required()->expected(-1);
  AddHexKeys(app, *options);
}

void AddPut(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<StateOptions>();
  options->keys.resize(1);
  CLI::App* app =
      tree.Add(group, "put", "Write an entry.",
               {"shardctl state put --namespace shop cart-17 color blue --create-account"},
               [options](Invocation& invocation) { return Put(invocation, *options); });
  AddRef(app, *options);
  app->add_option("KEY", options->keys.front(), "The entry's key.")->required();
  app->add_option("VALUE", options->value, "The value; - reads it from standard input.")
      ->required();
  app->add_flag("--create-account", options->create_account,
                "Create the account if it does not exist.");
  AddHexKeys(app, *options);
  AddRequestId(app, &options->request_id);
}

void AddDeleteState(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<StateOptions>();
  CLI::App* app =
      tree.Add(group, "delete", "Delete entries, all at once.",
               {"shardctl state delete --namespace shop cart-17 color size",
                "shardctl state delete --namespace shop cart-17 --prefix item/"},
               [options](Invocation& invocation) { return Delete(invocation, *options); });
  AddRef(app, *options);
  app->add_option("KEY", options->keys, "Keys of entries; absent ones are no error.");
  app->add_option("--prefix", options->prefix, "Delete all entries whose key begins so.")
      ->type_name("PREFIX");
  app->add_flag("--all", options->all, "Delete all entries of the account.");
  AddHexKeys(app, *options);
  AddRequestId(app, &options->request_id);
}

void AddScan(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<ScanOptions>();
  CLI::App* app =
      tree.Add(group, "scan", "List entries in key order.",
               {"shardctl state scan --namespace debian bash",
                "shardctl state scan --namespace shop cart-17 --prefix item/ --reverse --limit 10"},
               [options](Invocation& invocation) { return Scan(invocation, *options); });
  AddRef(app, options->state);
  app->add_option("--prefix", options->state.prefix, "Only keys that begin so.")
      ->type_name("PREFIX");
  app->add_option("--start", options->start, "Only keys at or after this one.")->type_name("KEY");
  app->add_option("--end", options->end, "Only keys before this one.")->type_name("KEY");
  app->add_flag("--reverse", options->reverse, "Last key first.");
  app->add_flag("--keys-only", options->keys_only, "Leave the values out.");
  AddHexKeys(app, options->state);
  AddPageOptions(app, &options->page);
}

void AddApply(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<StateOptions>();
  auto arguments = std::make_shared<ApplyArguments>();
  CLI::App* app = tree.Add(
      group, "apply",
      "Make one atomic write: all conditions hold and all changes are made in the order given, or "
      "nothing is.",
      {"shardctl state apply --namespace shop cart-17 --if-value state=open --put state=paid "
       "--add orders=1",
       "shardctl state apply --namespace shop cart-17 --create-account --append log=hello"},
      [options, arguments](Invocation& invocation) -> absl::StatusOr<ExitCode> {
        auto request = arguments->Read();
        if (!request.ok()) return request.status();
        SetRef(*options, *request);
        request->set_request_id(options->request_id);
        request->set_create_account(options->create_account);
        return Apply(invocation, *std::move(request));
      });
  AddRef(app, *options);
  arguments->AddTo(app);
  app->add_flag("--create-account", options->create_account,
                "Create the account if it does not exist.");
  AddRequestId(app, &options->request_id);
}

}  // namespace

void AddStateCommands(CommandTree& tree) {
  CLI::App* group =
      tree.Group("state", "The entries of an account: get, put, delete, scan, apply.");
  AddGetState(tree, group);
  AddPut(tree, group);
  AddDeleteState(tree, group);
  AddScan(tree, group);
  AddApply(tree, group);
}

}  // namespace shardd::shardctl
