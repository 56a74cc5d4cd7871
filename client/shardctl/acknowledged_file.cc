#include "client/shardctl/acknowledged_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace shardd::shardctl {
namespace {

absl::Status Failed(const char* what, const std::string& path) {
  return absl::InvalidArgumentError(
      absl::StrCat("file ", path, " cannot be ", what, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AcknowledgedFile>> AcknowledgedFile::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) return Failed("opened", path);
  std::unique_ptr<AcknowledgedFile> opened(new AcknowledgedFile(path, file));
  if (absl::Status status = opened->EndCutLine(); !status.ok()) return status;
  return opened;
}

AcknowledgedFile::AcknowledgedFile(std::string path, int file)
    : path_(std::move(path)), file_(file) {}

AcknowledgedFile::~AcknowledgedFile() { close(file_); }

absl::Status AcknowledgedFile::Append(const std::vector<Acknowledgement>& writes) {
  std::string lines;
  for (const Acknowledgement& write : writes) {
    absl::StrAppend(&lines, "{\"namespace\":", nlohmann::json(write.name_space).dump(),
                    ",\"id\":", nlohmann::json(write.id).dump(), ",\"revision\":", write.revision,
                    "}\n");
  }
  return Write(lines);
}

absl::Status AcknowledgedFile::Write(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = write(file_, text.data() + done, text.size() - done);
    if (written < 0 && errno != EINTR) return Failed("written", path_);
    if (written > 0) done += static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

absl::Status AcknowledgedFile::EndCutLine() {
  struct stat status;
  if (fstat(file_, &status) != 0) return Failed("read", path_);
  // What is no regular file, such as a pipe, has no last line.
  if (!S_ISREG(status.st_mode) || status.st_size == 0) return absl::OkStatus();
  char last = '\n';
  if (pread(file_, &last, 1, status.st_size - 1) != 1) return Failed("read", path_);
  return last == '\n' ? absl::OkStatus() : Write("\n");
}

}  // namespace shardd::shardctl
