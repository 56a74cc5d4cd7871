#include "server/threads_tracking_service/thread_clock.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace shardd {

int OsThreadId() {
  thread_local const int id = static_cast<int>(syscall(SYS_gettid));
  return id;
}

std::optional<absl::Duration> CpuTimeOf(int os_thread_id) {
  // What pthread_getcpuclockid(3) makes, but from the thread's id: a pthread_t may not be used once
  // its thread has ended, while the kernel just says that there is no such clock.
  constexpr int kScheduledTimeOfThread = 6;
  const auto clock = static_cast<clockid_t>((~static_cast<unsigned>(os_thread_id) << 3) |
                                            static_cast<unsigned>(kScheduledTimeOfThread));
  timespec time;
  if (clock_gettime(clock, &time) != 0) return std::nullopt;
  return absl::DurationFromTimespec(time);
}

}  // namespace shardd
