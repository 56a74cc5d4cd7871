#include "client/shardctl/present_balancing.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/shardctl/present.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

Cell RatioCell(double value) { return Cell(value, absl::StrFormat("%.2f", value)); }
Cell ShareCell(double share) { return Cell(share, absl::StrFormat("%.0f%%", share * 100)); }
Cell RateCell(double per_second) {
  return Cell(per_second, Thousands(static_cast<uint64_t>(per_second)));
}

bool Acts(v1::BalancingDecisionKind kind) { return kind > v1::BALANCING_DECISION_KIND_NOTHING; }

Cell KindCell(v1::BalancingDecisionKind kind) {
  return TextCell(DecisionWord(kind), Acts(kind) ? Tone::kBold : Tone::kPlain);
}

Cell ReasonCell(v1::BalancingReason reason) {
  const bool needs_help = reason == v1::BALANCING_REASON_SPLIT_WILL_NOT_HELP;
  return TextCell(DecisionWord(reason), needs_help ? Tone::kWarn : Tone::kPlain);
}

// "shop/cart 83%"; null without one.
Cell HotCell(bool is_set, const v1::HotAccount& hot) {
  if (!is_set) return Cell(nullptr, "-");
  Json json = Json::object();
  json["namespace"] = hot.account().namespace_();
  json["id"] = hot.account().id();
  json["share"] = hot.share();
  return Cell(std::move(json), Printable(absl::StrFormat("%s %.0f%%", AccountName(hot.account()),
                                                         hot.share() * 100)));
}

Json InputsJson(const v1::BalancingInputs& inputs) {
  Json json = Json::object();
  json["load"] = inputs.load();
  json["peak"] = inputs.peak();
  json["mean"] = inputs.mean();
  json["threshold"] = inputs.threshold();
  json["signal"] = EnumWord(v1::LoadSignal_Name(inputs.signal()), "LOAD_SIGNAL_");
  json["operations_per_second"] = inputs.rate().operations_per_second();
  json["busy_fraction"] = inputs.rate().busy_fraction();
  json["mailbox_wait"] = absl::ToDoubleSeconds(FromProto(inputs.rate().mailbox_wait()));
  json["bytes_per_second"] = inputs.rate().bytes_per_second();
  json["breaches"] = inputs.breaches();
  json["bytes_stored"] = JsonNumber(inputs.bytes_stored());
  json["measured_since"] = TimeCell(inputs.has_measured_since(), inputs.measured_since()).json;
  json["last_change"] = TimeCell(inputs.has_last_change_time(), inputs.last_change_time()).json;
  return json;
}

Json CandidatesJson(const v1::BalancingDecision& decision) {
  Json candidates = Json::array();
  for (const v1::SplitKeyCandidate& candidate : decision.candidates()) {
    candidates.push_back(RowJson(CandidateColumns(), CandidateRow(candidate)));
  }
  return candidates;
}

}  // namespace

std::string DecisionWord(v1::BalancingDecisionKind kind) {
  return EnumWord(v1::BalancingDecisionKind_Name(kind), "BALANCING_DECISION_KIND_");
}

std::string DecisionWord(v1::BalancingReason reason) {
  return EnumWord(v1::BalancingReason_Name(reason), "BALANCING_REASON_");
}

std::string AccountName(const v1::AccountRef& account) {
  const std::string& name_space = account.namespace_();
  return absl::StrCat(name_space, name_space.empty() ? "" : "/", account.id());
}

std::string BalancerState(const v1::GetLoadResponse& load) {
  if (!load.enabled()) return "off";
  if (load.has_paused_until()) return "paused";
  return load.policy() == "manual" ? "manual" : "active";
}

Json BalancerRunningJson(const v1::GetLoadResponse& load) {
  Json running = Json::array();
  for (const v1::BalancingChange& change : load.running()) {
    Json item = Json::object();
    item["shard"] = change.decision().shard_id();
    item["kind"] = DecisionWord(change.decision().kind());
    item["operation"] = change.operation_id();
    running.push_back(std::move(item));
  }
  return running;
}

std::vector<Column> BalancerColumns() {
  return {{"state"},
          {"policy"},
          {"shards"},
          {"epoch"},
          {"load_max_over_mean"},
          {"paused_until"},
          {"last_check"},
          {"next_check"},
          {"running"},
          {"changes_done"},
          {"changes_failed"},
          {"last_change"},
          {"last_change_time"},
          {"last_failure"}};
}

Row BalancerRow(const v1::GetLoadResponse& load) {
  const std::string state = BalancerState(load);
  const v1::BalancingDecision& last = load.last_change();
  Row row;
  row.Add(TextCell(state, state == "active" ? Tone::kGood : Tone::kWarn));
  row.Add(TextCell(load.policy()));
  row.Add(NumberCell(static_cast<uint64_t>(load.shards_size())));
  row.Add(NumberCell(load.epoch()));
  row.Add(RatioCell(load.load_max_over_mean()));
  row.Add(TimeCell(load.has_paused_until(), load.paused_until()));
  row.Add(TimeCell(load.has_time(), load.time()));
  row.Add(TimeCell(load.has_next_time(), load.next_time()));
  row.Add(Cell(BalancerRunningJson(load), absl::StrCat(load.running_size())));
  row.Add(NumberCell(load.changes_done()));
  row.Add(NumberCell(load.changes_failed()));
  row.Add(load.has_last_change() ? TextCell(absl::StrCat(last.shard_id(), ": ", last.text()))
                                 : Cell(nullptr, "-"));
  row.Add(TimeCell(load.has_last_change(), last.time()));
  row.Add(load.last_failure().empty() ? Cell(nullptr, "-")
                                      : TextCell(load.last_failure(), Tone::kWarn));
  return row;
}

std::vector<Column> ShardLoadColumns() {
  return {{"shard"},
          {"load", false, true},
          {"peak", false, true},
          {"threshold", false, true},
          {"signal"},
          {"operations_per_second", false, true, "OPS/S"},
          {"busy", false, true},
          {"mailbox_wait", false, true, "WAIT"},
          {"bytes_per_second", true, true, "BYTES/S"},
          {"bytes_stored", true, true},
          {"kind", false, false, "DECISION"},
          {"reason"},
          {"hot_account"},
          {"start", true},
          {"end", true},
          {"measured_since", true},
          {"last_change", true}};
}

Row ShardLoadRow(const v1::ShardLoad& load) {
  const v1::BalancingInputs& inputs = load.inputs();
  Row row;
  row.Add(TextCell(load.route().shard_id()));
  row.Add(RatioCell(inputs.load()));
  row.Add(RatioCell(inputs.peak()));
  row.Add(RatioCell(inputs.threshold()));
  row.Add(TextCell(EnumWord(v1::LoadSignal_Name(inputs.signal()), "LOAD_SIGNAL_")));
  row.Add(RateCell(inputs.rate().operations_per_second()));
  row.Add(ShareCell(inputs.rate().busy_fraction()));
  row.Add(DurationCell(FromProto(inputs.rate().mailbox_wait())));
  row.Add(Cell(inputs.rate().bytes_per_second(),
               HumanBytes(static_cast<uint64_t>(inputs.rate().bytes_per_second()))));
  row.Add(BytesCell(inputs.bytes_stored()));
  row.Add(KindCell(load.kind()));
  row.Add(ReasonCell(load.reason()));
  row.Add(HotCell(load.has_hot_account(), load.hot_account()));
  AddRange(load.route(), row);
  row.Add(TimeCell(inputs.has_measured_since(), inputs.measured_since()));
  row.Add(TimeCell(inputs.has_last_change_time(), inputs.last_change_time()));
  return row;
}

void AddLoadColumns(std::vector<Column>& columns) {
  columns.push_back({"operations_per_second", false, true, "ops/s"});
  columns.push_back({"load", false, true});
}

void AddLoadCells(const v1::ShardLoad* load, Row& row) {
  if (load == nullptr || !load->inputs().has_measured_since()) {
    row.Add(Cell(nullptr, "-"));
    row.Add(Cell(nullptr, "-"));
    return;
  }
  const v1::BalancingInputs& inputs = load->inputs();
  row.Add(RateCell(inputs.rate().operations_per_second()));
  Cell cell = RatioCell(inputs.load());
  if (inputs.load() > inputs.threshold()) cell.tone = Tone::kWarn;
  row.Add(std::move(cell));
}

std::vector<Column> DecisionColumns() {
  return {{"time"},
          {"shard"},
          {"kind", false, false, "DECISION"},
          {"reason"},
          {"times", false, true},
          {"text"},
          {"number", true, true},
          {"first_time", true},
          {"epoch", true, true},
          {"policy", true},
          {"wanted", true},
          {"partner", true},
          {"home", true},
          {"hot_account", true}};
}

Row DecisionRow(const v1::BalancingDecision& decision) {
  Row row;
  row.Add(TimeCell(decision.has_time(), decision.time()));
  row.Add(TextCell(decision.shard_id()));
  row.Add(KindCell(decision.kind()));
  row.Add(ReasonCell(decision.reason()));
  row.Add(NumberCell(decision.times()));
  row.Add(TextCell(decision.text()));
  row.Add(NumberCell(decision.number()));
  row.Add(TimeCell(decision.has_first_time(), decision.first_time()));
  row.Add(NumberCell(decision.epoch()));
  row.Add(TextCell(decision.policy()));
  row.Add(TextCell(DecisionWord(decision.wanted())));
  row.Add(TextCell(decision.partner_id()));
  row.Add(TextCell(decision.home()));
  row.Add(HotCell(decision.has_hot_account(), decision.hot_account()));
  Json keys = Json::array();
  for (const std::string& key : decision.split_keys()) keys.push_back(Hex(key));
  row.more["split_keys"] = std::move(keys);
  row.more["score"] = decision.score();
  row.more["inputs"] = InputsJson(decision.inputs());
  row.more["candidates"] = CandidatesJson(decision);
  return row;
}

std::vector<Column> CandidateColumns() {
  return {{"routing_key"},
          {"left", false, true},
          {"imbalance", false, true},
          {"contained", false, true},
          {"requests", false, true},
          {"fault"}};
}

Row CandidateRow(const v1::SplitKeyCandidate& candidate) {
  Row row;
  row.Add(TextCell(Hex(candidate.routing_key())));
  row.Add(ShareCell(candidate.left_share()));
  row.Add(RatioCell(candidate.imbalance()));
  row.Add(ShareCell(candidate.contained()));
  row.Add(NumberCell(candidate.requests()));
  row.Add(candidate.fault().empty() ? Cell(nullptr, "-") : TextCell(candidate.fault()));
  return row;
}

std::vector<Column> ReplayColumns() {
  return {{"time"},
          {"shard"},
          {"kind", false, false, "DECISION"},
          {"reason"},
          {"did"},
          {"text"},
          {"epoch", true, true}};
}

Row ReplayRow(const Decision& decision, bool did) {
  Row row;
  row.Add(TextCell(Rfc3339(decision.time)));
  row.Add(TextCell(ToText(decision.shard)));
  row.Add(TextCell(absl::AsciiStrToLower(ToText(decision.kind)), Tone::kBold));
  row.Add(TextCell(absl::AsciiStrToLower(ToText(decision.reason))));
  row.Add(Cell(did, did ? "yes" : "no", did ? Tone::kPlain : Tone::kWarn));
  row.Add(TextCell(decision.text));
  row.Add(NumberCell(decision.epoch.value));
  return row;
}

}  // namespace shardd::shardctl
