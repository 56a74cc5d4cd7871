#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/shardctl/command.h"
#include "client/shardctl/load.h"
#include "client/shardctl/present.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

Cell LatencyCell(absl::Duration latency) {
  const double millis = absl::ToDoubleMilliseconds(latency);
  return Cell(millis, absl::StrFormat("%.3f ms", millis));
}

void PrintResult(Invocation& invocation, const LoadResult& result) {
  const double seconds = absl::ToDoubleSeconds(result.time);
  const double rate = seconds > 0 ? static_cast<double>(result.operations) / seconds : 0;
  Row row;
  row.Add(NumberCell(result.operations));
  row.Add(NumberCell(result.errors));
  row.Add(DurationCell(result.time));
  row.Add(Cell(rate, absl::StrCat(Thousands(static_cast<uint64_t>(rate)), "/s")));
  row.Add(LatencyCell(result.latencies.Percentile(0.50)));
  row.Add(LatencyCell(result.latencies.Percentile(0.90)));
  row.Add(LatencyCell(result.latencies.Percentile(0.99)));
  row.Add(LatencyCell(result.latencies.Percentile(0.999)));
  row.Add(LatencyCell(result.latencies.max()));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "bench",
              {{"operations"},
               {"errors"},
               {"seconds"},
               {"rate"},
               {"p50_ms"},
               {"p90_ms"},
               {"p99_ms"},
               {"p999_ms"},
               {"max_ms"}},
              row);
}

absl::StatusOr<ExitCode> Bench(Invocation& invocation, const LoadOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::CreateNamespaceRequest create;
  create.set_name(options.name_space);
  const absl::Status created = (*daemon)->CreateNamespace(create).status();
  if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
  const Interrupt::Scope scope(invocation.interrupt, [] {});
  const auto result = RunLoad(**daemon, options, [&] { return invocation.interrupt.requested(); });
  if (!result.ok()) return result.status();
  PrintResult(invocation, *result);
  if (result->errors > 0) {
    invocation.Note(absl::StrCat("The first error: ", Printable(result->first_error)));
  }
  if (invocation.interrupt.requested()) return kInterrupted;
  return result->errors > 0 ? kFailed : kOk;
}

}  // namespace

void AddBenchCommand(CommandTree& tree) {
  auto options = std::make_shared<LoadOptions>();
  CLI::App* app =
      tree.Add(nullptr, "bench", "Put load on the daemon and show rate and latency.",
               {"shardctl bench --mix put --in-flight 256 --duration 5s",
                "shardctl bench --sessions 4 --in-flight 8 --frame-operations 256 -o json"},
               [options](Invocation& invocation) { return Bench(invocation, *options); });
  app->add_option("-n,--namespace", options->name_space,
                  "Where to write; created if missing (default bench).")
      ->type_name("NAMESPACE");
  app->add_option_function<std::string>(
         "--mix",
         [options](const std::string& mix) {
           options->mix = mix == "put"   ? LoadOptions::Mix::kPut
                          : mix == "get" ? LoadOptions::Mix::kGet
                                         : LoadOptions::Mix::kMixed;
         },
         "put, get or mixed (default mixed: half and half).")
      ->type_name("MIX")
      ->check(CLI::IsMember({"put", "get", "mixed"}));
  app->add_option("--accounts", options->accounts, "How many accounts (default 1000).")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000'000));
  app->add_option("--value-bytes", options->value_bytes, "Bytes of a value (default 100).")
      ->type_name("N")
      ->check(CLI::Range(0, 1 << 20));
  app->add_option("--in-flight", options->in_flight,
                  "Calls in flight, or frames in flight of each session (default 64).")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000));
  app->add_option("--sessions", options->sessions,
                  "Use so many sessions in place of single calls (default 0).")
      ->type_name("N")
      ->check(CLI::Range(0, 256));
  app->add_option("--frame-operations", options->frame_operations,
                  "Operations in a session's frame (default 64).")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  AddDuration(app, "--duration", &options->duration, "How long (default 10s).");
}

}  // namespace shardd::shardctl
