#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shardd {

// Tells a service manager how the daemon is (sd_notify(3)): datagrams to the socket it named.
//
// Without a manager nothing is sent. A message that cannot be delivered is dropped: the daemon's
// work does not depend on who watches it.
//
// Thread safety: safe.
class NotifySocket {
 public:
  // `address` is a path, or "@" and an abstract name; empty: there is no manager.
  explicit NotifySocket(absl::string_view address);
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // The daemon takes calls.
  void Ready(absl::string_view status);
  // One line for people.
  void Status(absl::string_view status);
  void Stopping(absl::string_view status);
  void Watchdog();

 private:
  void Send(absl::string_view message);

  const std::string address_;
  const int fd_;
};

// How often to call Watchdog, from WATCHDOG_USEC and WATCHDOG_PID: twice in the time allowed.
// InfiniteDuration if nobody waits for it, or waits for another process.
absl::Duration WatchdogInterval(absl::string_view usec, absl::string_view pid);

}  // namespace shardd
