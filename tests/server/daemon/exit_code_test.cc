#include "server/daemon/exit_code.h"

#include <gtest/gtest.h>

namespace shardd {
namespace {

// Plan: each reason for which a data folder is not opened has the code the manual gives it.
TEST(ExitCodeTest, EveryReasonHasItsCode) {
  using storage::OpenError;
  const std::pair<OpenError, int> rows[] = {
      {OpenError::kOther, 1},          {OpenError::kInvalidOptions, 78},
      {OpenError::kInUse, 75},         {OpenError::kNewerFormat, 74},
      {OpenError::kUnknownFamily, 74}, {OpenError::kCorrupt, 74},
      {OpenError::kDiskFull, 74},      {OpenError::kIo, 74}};
  for (const auto& [error, code] : rows) EXPECT_EQ(static_cast<int>(ExitCodeOf(error)), code);
  EXPECT_EQ(ExitCodeOfListen(absl::AlreadyExistsError("")), ExitCode::kHeld);
  EXPECT_EQ(ExitCodeOfListen(absl::InvalidArgumentError("")), ExitCode::kConfig);
  EXPECT_EQ(ExitCodeOfListen(absl::UnavailableError("")), ExitCode::kOther);
}

}  // namespace
}  // namespace shardd
