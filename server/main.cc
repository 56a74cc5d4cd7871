// The daemon's program: reads what was asked for, and does it.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "server/base/status_macros.h"
#include "server/config/command_line.h"
#include "server/config/config_file.h"
#include "server/config/environment.h"
#include "server/config/settings.h"
#include "server/daemon/daemon.h"
#include "server/daemon/exit_code.h"
#include "server/daemon/signal_watcher.h"
#include "server/daemon/temporary_folder.h"
#include "server/daemon/version.h"
#include "server/logging/log.h"

// Read by jemalloc, where it is linked: caches and memtables are looked up at random, so with small
// pages most of the waiting is for page tables (decision 0005).
extern "C" const char* malloc_conf;
const char* malloc_conf = "thp:always";

namespace shardd {
namespace {

ExitCode Fail(ExitCode code, const absl::Status& status) {
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    std::fprintf(stderr, "shardd: %.*s\n", static_cast<int>(line.size()), line.data());
  }
  return code;
}

ExitCode Print(const std::string& text) {
  const bool printed = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  return printed ? ExitCode::kOk : ExitCode::kIo;
}

absl::StatusOr<Settings> Load(const CommandLine& line, const Environment& environment) {
  std::vector<GivenValue> given = line.given;
  given.insert(given.end(), environment.given.begin(), environment.given.end());
  if (!line.config_path.empty()) {
    SHARDD_ASSIGN_OR_RETURN(const std::vector<GivenValue> file, ReadConfigFile(line.config_path));
    given.insert(given.end(), file.begin(), file.end());
  }
  return Resolve(given);
}

ExitCode Serve(const CommandLine& line, Settings settings, const Environment& environment) {
  PrepareSignals();
  const std::unique_ptr<Log> log = Log::ToStderr(LogLevelNamed(settings.config.log_level),
                                                 LogFormatNamed(settings.config.log_format));
  for (const std::string& warning : environment.warnings) log->Warning("config", warning);
  std::unique_ptr<TemporaryFolder> folder;
  if (line.dev) {
    auto made = TemporaryFolder::Make();
    if (!made.ok()) return Fail(ExitCode::kIo, made.status());
    folder = *std::move(made);
    Override("storage.data", folder->path(), "flag --dev", &settings);
  }
  Daemon daemon(settings, *log);
  daemon.set_suggest_commands(line.dev);
  return daemon.Run();
}

ExitCode Run(const CommandLine& line) {
  if (line.command == Command::kHelp) return Print(HelpText());
  if (line.command == Command::kReference) return Print(ReferencePage());
  if (line.command == Command::kVersion) {
    return Print(line.json ? ToJson(ThisVersion()) : ToTable(ThisVersion()));
  }
  const Environment environment = ReadEnvironment(ProcessVariables());
  absl::StatusOr<Settings> settings = Load(line, environment);
  if (!settings.ok()) return Fail(ExitCode::kConfig, settings.status());
  if (line.command == Command::kServe) return Serve(line, *std::move(settings), environment);
  for (const std::string& warning : environment.warnings) {
    std::fprintf(stderr, "shardd: warning: %s\n", warning.c_str());
  }
  if (line.command == Command::kValidate) return Print("the configuration is valid\n");
  if (line.dev) Override("storage.data", "a temporary folder", "flag --dev", &*settings);
  return Print(line.json ? ToJson(*settings) : ToTable(*settings));
}

ExitCode Main(const std::vector<std::string>& arguments) {
  const absl::StatusOr<CommandLine> line = ParseCommandLine(arguments);
  if (line.ok()) return Run(*line);
  Fail(ExitCode::kUsage, line.status());
  std::fputs("shardd: try --help\n", stderr);
  return ExitCode::kUsage;
}

}  // namespace
}  // namespace shardd

int main(int argc, char** argv) { return static_cast<int>(shardd::Main({argv + 1, argv + argc})); }
