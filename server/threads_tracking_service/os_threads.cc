#include "server/threads_tracking_service/os_threads.h"

#include <dirent.h>

#include <algorithm>
#include <fstream>
#include <istream>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace shardd {
namespace {

constexpr char kTasks[] = "/proc/self/task";

// Such as "00000000fffbfeff".
uint64_t FromHex(absl::string_view text) {
  uint64_t value = 0;
  return absl::SimpleHexAtoi(text, &value) ? value : 0;
}

}  // namespace

std::optional<OsThread> ParseOsThread(absl::string_view status, absl::string_view schedstat) {
  OsThread thread;
  for (const absl::string_view line : absl::StrSplit(status, '\n')) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    const absl::string_view value = absl::StripAsciiWhitespace(field.second);
    if (field.first == "Name") thread.name = std::string(value);
    if (field.first == "State" && !value.empty()) thread.state = value.front();
    if (field.first == "SigBlk") thread.signals_blocked = FromHex(value);
    if (field.first == "SigPnd") thread.signals_pending = FromHex(value);
    if (field.first == "Pid" && !absl::SimpleAtoi(value, &thread.id)) return std::nullopt;
  }
  if (thread.id == 0) return std::nullopt;
  int64_t nanoseconds = 0;
  const std::pair<absl::string_view, absl::string_view> first =
      absl::StrSplit(schedstat, absl::MaxSplits(' ', 1));
  if (absl::SimpleAtoi(first.first, &nanoseconds)) {
    thread.cpu_time = absl::Nanoseconds(nanoseconds);
  }
  return thread;
}

std::string ReadTaskFile(std::istream& file) {
  // A stream's own functions turn what its buffer throws into a state; iterators over the buffer let
  // it through, and this one throws when the thread has ended. These files hold no NUL.
  std::string text;
  std::getline(file, text, '\0');
  return file.bad() ? std::string() : text;
}

std::optional<OsThread> FindOsThread(int id) {
  const std::string folder = absl::StrCat(kTasks, "/", id, "/");
  std::ifstream status(folder + "status");
  std::ifstream schedstat(folder + "schedstat");
  return ParseOsThread(ReadTaskFile(status), ReadTaskFile(schedstat));
}

std::vector<OsThread> ListOsThreads() {
  std::vector<OsThread> threads;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(kTasks), &closedir);
  if (folder == nullptr) return threads;
  while (const dirent* entry = readdir(folder.get())) {
    int id = 0;
    if (!absl::SimpleAtoi(entry->d_name, &id)) continue;
    if (std::optional<OsThread> thread = FindOsThread(id)) threads.push_back(*std::move(thread));
  }
  std::sort(threads.begin(), threads.end(),
            [](const OsThread& a, const OsThread& b) { return a.id < b.id; });
  return threads;
}

}  // namespace shardd
