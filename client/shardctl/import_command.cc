#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/shardctl/acknowledged_file.h"
#include "client/shardctl/command.h"
#include "client/shardctl/deb822_reader.h"
#include "client/shardctl/importer.h"
#include "client/shardctl/jsonl_record.h"
#include "client/shardctl/present.h"
#include "client/shardctl/progress.h"
#include "client/shardctl/read_input.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

struct ImportOptions {
  std::string format;
  std::string name_space;
  std::string file;
  std::string on_error = "continue";
  std::string acknowledged_to;
  ImporterOptions importer;
};

// The input: standard input or a file, and how many bytes it has, if known.
struct Input {
  std::istream* stream = nullptr;
  std::unique_ptr<std::ifstream> file;
  uint64_t bytes = 0;
};

absl::StatusOr<Input> Open(const std::string& name, Terminal& terminal) {
  Input input;
  if (name == "-") {
    input.stream = &terminal.in;
    input.bytes = terminal.in_bytes;
    return input;
  }
  input.file = std::make_unique<std::ifstream>(name, std::ios::binary);
  if (!input.file->is_open()) {
    return absl::InvalidArgumentError(absl::StrCat("file ", name, " cannot be read"));
  }
  input.file->seekg(0, std::ios::end);
  const auto end = input.file->tellg();
  if (end > 0) input.bytes = static_cast<uint64_t>(end);
  input.file->clear();
  input.file->seekg(0);
  input.file->clear();
  input.stream = input.file.get();
  return input;
}

std::unique_ptr<RecordReader> ReaderFor(const ImportOptions& options, std::istream& in) {
  if (options.format == "deb822") return std::make_unique<Deb822Reader>(in, options.name_space);
  return std::make_unique<JsonlReader>(in, options.name_space);
}

// Says how it went: one line, and for programs the same in numbers.
void PrintSummary(Invocation& invocation, const ImportSummary& summary, absl::Duration time) {
  invocation.Note(absl::StrCat("imported ", summary.accounts, " accounts (", summary.bad_records,
                               " bad records) in ", HumanDuration(time)));
  if (summary.replayed > 0) {
    invocation.Note(absl::StrCat("  ", summary.replayed,
                                 " writes had been made before, by this import or an earlier one, "
                                 "and were not made again (another --run-id makes them again)"));
  }
  if (summary.rewritten > 0) {
    invocation.Note(absl::StrCat("  ", summary.rewritten,
                                 " accounts had been imported before, were changed since, and were "
                                 "written again"));
  }
  if (!invocation.machine_readable()) return;
  Row row;
  row.Add(NumberCell(summary.accounts));
  row.Add(NumberCell(summary.bad_records));
  row.Add(NumberCell(summary.replayed));
  row.Add(NumberCell(summary.rewritten));
  row.Add(DurationCell(time));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "import",
              {{"accounts"}, {"bad_records"}, {"replayed"}, {"rewritten"}, {"seconds"}}, row);
}

absl::StatusOr<ExitCode> Import(Invocation& invocation, const ImportOptions& options) {
  auto input = Open(options.file, invocation.terminal);
  if (!input.ok()) return input.status();
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  std::unique_ptr<AcknowledgedFile> acknowledged;
  if (!options.acknowledged_to.empty()) {
    auto opened = AcknowledgedFile::Open(options.acknowledged_to);
    if (!opened.ok()) return opened.status();
    acknowledged = *std::move(opened);
  }
  const std::unique_ptr<RecordReader> reader = ReaderFor(options, *input->stream);
  const absl::Time start = invocation.clock.Now();
  Progress progress(invocation.terminal, invocation.clock, "accounts", input->bytes);
  const auto note = [&](const std::string& line) {
    progress.Hide();
    invocation.Note(line);
  };
  const Interrupt::Scope scope(invocation.interrupt, [] {});
  Importer importer(
      **daemon, options.importer,
      {[&](uint64_t line, const std::string& why) {
         note(absl::StrCat("line ", line, ": ", Printable(why)));
       },
       [&](const ImportSummary& so_far) { progress.Show(so_far.accounts, reader->bytes_read()); },
       note, [&] { return invocation.interrupt.requested(); },
       [&](const std::vector<Acknowledgement>& writes) {
         return acknowledged == nullptr ? absl::OkStatus() : acknowledged->Append(writes);
       }});
  const absl::StatusOr<ImportSummary> summary = importer.Run(*reader);
  progress.Hide();
  PrintSummary(invocation, importer.summary(), invocation.clock.Now() - start);
  if (invocation.interrupt.requested()) {
    invocation.Note("Interrupted. The same command goes on where it stopped.");
    return kInterrupted;
  }
  if (!summary.ok()) return summary.status();
  const absl::Status end =
      CheckEnd(*input->stream, options.file == "-" ? "standard input" : options.file);
  if (!end.ok()) return end;
  return summary->bad_records > 0 ? kFailed : kOk;
}

}  // namespace

void AddImportCommand(CommandTree& tree) {
  auto options = std::make_shared<ImportOptions>();
  CLI::App* app = tree.Add(
      nullptr, "import",
      "Load accounts from a file, each as one atomic write. Running it again after an interruption "
      "changes nothing twice.",
      {"shardctl import --format deb822 --namespace debian -",
       "shardctl import --format jsonl accounts.jsonl"},
      [options](Invocation& invocation) {
        options->importer.stop_on_error = options->on_error == "stop";
        return Import(invocation, *options);
      });
  app->add_option("--format", options->format,
                  "deb822: a Debian package index, as apt-cache dumpavail prints it; jsonl: what "
                  "export writes.")
      ->type_name("FORMAT")
      ->required()
      ->check(CLI::IsMember({"deb822", "jsonl"}));
  app->add_option("-n,--namespace", options->name_space,
                  "The namespace; with jsonl only for records that name none.")
      ->type_name("NAMESPACE");
  app->add_option("FILE", options->file, "The file; - is standard input.")->required();
  app->add_flag("--merge", options->importer.write.merge,
                "Keep entries that a record does not name, instead of deleting them.");
  app->add_flag("--create-namespace,!--no-create-namespace", options->importer.create_namespace,
                "Create namespaces that do not exist (default yes).");
  app->add_option("--on-error", options->on_error,
                  "What to do after a bad record: continue or stop (default continue).")
      ->type_name("WHAT")
      ->check(CLI::IsMember({"continue", "stop"}));
  AddDuration(app, "--retry-for", &options->importer.retry_for,
              "How long the daemon may be away before the import is given up (default 30s).");
  app->add_option("--run-id", options->importer.write.run_id,
                  "A record that was imported in the last 24 hours is not written again if its "
                  "account still holds it; under another run id it is.")
      ->type_name("TEXT");
  app->add_option(
         "--acknowledged-to", options->acknowledged_to,
         "Append a line of JSON to this file for each write that the daemon said is durable.")
      ->type_name("FILE");
}

}  // namespace shardd::shardctl
