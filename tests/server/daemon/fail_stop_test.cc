#include "server/daemon/fail_stop.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

namespace shardd {
namespace {

// Plan: fail in a process of its own, with a destructor and an exit handler in wait; it ends with
// the code for storage, says why, and runs neither.
TEST(FailStopDeathTest, EndsAtOnceWithItsCodeAndReason) {
  const auto fail = [] {
    std::atexit([] { std::fputs("an exit handler ran\n", stderr); });
    const std::unique_ptr<Log> log = Log::ToStderr(LogLevel::kInfo, LogFormat::kJson);
    FailStop(absl::DataLossError("fdatasync: Input/output error"), *log);
  };
  EXPECT_EXIT(
      fail(), ::testing::ExitedWithCode(71),
      "^[^\n]*storage failed[^\n]*\"reason\":\"fdatasync: Input/output error\",\"exit_code\":71"
      "[^\n]*\n$");
}

}  // namespace
}  // namespace shardd
