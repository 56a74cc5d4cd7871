#include "client/shardctl/keyboard.h"

#include <poll.h>
#include <unistd.h>

namespace shardd::shardctl {

char Keyboard::AwaitKey(absl::Duration wait) {
  Take();
  pollfd input = {.fd = in_fd_, .events = POLLIN, .revents = 0};
  if (gone_) input.fd = -1;  // then poll only waits
  const int ready = poll(&input, 1, static_cast<int>(absl::ToInt64Milliseconds(wait)));
  if (ready <= 0) return 0;
  char key = 0;
  if (read(in_fd_, &key, 1) == 1) return key;
  gone_ = true;
  return 0;
}

void Keyboard::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (before_.has_value()) return;
  termios now;
  if (tcgetattr(in_fd_, &now) != 0) return;
  before_ = now;
  now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  now.c_cc[VMIN] = 1;
  now.c_cc[VTIME] = 0;
  tcsetattr(in_fd_, TCSANOW, &now);
}

void Keyboard::Release() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!before_.has_value()) return;
  tcsetattr(in_fd_, TCSANOW, &*before_);
  before_.reset();
}

void Keyboard::Abandon() {
  constexpr char kUsualScreen[] = "\x1b[?7h\x1b[?25h\x1b[?1049l";
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!before_.has_value()) return;
  }
  static_cast<void>(!write(out_fd_, kUsualScreen, sizeof(kUsualScreen) - 1));
  Release();
}

}  // namespace shardd::shardctl
