// shardd_sim: runs the worlds of many seeds, one after the other, and reports what was violated.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "CLI/CLI.hpp"
#include "tests/sim/world.h"

namespace shardd::sim {
namespace {

// The seed under way, as text: printed when a broken invariant aborts the process.
char g_seed_line[64];

void OnAbort(int) {
  // The result does not matter: the process is dying.
  if (write(STDOUT_FILENO, g_seed_line, std::strlen(g_seed_line)) < 0) _exit(2);
  std::signal(SIGABRT, SIG_DFL);
}

struct Options {
  uint64_t seeds = 1000;
  uint64_t from = 1;
  std::string bug;
  bool verbose = false;
  bool list_bugs = false;
};

void ListBugs() {
  for (const BugInfo& info : AllBugs()) {
    std::printf("%-30s %s\n", std::string(info.name).c_str(), std::string(info.what).c_str());
  }
}

int RunSeeds(const Options& options, Bug bug) {
  uint64_t violations = 0;
  for (uint64_t i = 0; i < options.seeds; ++i) {
    const uint64_t seed = options.from + i;
    std::snprintf(g_seed_line, sizeof(g_seed_line), "seed %llu: aborted\n",
                  static_cast<unsigned long long>(seed));
    const RunResult result = RunSeed(seed, bug, options.verbose);
    if (result.violation.empty()) continue;
    ++violations;
    std::printf("seed %llu: after %llu steps: %s\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(result.steps), result.violation.c_str());
  }
  std::printf("seeds=%llu violations=%llu\n", static_cast<unsigned long long>(options.seeds),
              static_cast<unsigned long long>(violations));
  return violations == 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  CLI::App app("Runs shardd's cores in simulated worlds, one from each seed.");
  Options options;
  app.add_option("--seeds", options.seeds, "How many seeds to run")->capture_default_str();
  app.add_option("--from", options.from, "The first seed")->capture_default_str();
  app.add_option("--bug", options.bug, "Plant this mistake; see --list-bugs");
  app.add_flag("--verbose", options.verbose, "Print everything that happens");
  app.add_flag("--list-bugs", options.list_bugs, "Print the mistakes that can be planted");
  CLI11_PARSE(app, argc, argv);
  if (options.list_bugs) {
    ListBugs();
    return 0;
  }
  const std::optional<Bug> bug = options.bug.empty() ? Bug::kNone : FindBug(options.bug);
  if (!bug.has_value()) {
    std::fprintf(stderr, "shardd_sim: there is no bug \"%s\"; see --list-bugs\n",
                 options.bug.c_str());
    return 2;
  }
  std::signal(SIGABRT, OnAbort);
  return RunSeeds(options, *bug);
}

}  // namespace
}  // namespace shardd::sim

int main(int argc, char** argv) { return shardd::sim::Main(argc, argv); }
