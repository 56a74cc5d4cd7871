#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/shardctl/command.h"
#include "client/shardctl/present.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

// Running operations that are shown, and how many of the newest are looked at for them.
constexpr int kOperationsShown = 5;
constexpr int kOperationsLooked = 200;

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
          {"insecure"}};
}

std::string VerdictWord(const v1::StatusResponse& status) {
  return EnumWord(v1::Verdict_Name(status.verdict()), "VERDICT_");
}

Row StatusRow(const v1::StatusResponse& status) {
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
  return row;
}

Tone VerdictTone(v1::Verdict verdict) {
  if (verdict == v1::VERDICT_HEALTHY) return Tone::kGood;
  if (verdict == v1::VERDICT_UNHEALTHY) return Tone::kBad;
  return Tone::kWarn;
}

// What runs, one line each; the daemon said that there is something. The status is good without.
void PrintRunning(client::Client& daemon, std::ostream& out) {
  v1::ListOperationsRequest request;
  request.set_page_size(kOperationsLooked);
  const auto page = daemon.ListOperations(request);
  if (!page.ok()) return;
  int shown = 0;
  for (const v1::Operation& operation : page->operations()) {
    const bool runs = operation.state() == v1::OPERATION_STATE_RUNNING ||
                      operation.state() == v1::OPERATION_STATE_CANCELLING;
    if (!runs || ++shown > kOperationsShown) continue;
    out << "  " << operation.id() << "  "
        << EnumWord(v1::OperationKind_Name(operation.kind()), "OPERATION_KIND_") << " "
        << Printable(operation.target()) << "  " << Printable(operation.status_message()) << "\n";
  }
  if (shown > kOperationsShown) out << "  next: shardctl operation list\n";
}

// One screen, the verdict first, and at its end what to do.
void PrintScreen(const v1::StatusResponse& status, bool color, client::Client& daemon,
                 std::ostream& out) {
  const std::string verdict = absl::AsciiStrToUpper(VerdictWord(status));
  out << Paint(absl::StrCat("● ", verdict), VerdictTone(status.verdict()), color) << "  shardd "
      << Printable(status.version()) << "  up " << HumanDuration(FromProto(status.uptime())) << "  "
      << Printable(status.listen()) << (status.insecure() ? "  insecure" : "") << "\n";
  out << "Shards      " << Thousands(status.shard_count()) << "   epoch " << status.epoch() << "\n";
  out << "Accounts    " << Thousands(status.account_count()) << "   "
      << Thousands(status.entry_count()) << " entries   " << HumanBytes(status.byte_count())
      << "\n";
  out << "Disk        " << HumanBytes(status.disk_used_bytes()) << " used   "
      << HumanBytes(status.disk_free_bytes()) << " free\n";
  out << "Requests    " << Thousands(status.requests_total()) << " since start   "
      << Thousands(status.mailbox_depth()) << " waiting in mailboxes\n";
  out << "Threads     " << status.thread_count() << "\n";
  out << "Operations  " << status.operations_running() << " running\n";
  if (status.operations_running() > 0) PrintRunning(daemon, out);
  for (const v1::StatusReason& reason : status.reasons()) {
    out << Paint(absl::StrCat("! ", Printable(reason.message())), Tone::kWarn, color) << "\n";
    if (!reason.next_command().empty()) {
      out << "  next: " << Printable(reason.next_command()) << "\n";
    }
  }
}

absl::StatusOr<ExitCode> Status(Invocation& invocation) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto status = (*daemon)->Status(v1::StatusRequest());
  if (!status.ok()) return status.status();
  const RowsOptions options = invocation.rows_options();
  if (invocation.machine_readable()) {
    PrintObject(invocation.terminal.out, options, "status", StatusColumns(), StatusRow(*status));
  } else {
    PrintScreen(*status, options.color, **daemon, invocation.terminal.out);
  }
  return status->verdict() == v1::VERDICT_UNHEALTHY ? kUnhealthy : kOk;
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
