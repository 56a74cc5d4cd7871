#include <algorithm>
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/shardctl/balancer_summary.h"
#include "client/shardctl/balancing_notices.h"
#include "client/shardctl/command.h"
#include "client/shardctl/message_matrix.h"
#include "client/shardctl/present.h"
#include "client/shardctl/present_balancing.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

// Running operations and notices that are shown; of the former, how many of the newest are looked
// at for them.
constexpr size_t kOperationsShown = 5;
constexpr size_t kNoticesShown = 5;
constexpr int kOperationsLooked = 1000;

// All that the screen is made of.
struct StatusFacts {
  v1::StatusResponse status;
  std::optional<BalancerSummary> balancer;
  HeatCounts heat;
  std::vector<BalancingNotice> notices;
  std::optional<v1::GetMessageRatesResponse> messages;
};

std::vector<Column> StatusColumns() {
  return {{"verdict"},
          {"reasons"},
          {"version"},
          {"instance_id"},
          {"start_time"},
          {"uptime_seconds", false, false, "uptime"},
          {"shards"},
          {"epoch"},
          {"accounts"},
          {"entries"},
          {"bytes"},
          {"disk_used_bytes", false, false, "disk_used"},
          {"disk_free_bytes", false, false, "disk_free"},
          {"mailbox"},
          {"requests"},
          {"threads"},
          {"operations_running"},
          {"listen"},
          {"insecure"},
          {"shards_hot"},
          {"shards_cold"},
          {"balancer"},
          {"operations"},
          {"notices"},
          {"messages_per_second"}};
}

std::string VerdictWord(const v1::StatusResponse& status) {
  return EnumWord(v1::Verdict_Name(status.verdict()), "VERDICT_");
}

// Null if the daemon does not say how its balancer is.
void AddBalancing(const StatusFacts& facts, Row& row) {
  if (!facts.balancer.has_value()) {
    for (int i = 0; i < 5; ++i) row.Add(Cell(nullptr, "-"));
    return;
  }
  row.Add(NumberCell(facts.heat.hot));
  row.Add(facts.heat.cold.has_value() ? NumberCell(*facts.heat.cold) : Cell(nullptr, "-"));
  row.Add(Cell(BalancerJson(*facts.balancer), BalancerState(facts.balancer->load)));
  Json running = RunningJson(*facts.balancer);
  const size_t running_count = running.size();
  row.Add(Cell(std::move(running), absl::StrCat(running_count)));
  row.Add(Cell(NoticesJson(facts.notices), absl::StrCat(facts.notices.size())));
}

// Null if the daemon does not say.
void AddMessages(const StatusFacts& facts, Row& row) {
  const Json json = facts.messages.has_value() ? MessageRatesJson(*facts.messages) : Json();
  row.Add(json.is_null() ? Cell(nullptr, "-")
                         : Cell(json["messages_per_second"], json["messages_per_second"].dump()));
  row.more["messages"] = json;
}

Row StatusRow(const StatusFacts& facts) {
  const v1::StatusResponse& status = facts.status;
  Json reasons = Json::array();
  for (const v1::StatusReason& reason : status.reasons()) {
    reasons.push_back({{"message", reason.message()}, {"next_command", reason.next_command()}});
  }
  Row row;
  row.Add(TextCell(VerdictWord(status)));
  row.Add(Cell(std::move(reasons), absl::StrCat(status.reasons_size())));
  row.Add(TextCell(status.version()));
  row.Add(TextCell(status.instance_id()));
  row.Add(TimeCell(status.has_start_time(), status.start_time()));
  row.Add(DurationCell(FromProto(status.uptime())));
  row.Add(NumberCell(status.shard_count()));
  row.Add(NumberCell(status.epoch()));
  row.Add(NumberCell(status.account_count()));
  row.Add(NumberCell(status.entry_count()));
  row.Add(BytesCell(status.byte_count()));
  row.Add(BytesCell(status.disk_used_bytes()));
  row.Add(BytesCell(status.disk_free_bytes()));
  row.Add(NumberCell(status.mailbox_depth()));
  row.Add(NumberCell(status.requests_total()));
  row.Add(NumberCell(status.thread_count()));
  row.Add(NumberCell(status.operations_running()));
  row.Add(TextCell(status.listen()));
  row.Add(BoolCell(status.insecure()));
  AddBalancing(facts, row);
  AddMessages(facts, row);
  return row;
}

Tone VerdictTone(v1::Verdict verdict) {
  if (verdict == v1::VERDICT_HEALTHY) return Tone::kGood;
  if (verdict == v1::VERDICT_UNHEALTHY) return Tone::kBad;
  return Tone::kWarn;
}

// The daemon's clock.
absl::Time NowOf(const v1::StatusResponse& status) {
  return FromProto(status.start_time()) + FromProto(status.uptime());
}

// What runs, one line each.
void PrintRunning(const BalancerSummary& balancer, std::ostream& out) {
  const std::vector<v1::Operation> running = RunningOf(balancer.operations);
  for (size_t i = 0; i < running.size() && i < kOperationsShown; ++i) {
    out << "  " << ProgressLine(running[i], balancer.load);
    if (!running[i].status_message().empty()) out << "  " << Printable(running[i].status_message());
    out << "\n";
  }
  if (running.size() > kOperationsShown) out << "  next: shardctl operation list\n";
}

void PrintBalancer(const StatusFacts& facts, bool color, std::ostream& out) {
  const bool acts = BalancerState(facts.balancer->load) == "active";
  out << "Balancer    "
      << Paint(BalancerLine(*facts.balancer, NowOf(facts.status)),
               acts ? Tone::kPlain : Tone::kWarn, color)
      << "\n";
}

// Something to look at and, if it is known, the command that helps.
void PrintRemark(const std::string& message, const std::string& next, bool color,
                 std::ostream& out) {
  out << Paint(absl::StrCat("! ", Printable(message)), Tone::kWarn, color) << "\n";
  if (!next.empty()) out << "  next: " << Printable(next) << "\n";
}

void PrintRemarks(const StatusFacts& facts, bool color, std::ostream& out) {
  for (const v1::StatusReason& reason : facts.status.reasons()) {
    PrintRemark(reason.message(), reason.next_command(), color, out);
  }
  const size_t shown = std::min(facts.notices.size(), kNoticesShown);
  for (size_t i = 0; i < shown; ++i) {
    PrintRemark(facts.notices[i].message, facts.notices[i].next_command, color, out);
  }
  if (facts.notices.size() > shown) {
    PrintRemark(absl::StrCat(facts.notices.size() - shown, " more shards are hot"),
                "shardctl shard list --sort load", color, out);
  }
}

void PrintShards(const StatusFacts& facts, std::ostream& out) {
  out << "Shards      " << Thousands(facts.status.shard_count());
  if (facts.balancer.has_value()) out << "   hot " << Thousands(facts.heat.hot);
  if (facts.heat.cold.has_value()) out << "   cold " << Thousands(*facts.heat.cold);
  out << "   epoch " << facts.status.epoch() << "\n";
}

// One screen, the verdict first, and at its end what to do.
void PrintScreen(const StatusFacts& facts, bool color, std::ostream& out) {
  const v1::StatusResponse& status = facts.status;
  const std::string verdict = absl::AsciiStrToUpper(VerdictWord(status));
  out << Paint(absl::StrCat("● ", verdict), VerdictTone(status.verdict()), color) << "  shardd "
      << Printable(status.version()) << "  up " << HumanDuration(FromProto(status.uptime())) << "  "
      << Printable(status.listen()) << (status.insecure() ? "  insecure" : "") << "\n";
  PrintShards(facts, out);
  out << "Accounts    " << Thousands(status.account_count()) << "   "
      << Thousands(status.entry_count()) << " entries   " << HumanBytes(status.byte_count())
      << "\n";
  out << "Disk        " << HumanBytes(status.disk_used_bytes()) << " used   "
      << HumanBytes(status.disk_free_bytes()) << " free\n";
  out << "Requests    " << Thousands(status.requests_total()) << " since start   "
      << Thousands(status.mailbox_depth()) << " waiting in mailboxes\n";
  if (facts.messages.has_value()) {
    out << "Messages    " << MessageRateText(facts.messages->messages_per_second())
        << "/s from shard to shard\n";
    for (const std::string& line : MatrixLines(*facts.messages)) {
      out << "            " << line << "\n";
    }
  }
  out << "Threads     " << status.thread_count() << "\n";
  out << "Operations  " << status.operations_running() << " running\n";
  if (facts.balancer.has_value()) {
    PrintRunning(*facts.balancer, out);
    PrintBalancer(facts, color, out);
  }
  PrintRemarks(facts, color, out);
}

absl::StatusOr<ExitCode> Status(Invocation& invocation) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto status = (*daemon)->Status(v1::StatusRequest());
  if (!status.ok()) return status.status();
  StatusFacts facts;
  facts.status = *std::move(status);
  facts.balancer = LookAtBalancer(**daemon, kOperationsLooked);
  if (facts.balancer.has_value()) {
    facts.heat = CountHeat(facts.balancer->load);
    facts.notices = NoticesOf(facts.balancer->load);
  }
  facts.messages = LookAtMessages(**daemon);
  const RowsOptions options = invocation.rows_options();
  if (invocation.machine_readable()) {
    PrintObject(invocation.terminal.out, options, "status", StatusColumns(), StatusRow(facts));
  } else {
    PrintScreen(facts, options.color, invocation.terminal.out);
  }
  // Notices do not count; see BalancingNotice.
  return facts.status.verdict() == v1::VERDICT_UNHEALTHY ? kUnhealthy : kOk;
}

absl::StatusOr<ExitCode> CheckReady(Invocation& invocation) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  const auto serving = (*daemon)->IsServing();
  if (!serving.ok()) return serving.status();
  Row row;
  row.Add(Cell(*serving, *serving ? "yes" : "no", *serving ? Tone::kGood : Tone::kBad));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "check", {{"ready"}}, row);
  return *serving ? kOk : kUnhealthy;
}

absl::StatusOr<ExitCode> Version(Invocation& invocation) {
  if (!invocation.machine_readable()) {
    invocation.terminal.out << "shardctl " << SHARDD_VERSION << "\n";
    return kOk;
  }
  Row row;
  row.Add(TextCell(SHARDD_VERSION));
  row.Add(TextCell("shardd.v1"));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "version", {{"version"}, {"api"}},
              row);
  return kOk;
}

}  // namespace

void AddStatusCommands(CommandTree& tree) {
  tree.Add(nullptr, "status", "Say how the daemon is, and why.",
           {"shardctl status", "shardctl status -o json"}, Status);
  CLI::App* check = tree.Group("check", "Checks whose exit code is the answer.");
  tree.Add(check, "ready", "Succeed if the daemon takes requests; 7 if not, 3 if unreachable.",
           {"shardctl check ready --timeout 2s"}, CheckReady);
  tree.Add(nullptr, "version", "Show shardctl's version.", {"shardctl version -o json"}, Version);
}

}  // namespace shardd::shardctl
