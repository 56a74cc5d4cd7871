#pragma once

#include "absl/strings/string_view.h"

namespace shardd {

// Prints where and what, then aborts. Called by SHARDD_CHECK only.
[[noreturn]] void CheckFailed(const char* file, int line, absl::string_view condition);

}  // namespace shardd

// A promise of our own code, checked in every build. Never for outside data: that gets a Status.
#define SHARDD_CHECK(condition)                        \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::shardd::CheckFailed(__FILE__, __LINE__, #condition))
