// Plan: write to a pipe that nobody reads until it is full: the writer never waits, and later says
// how much was lost.
#include "server/logging/urgent_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

namespace shardd {
namespace {

using ::testing::HasSubstr;

class UrgentLogTest : public testing::Test {
 protected:
  UrgentLogTest() { EXPECT_EQ(pipe(ends_), 0); }
  ~UrgentLogTest() override {
    close(ends_[0]);
    close(ends_[1]);
  }

  static LogLine Line(absl::string_view message) {
    LogLine line;
    line.time = absl::UnixEpoch();
    line.level = LogLevel::kWarning;
    line.component = "threads";
    line.message = message;
    return line;
  }

  // Reads up to the end of the line that holds `text`.
  std::string ReadUntil(const std::string& text) {
    std::string all;
    char byte = 0;
    while (read(ends_[0], &byte, 1) == 1) {
      all.push_back(byte);
      if (byte == '\n' && all.find(text) != std::string::npos) break;
    }
    return all;
  }

  int ends_[2] = {-1, -1};
  ThreadRegistry threads_{RealClock()};
};

TEST_F(UrgentLogTest, WritesLinesInOrder) {
  {
    UrgentLog log(ends_[1], LogFormat::kText, threads_);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(log.Write(Line(absl::StrCat("line ", i, "."))));
  }
  const std::string text = ReadUntil("line 99.");
  EXPECT_THAT(text, HasSubstr("1970-01-01T00:00:00.000Z warn  threads  line 0."));
  EXPECT_LT(text.find("line 7."), text.find("line 8."));
  EXPECT_EQ(threads_.List().at(0).state, ThreadState::kStopped);
}

TEST_F(UrgentLogTest, DropsLinesInsteadOfWaiting) {
  fcntl(ends_[1], F_SETPIPE_SZ, 4096);
  auto log = std::make_unique<UrgentLog>(ends_[1], LogFormat::kJson, threads_);
  const std::string long_text(1000, 'x');
  size_t dropped = 0;
  // More than the pipe and the log hold together; nobody reads.
  for (size_t i = 0; i < 3 * UrgentLog::kLinesMax; ++i) {
    if (!log->Write(Line(long_text))) ++dropped;
  }
  EXPECT_GE(dropped, UrgentLog::kLinesMax);
  // Somebody reads now: there is room again, and the loss is told.
  for (bool told = false; !told;) {
    char bytes[1024];
    ASSERT_GT(read(ends_[0], bytes, sizeof(bytes)), 0);
    told = log->Write(Line("the last"));
    if (!told) ++dropped;
  }
  const std::string text = ReadUntil("the last");
  EXPECT_THAT(text, HasSubstr(absl::StrCat("the last (", dropped, " lines before this")));
}

}  // namespace
}  // namespace shardd
