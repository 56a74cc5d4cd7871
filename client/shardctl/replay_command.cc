#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/shardctl/command.h"
#include "client/shardctl/policy_arguments.h"
#include "client/shardctl/present_balancing.h"
#include "client/shardctl/read_input.h"
#include "client/shardctl/text.h"
#include "server/load_balancing_service/balancing_fields.h"
#include "server/load_balancing_service/load_trace.h"
#include "server/load_balancing_service/replay.h"

namespace shardd::shardctl {
namespace {

// A trace that a daemon keeps is far smaller; this bounds what is read of a wrong file.
constexpr size_t kTraceFileBytesMax = size_t{1} << 30;

struct ReplayArguments {
  std::string file;
  std::vector<std::string> set;
  bool ignore_pauses = false;
};

absl::StatusOr<LoadTrace> ReadTrace(Invocation& invocation, const std::string& name) {
  absl::StatusOr<std::string> bytes;
  if (name == "-") {
    bytes = ReadAll(invocation.terminal.in, "standard input", kTraceFileBytesMax);
  } else {
    std::ifstream file(name, std::ios::binary);
    if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", name));
    bytes = ReadAll(file, name, kTraceFileBytesMax);
  }
  if (!bytes.ok()) return bytes.status();
  auto trace = LoadTrace::Decode(*bytes);
  if (!trace.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", trace.status().message()));
  }
  return trace;
}

// The first record's configuration with what was given on the command line.
absl::StatusOr<std::optional<BalancingConfig>> ConfigFor(const LoadTrace& trace,
                                                         const std::vector<std::string>& words) {
  const auto policy = PolicyFrom(words);
  if (!policy.ok()) return policy.status();
  if (words.empty() || trace.records.empty()) return std::optional<BalancingConfig>();
  BalancingConfig config = trace.records.front().snapshot.config;
  for (const auto& [key, value] : FieldsOf(*policy)) {
    const absl::Status set = SetBalancingField(key, value, config);
    if (!set.ok()) return absl::InvalidArgumentError(set.message());
  }
  const absl::Status valid = Validate(config);
  if (!valid.ok()) return absl::InvalidArgumentError(valid.message());
  return std::optional<BalancingConfig>(config);
}

absl::StatusOr<ExitCode> RunReplay(Invocation& invocation, const ReplayArguments& arguments) {
  const auto trace = ReadTrace(invocation, arguments.file);
  if (!trace.ok()) return trace.status();
  auto config = ConfigFor(*trace, arguments.set);
  if (!config.ok()) return config.status();
  const auto steps =
      Replay(*trace, {.config = *std::move(config), .ignore_pauses = arguments.ignore_pauses});
  if (!steps.ok()) return absl::InvalidArgumentError(steps.status().message());
  RowWriter writer = invocation.Rows("replay", ReplayColumns(), 1);
  size_t would = 0;
  size_t did = 0;
  for (const ReplayStep& step : *steps) {
    did += step.did.size();
    for (const Decision& decision : step.would_do) {
      ++would;
      writer.Add(ReplayRow(
          decision, std::find(step.did.begin(), step.did.end(), decision) != step.did.end()));
    }
  }
  Json more = Json::object();
  more["rounds"] = steps->size();
  if (!steps->empty()) {
    more["first_round"] = Rfc3339(steps->front().time);
    more["last_round"] = Rfc3339(steps->back().time);
  }
  more["would_change"] = would;
  more["did_change"] = did;
  more["cut_short"] = trace->cut_short;
  writer.Finish(more);
  invocation.Note(absl::StrCat(steps->size(), " rounds: the planner would have made ", would,
                               " changes; the daemon made ", did, "."));
  if (trace->cut_short) invocation.Note("The last round is incomplete and was left out.");
  return kOk;
}

}  // namespace

void AddReplayCommand(CommandTree& tree, CLI::App* group) {
  auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* app =
      tree.Add(group, "replay",
               "Show what the planner would have done with a recorded load. Needs no daemon.",
               {"shardctl balancer replay load.trace",
                "shardctl balancer replay load.trace --set cool_down=2m"},
               [arguments](Invocation& invocation) { return RunReplay(invocation, *arguments); });
  app->add_option("FILE", arguments->file, "What `balancer trace` wrote; - is standard input.")
      ->required();
  app->add_option("--set", arguments->set, "Plan by another policy: see policy set.")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  app->add_flag("--ignore-pauses", arguments->ignore_pauses, "Plan as if it was never paused.");
}

}  // namespace shardd::shardctl
