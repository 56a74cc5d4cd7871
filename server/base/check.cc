#include "server/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace shardd {

void CheckFailed(const char* file, int line, absl::string_view condition) {
  std::fprintf(stderr, "%s:%d: check failed: %.*s\n", file, line,
               static_cast<int>(condition.size()), condition.data());
  std::abort();
}

}  // namespace shardd
