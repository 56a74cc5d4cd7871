#include <algorithm>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/shardctl/command.h"
#include "client/shardctl/live_list.h"
#include "client/shardctl/live_screen.h"
#include "client/shardctl/policy_arguments.h"
#include "client/shardctl/present.h"
#include "client/shardctl/present_balancing.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

struct PlanOptions {
  std::vector<std::string> set;
  bool ignore_pause = false;
  bool all = false;
};

struct DecisionOptions {
  LiveListOptions list;
  std::string shard;
  bool acting = false;
};

absl::StatusOr<ExitCode> ShowStatus(Invocation& invocation) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  const auto load = (*daemon)->GetLoad(v1::GetLoadRequest());
  if (!load.ok()) return load.status();
  PrintObject(invocation.terminal.out, invocation.rows_options(), "balancer", BalancerColumns(),
              BalancerRow(*load));
  return kOk;
}

absl::Status DrawLoad(Invocation& invocation, client::Client& daemon, std::ostream& out) {
  const auto load = daemon.GetLoad(v1::GetLoadRequest());
  if (!load.ok()) return load.status();
  RowWriter writer(out, invocation.rows_options(), "shard_loads", ShardLoadColumns());
  for (const v1::ShardLoad& shard : load->shards()) writer.Add(ShardLoadRow(shard));
  Json more = Json::object();
  more["epoch"] = JsonNumber(load->epoch());
  more["load_max_over_mean"] = load->load_max_over_mean();
  writer.Finish(more);
  if (load->shards().empty()) invocation.Note("The balancer has not looked yet.");
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> ShowLoad(Invocation& invocation, const LiveOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  return ShowLive(invocation, options, {.draw = [&](const TerminalSize&, std::ostream& out) {
                    return DrawLoad(invocation, **daemon, out);
                  }});
}

Json RowsJson(const std::vector<Column>& columns, const std::vector<Row>& rows) {
  Json items = Json::array();
  for (const Row& row : rows) items.push_back(RowJson(columns, row));
  return items;
}

void PrintRows(Invocation& invocation, const std::string& kind, const std::vector<Column>& columns,
               const std::vector<Row>& rows) {
  if (rows.empty()) return;
  invocation.terminal.out << "\n";
  RowWriter writer = invocation.Rows(kind, columns);
  for (const Row& row : rows) writer.Add(row);
  writer.Finish();
}

absl::StatusOr<ExitCode> Explain(Invocation& invocation, const std::string& shard) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::ExplainShardRequest request;
  request.set_shard_id(shard);
  const auto response = (*daemon)->ExplainShard(request);
  if (!response.ok()) return response.status();
  // Of a shard that is no more, the newest decision stands for the last check.
  const bool gone = !response->has_now() && response->history_size() > 0;
  const v1::BalancingDecision& shown = gone ? response->history(0) : response->now();
  std::vector<Row> candidates;
  for (const auto& candidate : shown.candidates()) candidates.push_back(CandidateRow(candidate));
  std::vector<Row> history;
  for (const auto& decision : response->history()) history.push_back(DecisionRow(decision));
  Row row = DecisionRow(shown);
  row.more["history"] = RowsJson(DecisionColumns(), history);
  PrintObject(invocation.terminal.out, invocation.rows_options(), "explanation", DecisionColumns(),
              row, 1);
  if (invocation.machine_readable()) return kOk;
  PrintRows(invocation, "candidates", CandidateColumns(), candidates);
  PrintRows(invocation, "decisions", DecisionColumns(), history);
  if (!response->has_now()) invocation.Note("It was not there in the last check.");
  return kOk;
}

absl::StatusOr<ExitCode> Plan(Invocation& invocation, const PlanOptions& options) {
  const auto policy = PolicyFrom(options.set);
  if (!policy.ok()) return policy.status();
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::PlanRequest request;
  *request.mutable_policy() = *policy;
  request.set_ignore_pause(options.ignore_pause);
  const auto plan = (*daemon)->Plan(request);
  if (!plan.ok()) return plan.status();
  RowWriter writer = invocation.Rows("decisions", DecisionColumns(), 1);
  int acting = 0;
  for (const v1::BalancingDecision& decision : plan->decisions()) {
    const bool acts = decision.kind() > v1::BALANCING_DECISION_KIND_NOTHING;
    acting += acts ? 1 : 0;
    if (acts || options.all) writer.Add(DecisionRow(decision));
  }
  writer.Finish();
  if (!plan->has_time()) {
    invocation.Note("The balancer has not looked yet.");
  } else {
    invocation.Note(absl::StrCat(acting, " of ", plan->decisions_size(),
                                 " shards would be changed; nothing was. The reasons: --all"));
  }
  return kOk;
}

absl::StatusOr<ExitCode> ListDecisions(Invocation& invocation, const DecisionOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::ListDecisionsRequest request;
  SetPage(options.list.page, request);
  request.set_shard_id(options.shard);
  request.set_acting_only(options.acting);
  return ShowPages(
      invocation, options.list, {"decisions", DecisionColumns(), /*name_column=*/1},
      [&] { return (*daemon)->DecisionPages(request); },
      [](const v1::ListDecisionsResponse& page, RowWriter& writer) {
        for (const auto& decision : page.decisions()) writer.Add(DecisionRow(decision));
        return page.decisions().size();
      });
}

absl::StatusOr<ExitCode> Pause(Invocation& invocation, absl::Duration duration) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::PauseBalancingRequest request;
  if (duration != absl::ZeroDuration()) {
    request.mutable_duration()->set_seconds(
        absl::IDivDuration(duration, absl::Seconds(1), &duration));
    request.mutable_duration()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  }
  const auto response = (*daemon)->PauseBalancing(request);
  if (!response.ok()) return response.status();
  Row row;
  row.Add(TimeCell(true, response->paused_until()));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "pause", {{"paused_until"}}, row);
  invocation.Note("Changes that are under way go on.");
  return kOk;
}

absl::StatusOr<ExitCode> Resume(Invocation& invocation) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  const auto response = (*daemon)->ResumeBalancing(v1::ResumeBalancingRequest());
  if (!response.ok()) return response.status();
  Row row;
  row.Add(BoolCell(response->enabled()));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "balancer", {{"enabled"}}, row);
  if (!response->enabled()) {
    invocation.Note("The daemon's configuration switches balancing off: balancing.enabled.");
  }
  return kOk;
}

void PrintPolicy(Invocation& invocation, const v1::BalancingPolicy& policy) {
  RowWriter writer = invocation.Rows("policy", {{"key"}, {"value"}});
  for (const auto& [key, value] : FieldsOf(policy)) {
    Row row;
    row.Add(TextCell(key));
    row.Add(TextCell(value));
    writer.Add(row);
  }
  writer.Finish();
}

absl::StatusOr<ExitCode> GetPolicy(Invocation& invocation) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  const auto response = (*daemon)->GetPolicy(v1::GetPolicyRequest());
  if (!response.ok()) return response.status();
  PrintPolicy(invocation, response->policy());
  if (response->has_set_time()) {
    invocation.Note(absl::StrCat("Set at run time, at ", TimeCell(true, response->set_time()).text,
                                 ". Back to the configuration: shardctl balancer policy reset"));
  }
  return kOk;
}

absl::StatusOr<ExitCode> SendPolicy(Invocation& invocation, const v1::SetPolicyRequest& request) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  const auto response = (*daemon)->SetPolicy(request);
  if (!response.ok()) return response.status();
  PrintPolicy(invocation, response->policy());
  return kOk;
}

absl::StatusOr<ExitCode> SetPolicy(Invocation& invocation, const std::vector<std::string>& words) {
  const auto policy = PolicyFrom(words);
  if (!policy.ok()) return policy.status();
  v1::SetPolicyRequest request;
  *request.mutable_policy() = *policy;
  return SendPolicy(invocation, request);
}

absl::StatusOr<ExitCode> ResetPolicy(Invocation& invocation) {
  v1::SetPolicyRequest request;
  request.set_reset(true);
  return SendPolicy(invocation, request);
}

absl::StatusOr<ExitCode> SaveTrace(Invocation& invocation) {
  if (invocation.terminal.out_is_tty) {
    return absl::InvalidArgumentError("a trace is no text; send it to a file: > FILE");
  }
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto stream = (*daemon)->StreamLoadTrace(v1::StreamLoadTraceRequest());
  const Interrupt::Scope scope(invocation.interrupt, [&stream] { stream.Cancel(); });
  uint64_t bytes = 0;
  for (;;) {
    const auto next = stream.Next();
    if (!next.ok() && invocation.interrupt.requested()) return kInterrupted;
    if (!next.ok()) return next.status();
    if (!next->has_value()) break;
    bytes += (*next)->data().size();
    invocation.terminal.out << (*next)->data();
    if (!invocation.terminal.out) return absl::DataLossError("the output could not be written");
  }
  invocation.Note(absl::StrCat("Wrote ", HumanBytes(bytes), ". What the planner makes of it: ",
                               "shardctl balancer replay FILE"));
  return kOk;
}

void AddPolicyCommands(CommandTree& tree, CLI::App* balancer) {
  CLI::App* group = balancer->add_subcommand("policy", "What the balancer goes by.");
  group->require_subcommand(1);
  group->fallthrough();
  tree.Add(group, "get", "Show the policy in force.", {"shardctl balancer policy get"}, GetPolicy);
  auto words = std::make_shared<std::vector<std::string>>();
  tree.Add(group, "set",
           "Change some of the policy, from the next check on and also after a restart.",
           {"shardctl balancer policy set policy=size shard_bytes_max=10000000000",
            "shardctl balancer policy set cool_down=1m changes_max=1"},
           [words](Invocation& invocation) { return SetPolicy(invocation, *words); })
      ->add_option("KEY=VALUE", *words, "What to change; the keys are those that get prints.")
      ->required();
  tree.Add(group, "reset", "Go back to what the daemon is configured with.",
           {"shardctl balancer policy reset"}, ResetPolicy);
}

void AddLookingCommands(CommandTree& tree, CLI::App* group) {
  tree.Add(group, "status", "Show whether the balancer is active, and what it did last.",
           {"shardctl balancer status"}, ShowStatus);
  auto live = std::make_shared<LiveOptions>();
  AddWatchOptions(tree.Add(group, "load", "Show the load of each shard, and what is done about it.",
                           {"shardctl balancer load -o wide", "shardctl balancer load --watch"},
                           [live](Invocation& invocation) { return ShowLoad(invocation, *live); }),
                  live.get());
  auto shard = std::make_shared<std::string>();
  tree.Add(group, "explain", "Show why a shard was, or was not, split, merged or moved.",
           {"shardctl balancer explain s-0003"},
           [shard](Invocation& invocation) { return Explain(invocation, *shard); })
      ->add_option("SHARD", *shard, "The shard's id: s-NNNN.")
      ->required();

  auto decisions = std::make_shared<DecisionOptions>();
  CLI::App* app = tree.Add(
      group, "decisions", "List what was decided, newest first; the same in a row is one line.",
      {"shardctl balancer decisions --acting", "shardctl balancer decisions --shard s-0003 --all",
       "shardctl balancer decisions --acting --watch"},
      [decisions](Invocation& invocation) { return ListDecisions(invocation, *decisions); });
  AddLiveListOptions(app, &decisions->list);
  app->add_option("--shard", decisions->shard, "Only those about this shard.")->type_name("SHARD");
  app->add_flag("--acting", decisions->acting, "Only those that changed something.");
}

void AddPlan(CommandTree& tree, CLI::App* group) {
  auto plan = std::make_shared<PlanOptions>();
  CLI::App* app =
      tree.Add(group, "plan", "Show what the balancer would do now; changes nothing.",
               {"shardctl balancer plan", "shardctl balancer plan --set imbalance_max=1.2 --all"},
               [plan](Invocation& invocation) { return Plan(invocation, *plan); });
  app->add_option("--set", plan->set, "Plan by another policy: see policy set.")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  app->add_flag("--ignore-pause", plan->ignore_pause, "Plan as if it was not paused.");
  app->add_flag("--all", plan->all, "Show the shards that would be left alone, too, and why.");
}

}  // namespace

void AddBalancerCommands(CommandTree& tree) {
  CLI::App* group =
      tree.Group("balancer", "Balancing: load, decisions, plans, pause, policy, traces.");
  AddLookingCommands(tree, group);
  AddPlan(tree, group);

  auto duration = std::make_shared<absl::Duration>(absl::ZeroDuration());
  AddDuration(tree.Add(group, "pause", "Make the balancer change nothing for a while.",
                       {"shardctl balancer pause --for 1h"},
                       [duration](Invocation& invocation) { return Pause(invocation, *duration); }),
              "--for", duration.get(), "For how long, up to a week (default 10m).");
  tree.Add(group, "resume", "End a pause.", {"shardctl balancer resume"}, Resume);
  AddPolicyCommands(tree, group);
  tree.Add(group, "trace",
           "Write what the balancer saw and did in the last rounds to standard output.",
           {"shardctl balancer trace > load.trace"}, SaveTrace);
  AddReplayCommand(tree, group);
}

}  // namespace shardd::shardctl
