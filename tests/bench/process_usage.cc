#include "tests/bench/process_usage.h"

#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace shardd::bench {
namespace {

// Places in /proc/PID/stat, counted from the field after the command name, which may itself hold
// blanks.
constexpr size_t kUserTicks = 11;
constexpr size_t kSystemTicks = 12;
constexpr size_t kResidentPages = 21;

uint64_t Number(absl::string_view text) {
  uint64_t value = 0;
  return absl::SimpleAtoi(text, &value) ? value : 0;
}

}  // namespace

ProcessUsage ReadProcessUsage(int pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  // Not by iterators: they throw if the process ended since the file was opened.
  std::string text;
  std::getline(file, text, '\0');
  const size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) return {};
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(text).substr(name_end + 2), ' ');
  if (fields.size() <= kResidentPages) return {};
  const uint64_t ticks = Number(fields[kUserTicks]) + Number(fields[kSystemTicks]);
  return {absl::Seconds(1) * static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK)),
          Number(fields[kResidentPages]) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE))};
}

}  // namespace shardd::bench
