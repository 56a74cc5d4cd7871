#include "server/daemon/notify_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace shardd {
namespace {

// One assignment a line, so a status is kept on one line.
std::string StatusLine(absl::string_view status) {
  return absl::StrCat("STATUS=", absl::StrReplaceAll(status, {{"\n", " "}}));
}

bool IsUsable(absl::string_view address) {
  const bool path_or_abstract = !address.empty() && (address[0] == '/' || address[0] == '@');
  return path_or_abstract && address.size() < sizeof(sockaddr_un::sun_path);
}

int OpenSocket(absl::string_view address) {
  return IsUsable(address) ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
}

}  // namespace

NotifySocket::NotifySocket(absl::string_view address)
    : address_(address), fd_(OpenSocket(address)) {}

NotifySocket::~NotifySocket() {
  if (fd_ >= 0) close(fd_);
}

void NotifySocket::Ready(absl::string_view status) {
  Send(absl::StrCat("READY=1\n", StatusLine(status)));
}

void NotifySocket::Status(absl::string_view status) { Send(StatusLine(status)); }

void NotifySocket::Stopping(absl::string_view status) {
  Send(absl::StrCat("STOPPING=1\n", StatusLine(status)));
}

void NotifySocket::Watchdog() { Send("WATCHDOG=1"); }

void NotifySocket::Send(absl::string_view message) {
  if (fd_ < 0) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  static_cast<void>(sendto(fd_, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                           reinterpret_cast<const sockaddr*>(&to), size));
}

absl::Duration WatchdogInterval(absl::string_view usec, absl::string_view pid) {
  int64_t allowed_us = 0;
  if (!absl::SimpleAtoi(usec, &allowed_us) || allowed_us <= 0) return absl::InfiniteDuration();
  if (!pid.empty() && pid != absl::StrCat(getpid())) return absl::InfiniteDuration();
  return absl::Microseconds(allowed_us) / 2;
}

}  // namespace shardd
