#include "server/daemon/signal_watcher.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace shardd {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void PrepareSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
}

absl::StatusOr<std::unique_ptr<SignalWatcher>> SignalWatcher::Start(StopRequests& stops,
                                                                    ThreadRegistry& threads) {
  const sigset_t signals = StopSignals();
  const int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_fd < 0) {
    return absl::InternalError(absl::StrCat("cannot wait for signals: ", std::strerror(errno)));
  }
  const int end_fd = eventfd(0, EFD_CLOEXEC);
  if (end_fd < 0) {
    close(signal_fd);
    return absl::InternalError(absl::StrCat("cannot make an eventfd: ", std::strerror(errno)));
  }
  return std::unique_ptr<SignalWatcher>(new SignalWatcher(signal_fd, end_fd, stops, threads));
}

SignalWatcher::SignalWatcher(int signal_fd, int end_fd, StopRequests& stops,
                             ThreadRegistry& threads)
    : signal_fd_(signal_fd),
      end_fd_(end_fd),
      stops_(stops),
      record_(threads.Register("signals", ThreadRole::kBackground, std::nullopt, nullptr)),
      thread_("signals", [this] { Run(); }) {}

SignalWatcher::~SignalWatcher() {
  const uint64_t one = 1;
  static_cast<void>(!write(end_fd_, &one, sizeof(one)));
  thread_.Join();
  close(end_fd_);
  close(signal_fd_);
}

void SignalWatcher::Run() {
  pollfd fds[] = {{.fd = signal_fd_, .events = POLLIN, .revents = 0},
                  {.fd = end_fd_, .events = POLLIN, .revents = 0}};
  record_->EnterPhase(ThreadPhase::kIdle);
  while (fds[1].revents == 0) {
    if (poll(fds, std::size(fds), -1) < 0) continue;  // EINTR
    signalfd_siginfo info;
    while (read(signal_fd_, &info, sizeof(info)) == sizeof(info)) {
      stops_.Add();
      record_->CountItems(1);
    }
  }
  record_->Stop();
}

}  // namespace shardd
