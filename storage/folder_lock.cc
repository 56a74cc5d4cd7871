#include "storage/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "storage/rocks_status.h"

namespace shardd::storage {
namespace {

namespace fs = std::filesystem;

absl::Status SystemError(absl::string_view what, const std::string& path, int error) {
  const OpenError kind = error == ENOSPC || error == EDQUOT ? OpenError::kDiskFull : OpenError::kIo;
  return MakeOpenError(kind, absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(error)));
}

absl::Status SyncFolder(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return SystemError("open folder", folder, errno);
  const int failed = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  return failed == 0 ? absl::OkStatus() : SystemError("sync folder", folder, failed);
}

// A folder that vanished with the power would take acknowledged changes with it.
absl::Status MakeFolderDurably(const fs::path& folder) {
  std::vector<fs::path> missing;
  std::error_code error;
  for (fs::path at = folder; !at.empty() && !fs::exists(at, error); at = at.parent_path()) {
    if (error) return SystemError("look at", at, error.value());
    missing.push_back(at);
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (!fs::create_directory(*at, error) && error) {
      return SystemError("make data folder", *at, error.value());
    }
    SHARDD_RETURN_IF_ERROR(SyncFolder(at->parent_path()));
  }
  return absl::OkStatus();
}

// "pid 123", or what else there is to say about who holds the lock.
std::string DescribeOwner(int descriptor) {
  char text[64] = {};
  const ssize_t length = pread(descriptor, text, sizeof(text) - 1, 0);
  if (length <= 0) return "another process";
  return std::string(absl::StripAsciiWhitespace(absl::string_view(text, length)));
}

void NameOwner(int descriptor) {
  const std::string text = absl::StrCat("pid ", getpid(), "\n");
  // Only for the message to others: the lock does not depend on it.
  if (ftruncate(descriptor, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = pwrite(descriptor, text.data(), text.size(), 0);
}

}  // namespace

absl::StatusOr<FolderLock> FolderLock::Take(const std::string& path) {
  std::error_code error;
  const fs::path folder = fs::absolute(path, error);
  if (path.empty() || error) {
    return MakeOpenError(OpenError::kInvalidOptions, "the path of the data folder is empty");
  }
  SHARDD_RETURN_IF_ERROR(MakeFolderDurably(folder.lexically_normal()));
  const std::string file = folder / "OWNER";
  const int descriptor = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) return SystemError("open lock file", file, errno);
  FolderLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
    NameOwner(descriptor);
    return lock;
  }
  if (errno != EWOULDBLOCK) return SystemError("lock", file, errno);
  return MakeOpenError(OpenError::kInUse, absl::StrCat("data folder ", path, " is in use by ",
                                                       DescribeOwner(descriptor)));
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace shardd::storage
