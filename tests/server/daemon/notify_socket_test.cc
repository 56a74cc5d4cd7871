#include "server/daemon/notify_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/daemon/temporary_folder.h"

namespace shardd {
namespace {

// A service manager's end.
class ManagerSocket {
 public:
  // `address` as in NOTIFY_SOCKET.
  explicit ManagerSocket(const std::string& address) : fd_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, address.data(), address.size());
    if (address[0] == '@') to.sun_path[0] = '\0';
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&to),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size())),
              0);
  }
  ~ManagerSocket() { close(fd_); }

  // What has arrived; empty if nothing has.
  std::string Receive() {
    char buffer[512];
    const ssize_t size = recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT);
    return size > 0 ? std::string(buffer, size) : "";
  }

 private:
  const int fd_;
};

void ExpectAllMessages(const std::string& address) {
  ManagerSocket manager(address);
  NotifySocket notify(address);
  notify.Status("opening");
  EXPECT_EQ(manager.Receive(), "STATUS=opening");
  notify.Ready("serving");
  EXPECT_EQ(manager.Receive(), "READY=1\nSTATUS=serving");
  notify.Watchdog();
  EXPECT_EQ(manager.Receive(), "WATCHDOG=1");
  notify.Stopping("two\nlines");
  EXPECT_EQ(manager.Receive(), "STOPPING=1\nSTATUS=two lines");
  EXPECT_EQ(manager.Receive(), "");
}

// Plan: listen as a manager does, by path and by abstract name, and expect each message.
TEST(NotifySocketTest, TellsTheManager) {
  const auto folder = TemporaryFolder::Make();
  ASSERT_TRUE(folder.ok());
  ExpectAllMessages((*folder)->path() + "/notify");
  ExpectAllMessages(absl::StrCat("@shardd-notify-test-", getpid()));
}

// Plan: without a manager, with one that is gone and with addresses that cannot be, nothing
// happens.
TEST(NotifySocketTest, IsSilentWithoutAManager) {
  for (const std::string& address :
       {std::string(), std::string("relative"), std::string(200, '/'), std::string("/none/here")}) {
    NotifySocket notify(address);
    notify.Ready("serving");
    notify.Watchdog();
  }
}

// Plan: read the variables of a watchdog, good and bad.
TEST(NotifySocketTest, WatchdogIsFedTwiceInItsTime) {
  const std::string self = absl::StrCat(getpid());
  EXPECT_EQ(WatchdogInterval("10000000", ""), absl::Seconds(5));
  EXPECT_EQ(WatchdogInterval("10000000", self), absl::Seconds(5));
  EXPECT_EQ(WatchdogInterval("10000000", "1"), absl::InfiniteDuration());
  for (const char* usec : {"", "0", "-5", "soon"}) {
    EXPECT_EQ(WatchdogInterval(usec, ""), absl::InfiniteDuration()) << usec;
  }
}

}  // namespace
}  // namespace shardd
