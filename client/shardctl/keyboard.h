#pragma once

#include <termios.h>

#include <mutex>
#include <optional>

#include "absl/time/time.h"

namespace shardd::shardctl {

// Keys as they are pressed, without waiting for the end of a line.
//
// The first call of AwaitKey takes the terminal out of line mode and stops it from showing what is
// typed; Release undoes that. Ctrl-C still interrupts.
//
// Thread safety: AwaitKey from one thread, the rest from any. A lock: a second interrupt ends the
// process from another thread, and must leave the terminal as it was found.
class Keyboard {
 public:
  Keyboard(int in_fd, int out_fd) : in_fd_(in_fd), out_fd_(out_fd) {}

  // The next key, or 0 when none was pressed for so long.
  char AwaitKey(absl::Duration wait);

  // Harmless when called again.
  void Release();

  // Release for a process that ends at once: also leaves a screen of its own, if there is one.
  void Abandon();

 private:
  void Take();

  const int in_fd_;
  const int out_fd_;
  std::mutex mutex_;
  std::optional<termios> before_;  // how the terminal was found; guarded by mutex_
  bool gone_ = false;              // the input has ended; of AwaitKey's thread
};

}  // namespace shardd::shardctl
