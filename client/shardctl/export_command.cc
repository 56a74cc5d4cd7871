#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/shardctl/command.h"
#include "client/shardctl/following.h"
#include "client/shardctl/jsonl_record.h"
#include "client/shardctl/progress.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

struct ExportOptions {
  std::optional<std::string> name_space;
  absl::Duration retry_for = absl::Seconds(30);
};

// Writes export records as lines. An account may come in several records; it becomes one line.
class LineWriter {
 public:
  explicit LineWriter(std::ostream& out) : out_(out) {}

  void Write(const v1::ExportRecord& part) {
    record_.name_space = part.account().ref().namespace_();
    record_.id = part.account().ref().id();
    record_.labels.emplace(part.account().labels().begin(), part.account().labels().end());
    const v1::AccountLimits& limits = part.account().limits();
    record_.limits = {limits.entries_max(), limits.bytes_max()};
    record_.frozen = part.account().state() == v1::ACCOUNT_STATE_FROZEN;
    for (const v1::Entry& entry : part.entries()) {
      record_.entries.emplace_back(entry.key(), entry.value());
    }
    if (part.continues()) return;
    out_ << ToJsonl(record_) << "\n";
    record_ = Record();
    ++accounts_;
  }

  uint64_t accounts() const { return accounts_; }

  // Whether the last account is complete, so that one may go on behind it.
  bool between_accounts() const { return record_.entries.empty(); }

  // Forgets an account that is not complete.
  void DropPart() { record_ = Record(); }

 private:
  std::ostream& out_;
  Record record_;
  uint64_t accounts_ = 0;
};

// One pass over the stream, from the page token of `request`; it is moved on with what was written.
absl::Status ReadStream(Invocation& invocation, client::Client& daemon, v1::ExportRequest& request,
                        LineWriter& writer, Progress& progress) {
  client::ResponseStream<v1::ExportResponse> stream = daemon.Export(request);
  const Interrupt::Scope scope(invocation.interrupt, [&stream] { stream.Cancel(); });
  std::string last_token = request.page_token();
  for (;;) {
    auto next = stream.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) break;
    for (const v1::ExportRecord& record : (*next)->records()) writer.Write(record);
    last_token = (*next)->next_page_token();
    // Going on from the middle of an account would lose its first part.
    if (writer.between_accounts()) request.set_page_token(last_token);
    progress.Show(writer.accounts(), 0);
    if (!invocation.terminal.out) return absl::DataLossError("the output could not be written");
  }
  if (last_token.empty()) return absl::OkStatus();
  return absl::UnavailableError("the daemon ended the export before its end");
}

absl::StatusOr<ExitCode> Export(Invocation& invocation, const ExportOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::ExportRequest request;
  if (options.name_space.has_value()) request.set_namespace_(*options.name_space);
  LineWriter writer(invocation.terminal.out);
  Progress progress(invocation.terminal, invocation.clock, "accounts", 0);
  client::Backoff backoff((client::RetryPolicy()), (*daemon)->random());
  absl::Time trouble_since = absl::InfiniteFuture();
  const absl::Time start = invocation.clock.Now();
  for (;;) {
    const uint64_t before = writer.accounts();
    const absl::Status status = ReadStream(invocation, **daemon, request, writer, progress);
    if (status.ok()) break;
    if (invocation.interrupt.requested()) return kInterrupted;
    if (!client::IsTransient(status)) return status;
    writer.DropPart();
    const absl::Time now = invocation.clock.Now();
    trouble_since = writer.accounts() > before ? now : std::min(trouble_since, now);
    const absl::Duration wait = backoff.Next(status);
    if (now + wait > trouble_since + options.retry_for) return status;
    invocation.clock.Wait(wait);
  }
  progress.Hide();
  invocation.Note(absl::StrCat("exported ", writer.accounts(), " accounts in ",
                               HumanDuration(invocation.clock.Now() - start)));
  return kOk;
}

}  // namespace

void AddExportCommand(CommandTree& tree) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* app = tree.Add(
      nullptr, "export",
      "Write accounts with their entries to standard output, one JSON object a line; import reads "
      "it back.",
      {"shardctl export --namespace debian > debian.jsonl"},
      [options](Invocation& invocation) { return Export(invocation, *options); });
  app->add_option_function<std::string>(
         "-n,--namespace", [options](const std::string& name) { options->name_space = name; },
         "Only this namespace (default all).")
      ->type_name("NAMESPACE");
  AddDuration(app, "--retry-for", &options->retry_for,
              "How long the daemon may be away before the export is given up (default 30s).");
}

}  // namespace shardd::shardctl
