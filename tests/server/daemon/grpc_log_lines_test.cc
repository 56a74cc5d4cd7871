#include "server/daemon/grpc_log_lines.h"

#include <gmock/gmock.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"

namespace shardd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Plan: let gRPC say something bad and something of interest to developers, before, during and
// after; the log has the two lines of the middle, each at its level.
TEST(GrpcLogLinesTest, GrpcSpeaksThroughTheLogWhileThereIsOne) {
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_INFO);
  std::ostringstream out;
  const std::unique_ptr<Log> log = Log::ToStream(out, LogLevel::kDebug, LogFormat::kJson);
  {
    const GrpcLogLines lines(*log);
    gpr_log_message(__FILE__, __LINE__, GPR_LOG_SEVERITY_ERROR, "not HTTP/2");
    gpr_log_message(__FILE__, __LINE__, GPR_LOG_SEVERITY_INFO, "a\nb");
  }
  gpr_log_message(__FILE__, __LINE__, GPR_LOG_SEVERITY_ERROR, "afterwards");
  log->Flush();
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  const std::vector<std::string> written = absl::StrSplit(out.str(), '\n', absl::SkipEmpty());
  ASSERT_EQ(written.size(), 2U) << out.str();
  EXPECT_THAT(written[0], AllOf(HasSubstr("\"level\":\"error\""),
                                HasSubstr("\"component\":\"grpc\""), HasSubstr("not HTTP/2")));
  EXPECT_THAT(written[1], AllOf(HasSubstr("\"level\":\"debug\""), HasSubstr("a\\nb")));
}

}  // namespace
}  // namespace shardd
