#include "tests/tidy/rules.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace shardd::tidy {
namespace {

using Findings = std::vector<Finding>;
using Tree = std::vector<SourceFile>;

// The rooms, lowest first. A room may include itself and the rooms above it in this list.
constexpr std::array<std::string_view, 20> kRooms = {
    "proto/",
    "server/base/",
    "storage/",
    "server/account/",
    "server/routing/",
    "server/threads_tracking_service/",
    "server/cross_thread_messaging/",
    "server/shard_state_operations/",
    "server/thread_synchronization_service/",
    "server/load_balancing_service/",
    "server/core/",
    "server/runtime/",
    "server/logging/",
    "server/rpc/",
    "server/http/",
    "server/config/",
    "server/daemon/",
    "server/main.cc",
    "client/",
    "tests/",
};

constexpr size_t kReadmeLinesMax = 60;

// A word that only the named places may use. An empty place ends the list.
struct BannedWord {
  std::string_view rule;
  std::string_view word;
  std::array<std::string_view, 4> places;
  std::string_view instead;
};

constexpr std::string_view kUseTheClock = "take the time from the Clock that was passed in";
constexpr std::string_view kNoSleep = "wait for the condition, with a deadline";
constexpr std::string_view kUseRuntime = "threads are started in server/runtime";
constexpr std::string_view kUseRandom = "take numbers from the seeded generator in server/base";
constexpr std::string_view kUseTheStream =
    "it throws when reading fails: use the stream's own functions, such as std::getline";
constexpr std::string_view kRealClock = "server/base/real_clock.cc";

constexpr BannedWord kBannedWords[] = {
    {"thread", "std::thread", {"server/runtime/", "client/", "tests/"}, kUseRuntime},
    {"thread", "std::jthread", {"server/runtime/", "client/", "tests/"}, kUseRuntime},
    {"thread", "std::async", {"server/runtime/", "client/", "tests/"}, kUseRuntime},
    {"thread", "pthread_create", {"server/runtime/", "client/", "tests/"}, kUseRuntime},
    {"clock", "absl::Now", {kRealClock, "client/", "tests/bench/"}, kUseTheClock},
    {"clock", "system_clock", {kRealClock, "client/", "tests/bench/"}, kUseTheClock},
    {"clock", "steady_clock", {kRealClock, "client/", "tests/bench/"}, kUseTheClock},
    {"clock", "clock_gettime", {kRealClock, "client/", "tests/bench/"}, kUseTheClock},
    {"clock", "gettimeofday", {kRealClock, "client/", "tests/bench/"}, kUseTheClock},
    {"clock", "sleep(", {kRealClock, "client/", "tests/bench/"}, kNoSleep},
    {"clock", "usleep", {kRealClock, "client/", "tests/bench/"}, kNoSleep},
    {"clock", "nanosleep", {kRealClock, "client/", "tests/bench/"}, kNoSleep},
    {"clock", "sleep_for", {kRealClock, "client/", "tests/bench/"}, kNoSleep},
    {"clock", "sleep_until", {kRealClock, "client/", "tests/bench/"}, kNoSleep},
    {"clock", "absl::SleepFor", {kRealClock, "client/", "tests/bench/"}, kNoSleep},
    {"random", "rand(", {}, kUseRandom},
    {"random", "srand(", {}, kUseRandom},
    {"throw", "throw", {}, "return an absl::Status"},
    {"throw", "istreambuf_iterator", {"tests/"}, kUseTheStream},
};

// A header that only the named places may include.
struct BannedInclude {
  std::string_view rule;
  std::string_view part;
  std::array<std::string_view, 4> places;
};

constexpr BannedInclude kBannedIncludes[] = {
    {"generated-code", ".pb.h", {"server/rpc/", "client/", "tests/"}},
    {"generated-code", "grpcpp/", {"server/rpc/", "client/", "tests/"}},
    {"rocksdb", "rocksdb/", {"storage/", "tests/bench/", "tests/storage/"}},
};

// One file that may break one rule, and why.
struct Exception {
  std::string_view rule;
  std::string_view place;
  std::string_view reason;
};

constexpr Exception kExceptions[] = {
    {"throw", "client/shardctl/command.cc",
     "the command-line library takes a bad value by an exception and gives it to its caller"},
    {"clock", "server/threads_tracking_service/thread_clock.cc",
     "reads the processor time of a thread, which is no time of day"},
    {"clock", "storage/rocks_database.cc", "paces its own bookkeeping; no outcome depends on it"},
};

// Spelled in two pieces, so that this file keeps its own rules.
constexpr std::string_view kUnfinishedWords[] = {
    "FIX"
    "ME",
    "TO"
    "DO",
    "XX"
    "X",
};
constexpr std::string_view kMachinePaths[] = {
    "/"
    "work/",
    "/"
    "root/",
    "/"
    "home/",
    "/"
    "farm/",
};

template <size_t N>
bool IsInAny(std::string_view path, const std::array<std::string_view, N>& places) {
  return std::any_of(places.begin(), places.end(), [path](std::string_view place) {
    return !place.empty() && IsIn(path, place);
  });
}

bool IsExcepted(std::string_view rule, std::string_view path) {
  return std::any_of(std::begin(kExceptions), std::end(kExceptions),
                     [&](const Exception& e) { return e.rule == rule && IsIn(path, e.place); });
}

class Report {
 public:
  void Add(std::string_view rule, const SourceFile& file, size_t line, std::string message) {
    if (IsExcepted(rule, file.path)) return;
    findings_.push_back({.rule = std::string(rule),
                         .path = file.path,
                         .line = line,
                         .message = std::move(message)});
  }
  Findings Take() { return std::move(findings_); }

 private:
  Findings findings_;
};

std::optional<size_t> RoomOf(std::string_view path) {
  for (size_t i = 0; i < kRooms.size(); ++i) {
    if (IsIn(path, kRooms[i])) return i;
  }
  return std::nullopt;
}

// The path that an #include line names, in quotes or in angle brackets; empty if it is none.
std::string_view IncludedBy(std::string_view line) {
  const size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos || !line.substr(begin).starts_with("#include")) return {};
  const size_t open = line.find_first_of("<\"", begin);
  if (open == std::string_view::npos) return {};
  const size_t close = line.find_first_of(">\"", open + 1);
  if (close == std::string_view::npos) return {};
  return line.substr(open + 1, close - open - 1);
}

std::string Quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

void CheckInclude(const SourceFile& file, size_t line, std::string_view include, Report& report) {
  const std::optional<size_t> from = RoomOf(file.path);
  const std::optional<size_t> to = RoomOf(include);
  if (from && to && *to > *from) {
    report.Add("room-order", file, line,
               std::string(kRooms[*from]) + " may not include " + Quoted(include));
  }
  for (const BannedInclude& banned : kBannedIncludes) {
    if (include.find(banned.part) != std::string_view::npos && !IsInAny(file.path, banned.places)) {
      report.Add(banned.rule, file, line, Quoted(include) + " may not be included here");
    }
  }
}

// `std::thread::id` and the like only name a type; they start nothing.
bool UsesWord(std::string_view line, std::string_view word) {
  if (!HasToken(line, word)) return false;
  return line.find(std::string(word) + "::") == std::string_view::npos || word != "std::thread";
}

void CheckCode(const SourceFile& file, Report& report) {
  const std::string with_strings = Blank(file.text, Keep::kCodeAndStrings);
  const std::string code = Blank(file.text, Keep::kCode);
  const std::vector<std::string_view> include_lines = Lines(with_strings);
  const std::vector<std::string_view> code_lines = Lines(code);
  for (size_t i = 0; i < code_lines.size(); ++i) {
    const std::string_view include = IncludedBy(include_lines[i]);
    if (!include.empty()) CheckInclude(file, i + 1, include, report);
    for (const BannedWord& banned : kBannedWords) {
      if (!UsesWord(code_lines[i], banned.word) || IsInAny(file.path, banned.places)) continue;
      report.Add(banned.rule, file, i + 1,
                 Quoted(banned.word) + " may not be used here: " + std::string(banned.instead));
    }
  }
}

void CheckHeader(const SourceFile& file, Report& report) {
  if (file.path.ends_with(".h") && file.text.find("#pragma once\n") == std::string::npos) {
    report.Add("pragma-once", file, 0, "a header says #pragma once");
  }
}

void CheckPlace(const SourceFile& file, Report& report) {
  if (!RoomOf(file.path)) {
    report.Add("room-order", file, 0, "is in no room; new rooms are named in tests/tidy/rules.cc");
  }
}

void CheckText(const SourceFile& file, Report& report) {
  const std::vector<std::string_view> lines = Lines(file.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    for (std::string_view word : kUnfinishedWords) {
      if (HasToken(lines[i], word)) {
        report.Add("unfinished", file, i + 1, Quoted(word) + ": finish it or leave it out");
      }
    }
    for (std::string_view path : kMachinePaths) {
      if (lines[i].find(path) != std::string_view::npos) {
        report.Add("machine-path", file, i + 1, Quoted(path) + " is a path of one machine");
      }
    }
  }
}

const SourceFile* Find(const Tree& tree, std::string_view path) {
  const auto found =
      std::find_if(tree.begin(), tree.end(), [&](const SourceFile& f) { return f.path == path; });
  return found == tree.end() ? nullptr : &*found;
}

void CheckReadmeLength(const SourceFile& file, Report& report) {
  const bool of_a_room = file.path.ends_with("/README.md");
  const size_t lines = Lines(file.text).size();
  if (of_a_room && lines > kReadmeLinesMax) {
    report.Add("readme", file, lines,
               "has " + std::to_string(lines) + " lines; at most " +
                   std::to_string(kReadmeLinesMax) + " are allowed");
  }
}

void CheckReadmes(const Tree& tree, Report& report) {
  for (std::string_view room : kRooms) {
    if (!room.ends_with('/')) continue;
    const auto inhabited = [room](const SourceFile& file) {
      return IsIn(file.path, room) && (IsCpp(file.path) || file.path.ends_with(".proto"));
    };
    const auto first = std::find_if(tree.begin(), tree.end(), inhabited);
    const std::string readme = std::string(room) + "README.md";
    if (first != tree.end() && Find(tree, readme) == nullptr) {
      report.Add("readme", *first, 0, "its room has no " + readme);
    }
  }
}

// Whether a CMakeLists.txt in the folder of `path`, or in one above it, names it from there.
bool IsNamedInCMake(const Tree& tree, std::string_view path) {
  std::string_view folder = FolderOf(path);
  while (true) {
    const std::string prefix = folder.empty() ? "" : std::string(folder) + "/";
    const SourceFile* cmake = Find(tree, prefix + "CMakeLists.txt");
    const std::string_view name = path.substr(prefix.size());
    if (cmake != nullptr && HasToken(cmake->text, name)) return true;
    if (folder.empty()) return false;
    folder = FolderOf(folder);
  }
}

// Whether some CMakeLists.txt above the folder of `path` adds that folder.
bool IsAddedInCMake(const Tree& tree, std::string_view path) {
  const std::string_view folder = FolderOf(path);
  if (folder.empty()) return true;
  std::string_view above = folder;
  do {
    above = FolderOf(above);
    const std::string prefix = above.empty() ? "" : std::string(above) + "/";
    const SourceFile* cmake = Find(tree, prefix + "CMakeLists.txt");
    const std::string call = "add_subdirectory(" + std::string(folder.substr(prefix.size())) + ")";
    if (cmake != nullptr && cmake->text.find(call) != std::string::npos) return true;
  } while (!above.empty());
  return false;
}

// What is not built is not checked, and a test that is not registered does not run.
void CheckRegistered(const Tree& tree, Report& report) {
  for (const SourceFile& file : tree) {
    const bool script = file.path.starts_with("tests/integration/") && file.text.starts_with("#!");
    if ((file.path.ends_with(".cc") || script) && !IsNamedInCMake(tree, file.path)) {
      report.Add("registered", file, 0, "is named in no CMakeLists.txt");
    }
    if (file.path.ends_with("/CMakeLists.txt") && !IsAddedInCMake(tree, file.path)) {
      report.Add("registered", file, 0, "no add_subdirectory() adds its folder");
    }
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Finding& finding) {
  out << finding.path;
  if (finding.line > 0) out << ":" << finding.line;
  return out << ": [" << finding.rule << "] " << finding.message;
}

std::vector<Finding> CheckTree(const std::vector<SourceFile>& tree) {
  Report report;
  for (const SourceFile& file : tree) {
    CheckText(file, report);
    CheckReadmeLength(file, report);
    if (!IsCpp(file.path)) continue;
    CheckPlace(file, report);
    CheckHeader(file, report);
    CheckCode(file, report);
  }
  CheckReadmes(tree, report);
  CheckRegistered(tree, report);
  return report.Take();
}

}  // namespace shardd::tidy
