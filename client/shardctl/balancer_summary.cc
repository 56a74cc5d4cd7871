#include "client/shardctl/balancer_summary.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/shardctl/present.h"
#include "client/shardctl/present_balancing.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

constexpr size_t kHotAccountsShown = 3;

bool IsBalancers(const v1::GetLoadResponse& load, const std::string& operation) {
  return std::any_of(
      load.running().begin(), load.running().end(),
      [&](const v1::BalancingChange& change) { return change.operation_id() == operation; });
}

bool Carries(v1::OperationKind operation, v1::BalancingDecisionKind decision) {
  switch (operation) {
    case v1::OPERATION_KIND_SPLIT:
      return decision == v1::BALANCING_DECISION_KIND_SPLIT ||
             decision == v1::BALANCING_DECISION_KIND_ISOLATE_ACCOUNT;
    case v1::OPERATION_KIND_MERGE:
      return decision == v1::BALANCING_DECISION_KIND_MERGE;
    case v1::OPERATION_KIND_REHOME:
      return decision == v1::BALANCING_DECISION_KIND_MOVE_HOME;
    default:
      return false;
  }
}

// The operation that carried out the last change: the first of its kind on its shard after the
// decision. nullptr if it is not among the newest.
const v1::Operation* OperationOfLastChange(const BalancerSummary& summary) {
  const v1::BalancingDecision& last = summary.load.last_change();
  const v1::Operation* found = nullptr;
  for (const v1::Operation& operation : summary.operations) {
    if (FromProto(operation.create_time()) < FromProto(last.time())) break;
    if (!Carries(operation.kind(), last.kind())) continue;
    if (operation.shard_change().shard_id() == last.shard_id()) found = &operation;
  }
  return found;
}

// "split s-0031 -> s-0065"; `operation` may be null.
std::string DescribeChange(const v1::BalancingDecision& change, const v1::Operation* operation) {
  std::string words = absl::StrCat(DecisionWord(change.kind()), " ", change.shard_id());
  if (change.has_hot_account() && change.kind() == v1::BALANCING_DECISION_KIND_ISOLATE_ACCOUNT) {
    words = absl::StrCat("isolate ", AccountName(change.hot_account().account()), " of ",
                         change.shard_id());
  }
  if (!change.partner_id().empty()) absl::StrAppend(&words, " with ", change.partner_id());
  if (operation == nullptr) return words;
  const v1::ShardChange& made = operation->shard_change();
  if (operation->kind() == v1::OPERATION_KIND_SPLIT && !made.other_shard_id().empty()) {
    absl::StrAppend(&words, " -> ", made.other_shard_id());
  } else if (operation->kind() == v1::OPERATION_KIND_REHOME) {
    absl::StrAppend(&words, " -> ", made.to_home());
  }
  return words;
}

// What became of it.
std::string DescribeEnd(const v1::Operation& operation) {
  if (!HasEnded(operation)) return absl::StrCat(operation.id(), " is under way");
  if (operation.state() != v1::OPERATION_STATE_SUCCEEDED) {
    return absl::StrCat(operation.id(), " ",
                        EnumWord(v1::OperationState_Name(operation.state()), "OPERATION_STATE_"));
  }
  if (!operation.shard_change().has_pause()) return "";
  return absl::StrCat("writes ", PauseText(operation.shard_change().pause()));
}

std::string DescribeLast(const BalancerSummary& summary, absl::Time now) {
  const v1::BalancingDecision& last = summary.load.last_change();
  const v1::Operation* const operation = OperationOfLastChange(summary);
  const absl::Duration ago = std::max(now - FromProto(last.time()), absl::ZeroDuration());
  const std::string end = operation == nullptr ? "" : DescribeEnd(*operation);
  return absl::StrCat("last: ", DescribeChange(last, operation), ", ", HumanDuration(ago), " ago",
                      end.empty() ? "" : ", ", end);
}

std::string DescribeMode(const v1::GetLoadResponse& load) {
  const std::string state = BalancerState(load);
  if (state == "off") return "off (balancing.enabled)";
  if (state == "manual") return "policy manual: changes are left to the operator";
  const std::string until = TimeCell(true, load.paused_until()).text;
  return absl::StrCat(state == "paused" ? absl::StrCat("paused until ", until) : "auto",
                      ", policy ", load.policy());
}

struct HotAccountRate {
  const v1::ShardLoad* shard = nullptr;
  double operations_per_second = 0;
};

std::vector<HotAccountRate> HotAccountsOf(const v1::GetLoadResponse& load) {
  std::vector<HotAccountRate> hot;
  for (const v1::ShardLoad& shard : load.shards()) {
    if (!shard.has_hot_account()) continue;
    hot.push_back(
        {&shard, shard.hot_account().share() * shard.inputs().rate().operations_per_second()});
  }
  std::stable_sort(hot.begin(), hot.end(), [](const HotAccountRate& a, const HotAccountRate& b) {
    return a.operations_per_second > b.operations_per_second;
  });
  return hot;
}

}  // namespace

std::optional<BalancerSummary> LookAtBalancer(client::Client& daemon, int operations_max) {
  BalancerSummary summary;
  auto load = daemon.GetLoad(v1::GetLoadRequest());
  if (!load.ok()) return std::nullopt;
  summary.load = *std::move(load);
  v1::ListOperationsRequest request;
  request.set_page_size(operations_max);
  const auto page = daemon.ListOperations(request);
  if (!page.ok()) return std::nullopt;
  summary.operations.assign(page->operations().begin(), page->operations().end());
  return summary;
}

std::string BalancerLine(const BalancerSummary& summary, absl::Time now) {
  const v1::GetLoadResponse& load = summary.load;
  std::string line = DescribeMode(load);
  if (!load.has_time()) return absl::StrCat(line, "   has not looked yet");
  if (load.load_max_over_mean() > 0) {
    absl::StrAppend(&line, absl::StrFormat("   load max/mean %.2f", load.load_max_over_mean()));
  }
  if (load.has_last_change()) absl::StrAppend(&line, "   ", DescribeLast(summary, now));
  if (load.changes_failed() > 0) {
    absl::StrAppend(&line, "   ", Thousands(load.changes_failed()), " failed");
  }
  return Printable(line);
}

Json BalancerJson(const BalancerSummary& summary) {
  const v1::GetLoadResponse& load = summary.load;
  Json json = Json::object();
  json["state"] = BalancerState(load);
  json["policy"] = load.policy();
  json["paused_until"] = TimeCell(load.has_paused_until(), load.paused_until()).json;
  json["last_check"] = TimeCell(load.has_time(), load.time()).json;
  json["next_check"] = TimeCell(load.has_next_time(), load.next_time()).json;
  json["load_max_over_mean"] = load.load_max_over_mean();
  json["running"] = BalancerRunningJson(load);
  json["changes_done"] = JsonNumber(load.changes_done());
  json["changes_failed"] = JsonNumber(load.changes_failed());
  json["last_change"] = nullptr;
  if (!load.has_last_change()) return json;
  const v1::BalancingDecision& last = load.last_change();
  Json& change = json["last_change"] = Json::object();
  change["time"] = TimeCell(last.has_time(), last.time()).json;
  change["shard"] = last.shard_id();
  change["kind"] = DecisionWord(last.kind());
  change["reason"] = DecisionWord(last.reason());
  change["operation"] = nullptr;
  change["pause_seconds"] = nullptr;
  const v1::Operation* const operation = OperationOfLastChange(summary);
  if (operation == nullptr) return json;
  change["operation"] = operation->id();
  if (operation->shard_change().has_pause()) {
    change["pause_seconds"] = absl::ToDoubleSeconds(FromProto(operation->shard_change().pause()));
  }
  return json;
}

std::vector<v1::Operation> RunningOf(const std::vector<v1::Operation>& operations) {
  std::vector<v1::Operation> running;
  std::remove_copy_if(operations.begin(), operations.end(), std::back_inserter(running), HasEnded);
  return running;
}

std::string ProgressLine(const v1::Operation& operation, const v1::GetLoadResponse& load) {
  std::string line =
      absl::StrCat(operation.id(), " ", KindWord(operation.kind()), " ", operation.target());
  // A compaction cannot say how far it is.
  if (operation.kind() != v1::OPERATION_KIND_COMPACT) {
    absl::StrAppend(&line, ": ", Thousands(operation.steps_done()), " steps");
  }
  if (IsBalancers(load, operation.id())) line += ", by the balancer";
  return Printable(line);
}

Json RunningJson(const BalancerSummary& summary) {
  Json json = Json::array();
  for (const v1::Operation& operation : RunningOf(summary.operations)) {
    json.push_back({{"id", operation.id()},
                    {"kind", KindWord(operation.kind())},
                    {"target", operation.target()},
                    {"steps_done", JsonNumber(operation.steps_done())},
                    {"status", operation.status_message()},
                    {"by_balancer", IsBalancers(summary.load, operation.id())}});
  }
  return json;
}

std::string HotAccountsLine(const v1::GetLoadResponse& load) {
  const std::vector<HotAccountRate> hot = HotAccountsOf(load);
  std::string line;
  for (size_t i = 0; i < std::min(hot.size(), kHotAccountsShown); ++i) {
    const v1::HotAccount& account = hot[i].shard->hot_account();
    absl::StrAppend(&line, i == 0 ? "" : " · ", AccountName(account.account()), " ",
                    Thousands(static_cast<uint64_t>(hot[i].operations_per_second + 0.5)),
                    absl::StrFormat("/s (%.0f%% of ", account.share() * 100),
                    hot[i].shard->route().shard_id(), ")");
  }
  if (hot.size() > kHotAccountsShown) {
    absl::StrAppend(&line, " · ", hot.size() - kHotAccountsShown, " more");
  }
  return line.empty() ? "none" : Printable(line);
}

Json HotAccountsJson(const v1::GetLoadResponse& load) {
  Json json = Json::array();
  for (const HotAccountRate& hot : HotAccountsOf(load)) {
    const v1::HotAccount& account = hot.shard->hot_account();
    json.push_back({{"namespace", account.account().namespace_()},
                    {"id", account.account().id()},
                    {"shard", hot.shard->route().shard_id()},
                    {"share", account.share()},
                    {"operations_per_second", hot.operations_per_second}});
  }
  return json;
}

}  // namespace shardd::shardctl
