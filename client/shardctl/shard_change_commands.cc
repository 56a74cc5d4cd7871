#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/shardctl/await_operation.h"
#include "client/shardctl/shard_commands.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

// The options of split, merge and move-home.
struct ChangeOptions {
  std::string id;
  std::string other;
  std::string at;
  std::string at_account;
  GuardOptions guard;
  bool wait = false;
};

constexpr size_t kKeyDigits = 32;

std::string CheckKey(const std::string& text) {
  const bool digits = text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (digits && !text.empty() && text.size() <= kKeyDigits) return "";
  return absl::StrCat("\"", text, "\" is not 1 to 32 hexadecimal digits");
}

std::string CheckAccount(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash != std::string::npos && slash + 1 < text.size()) return "";
  return absl::StrCat("\"", text,
                      "\" is not NAMESPACE/ID; write /ID for an account without a namespace");
}

absl::Status SetPlace(const ChangeOptions& options, v1::SplitShardRequest& request) {
  if (!options.at.empty()) {
    const auto key = FromHex(options.at + std::string(kKeyDigits - options.at.size(), '0'));
    if (!key.ok()) return key.status();
    request.set_routing_key(*key);
  } else if (!options.at_account.empty()) {
    const size_t slash = options.at_account.find('/');
    request.mutable_account()->set_namespace_(options.at_account.substr(0, slash));
    request.mutable_account()->set_id(options.at_account.substr(slash + 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Split(Invocation& invocation, const ChangeOptions& options) {
  auto request = RequestOn<v1::SplitShardRequest>(options.id, options.guard);
  if (absl::Status status = SetPlace(options, request); !status.ok()) return status;
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->SplitShard(request);
  if (!response.ok()) return response.status();
  return ShowBegun(invocation, response->operation(), options.wait);
}

absl::StatusOr<ExitCode> Merge(Invocation& invocation, const ChangeOptions& options) {
  auto request = RequestOn<v1::MergeShardsRequest>(options.id, options.guard);
  request.set_other_id(options.other);
  if (!options.guard.dry_run) {
    const absl::Status agreed =
        invocation.Confirm(absl::StrCat("Merge shard ", options.other, " into ", options.id, "?"));
    if (!agreed.ok()) return agreed;
  }
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->MergeShards(request);
  if (!response.ok()) return response.status();
  return ShowBegun(invocation, response->operation(), options.wait);
}

absl::StatusOr<ExitCode> MoveHome(Invocation& invocation, const ChangeOptions& options) {
  auto request = RequestOn<v1::MoveShardHomeRequest>(options.id, options.guard);
  request.set_home(options.other);
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->MoveShardHome(request);
  if (!response.ok()) return response.status();
  return ShowBegun(invocation, response->operation(), options.wait);
}

void AddChangeOptions(CLI::App* app, ChangeOptions& options) {
  AddGuard(app, &options.guard);
  app->add_flag("--wait", options.wait, "Wait until it has ended, and fail as it did.");
}

}  // namespace

void AddShardChangeCommands(CommandTree& tree, CLI::App* group) {
  auto split = std::make_shared<ChangeOptions>();
  CLI::App* app = tree.Add(
      group, "split", "Split a shard in two, at a key or where the daemon finds it best.",
      {"shardctl shard split s-0001 --wait", "shardctl shard split s-0001 --at 8000 --dry-run",
       "shardctl shard split s-0001 --at-account debian/bash --wait --yes"},
      [split](Invocation& invocation) { return Split(invocation, *split); });
  AddShardId(app, &split->id);
  CLI::Option* at =
      app->add_option("--at", split->at,
                      "The first routing key of the new shard: up to 32 hexadecimal "
                      "digits, the rest zeros.")
          ->type_name("KEY")
          ->check(CLI::Validator([](std::string& text) { return CheckKey(text); }, ""));
  app->add_option("--at-account", split->at_account,
                  "The first account of the new shard; it need not exist.")
      ->type_name("NAMESPACE/ID")
      ->check(CLI::Validator([](std::string& text) { return CheckAccount(text); }, ""))
      ->excludes(at);
  AddChangeOptions(app, *split);

  auto merge = std::make_shared<ChangeOptions>();
  app = tree.Add(group, "merge", "Merge a shard's neighbour into it. Asks first.",
                 {"shardctl shard merge s-0001 s-0002 --wait --yes",
                  "shardctl shard merge s-0001 s-0002 --dry-run"},
                 [merge](Invocation& invocation) { return Merge(invocation, *merge); });
  AddShardId(app, &merge->id);
  app->add_option("OTHER", merge->other, "The neighbour, which is no more afterwards: s-NNNN.")
      ->required();
  AddChangeOptions(app, *merge);

  auto move = std::make_shared<ChangeOptions>();
  app =
      tree.Add(group, "move-home", "Move a shard's bytes to another home while it is in use.",
               {"shardctl shard move-home s-0001 --wait", "shardctl shard move-home s-0001 h0002"},
               [move](Invocation& invocation) { return MoveHome(invocation, *move); });
  AddShardId(app, &move->id);
  app->add_option("HOME", move->other,
                  "The home of another shard: hNNNN (default a new one of its own).");
  AddChangeOptions(app, *move);
}

}  // namespace shardd::shardctl
