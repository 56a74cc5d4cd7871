#include "server/base/check.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace shardd {

void CheckFailed(const char* file, int line, absl::string_view condition) {
  std::array<char, 16> thread{};
  pthread_getname_np(pthread_self(), thread.data(), thread.size());
  // Written past stdio and the log, whose locks this very thread may hold.
  std::array<char, 1024> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "%s:%d: check failed: %.*s (thread %s)\n", file, line,
                    static_cast<int>(condition.size()), condition.data(), thread.data());
  const size_t bytes = std::min(static_cast<size_t>(std::max(length, 0)), text.size() - 1);
  static_cast<void>(!write(STDERR_FILENO, text.data(), bytes));
  std::abort();
}

}  // namespace shardd
