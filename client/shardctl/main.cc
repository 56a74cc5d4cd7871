#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <thread>

#include "client/shardctl/app.h"
#include "client/shardctl/keyboard.h"
#include "google/protobuf/stubs/logging.h"

namespace {

using shardd::shardctl::Interrupt;
using shardd::shardctl::Keyboard;
using shardd::shardctl::Terminal;
using shardd::shardctl::TerminalSize;

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// Waits for signals on a thread of its own, where everything may be called.
void WatchSignals(Interrupt& interrupt, Keyboard& keyboard) {
  const sigset_t signals = StopSignals();
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) == 0 && !interrupt.Request()) {
      keyboard.Abandon();
      _exit(shardd::shardctl::kInterrupted);
    }
  }
}

TerminalSize SizeNow() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return {.width = size.ws_col, .height = size.ws_row};
}

size_t InputBytes() {
  struct stat input {};
  if (fstat(STDIN_FILENO, &input) != 0 || !S_ISREG(input.st_mode)) return 0;
  return static_cast<size_t>(input.st_size);
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // Not destroyed: the thread that watches for signals never ends.
  static auto* const interrupt = new Interrupt();
  static auto* const keyboard = new Keyboard(STDIN_FILENO, STDOUT_FILENO);
  std::thread([] { WatchSignals(*interrupt, *keyboard); }).detach();

  // What the library has to say of malformed text, the daemon says better.
  google::protobuf::SetLogHandler(nullptr);

  Terminal terminal{std::cin, std::cout, std::cerr};
  terminal.in_is_tty = isatty(STDIN_FILENO) == 1;
  terminal.out_is_tty = isatty(STDOUT_FILENO) == 1;
  terminal.err_is_tty = isatty(STDERR_FILENO) == 1;
  terminal.width = SizeNow().width;
  terminal.size_now = SizeNow;
  if (terminal.in_is_tty && terminal.out_is_tty) {
    terminal.await_key = [](absl::Duration wait) { return keyboard->AwaitKey(wait); };
  }
  terminal.in_bytes = InputBytes();
  terminal.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
  const int exit_code = shardd::shardctl::RunShardctl({argv + 1, argv + argc}, terminal, *interrupt,
                                                      shardd::client::RealClock());
  keyboard->Release();
  return exit_code;
}
