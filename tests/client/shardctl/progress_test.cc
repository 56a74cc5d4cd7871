// Plan: show progress on a terminal with a clock of the test's own, and compare the lines.
#include "client/shardctl/progress.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "absl/time/time.h"
#include "client/clock.h"
#include "client/shardctl/terminal.h"

namespace shardd::shardctl {
namespace {

class SetClock final : public client::Clock {
 public:
  absl::Time Now() const override { return now_; }
  void Wait(absl::Duration duration) override { now_ += duration; }

 private:
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

class ProgressTest : public ::testing::Test {
 protected:
  // The line that is shown, without what removed the last one.
  std::string Show(Progress& progress, uint64_t count, uint64_t bytes) {
    err_.str("");
    progress.Show(count, bytes);
    const std::string line = err_.str();
    return line.substr(line.find("\x1b[K") + 3);
  }

  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  Terminal terminal_{.in = in_, .out = out_, .err = err_, .err_is_tty = true};
  SetClock clock_;
};

TEST_F(ProgressTest, WhatWasDoneBeforeDoesNotCountForTheRate) {
  Progress progress(terminal_, clock_, "steps", /*bytes_total=*/0);
  EXPECT_EQ(Show(progress, 1'000'000, 0), "1,000,000 steps");
  clock_.Wait(absl::Seconds(2));
  EXPECT_EQ(Show(progress, 1'000'500, 0), "1,000,500 steps  250/s");
}

TEST_F(ProgressTest, WorkThatBeginsAnewIsCountedAnew) {
  Progress progress(terminal_, clock_, "steps", /*bytes_total=*/0);
  Show(progress, 100, 0);
  clock_.Wait(absl::Seconds(10));
  Show(progress, 5'000, 0);
  clock_.Wait(absl::Seconds(1));
  EXPECT_EQ(Show(progress, 200, 0), "200 steps");
  clock_.Wait(absl::Seconds(2));
  EXPECT_EQ(Show(progress, 300, 0), "300 steps  50/s");
}

TEST_F(ProgressTest, TheTimeLeftGoesByWhatWasSeen) {
  Progress progress(terminal_, clock_, "accounts", /*bytes_total=*/100);
  Show(progress, 10, 50);
  clock_.Wait(absl::Seconds(10));
  const std::string line = Show(progress, 20, 75);
  EXPECT_NE(line.find(" 75%  20 accounts  1/s  ETA 10.0s"), std::string::npos) << line;
}

}  // namespace
}  // namespace shardd::shardctl
