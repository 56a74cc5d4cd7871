#include "server/daemon/drain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace shardd {
namespace {

using ::testing::ElementsAre;

// Time that passes only by waiting. The operator's hurry begins at `hurry_at`.
class FakeTimer final : public DrainTimer {
 public:
  absl::Time Now() override { return now_; }
  bool WaitUntil(absl::Time time) override {
    now_ = std::max(now_, std::min(time, hurry_at));
    return now_ >= hurry_at;
  }
  std::string Elapsed() const { return absl::FormatDuration(now_ - absl::UnixEpoch()); }

  absl::Time hurry_at = absl::InfiniteFuture();

 private:
  absl::Time now_ = absl::UnixEpoch();
};

// A daemon whose accepted work is finished at `work_ends`, and which notes what is done to it and
// when.
class FakeDaemon final : public DrainSteps {
 public:
  explicit FakeDaemon(FakeTimer& timer) : timer_(timer) {}

  void StopBeingReady() override { Note("not ready"); }
  void RefuseNewWork() override { Note("refuse"); }
  uint64_t Unfinished() override { return timer_.Now() < work_ends ? 7 : 0; }
  absl::Status EndWork(absl::Time deadline) override {
    Note(absl::StrCat("end by ", absl::FormatDuration(deadline - absl::UnixEpoch())));
    return Unfinished() == 0 ? absl::OkStatus() : absl::DeadlineExceededError("7 given up");
  }
  absl::Status Close() override {
    Note("close");
    return close_status;
  }

  absl::Time work_ends = absl::UnixEpoch();
  absl::Status close_status;
  std::vector<std::string> notes;

 private:
  void Note(const std::string& what) { notes.push_back(absl::StrCat(timer_.Elapsed(), " ", what)); }
  FakeTimer& timer_;
};

class DrainTest : public ::testing::Test {
 protected:
  absl::Status Run() {
    return Drain({.wait = absl::Seconds(8), .timeout = absl::Seconds(30)}, daemon_, timer_, *log_);
  }

  FakeTimer timer_;
  FakeDaemon daemon_{timer_};
  std::ostringstream lines_;
  const std::unique_ptr<Log> log_ = Log::ToStream(lines_, LogLevel::kInfo, LogFormat::kText);
};

// Plan: nothing is under way; all phases come in order, after the wait and without a further one.
TEST_F(DrainTest, PhasesComeInOrder) {
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(daemon_.notes, ElementsAre("0 not ready", "8s refuse", "8s end by 38s", "8s close"));
}

// Plan: work takes five seconds; it is waited for, with a line a second, and not longer.
TEST_F(DrainTest, AcceptedWorkIsWaitedFor) {
  daemon_.work_ends = absl::UnixEpoch() + absl::Seconds(13);
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(daemon_.notes,
              ElementsAre("0 not ready", "8s refuse", "13s end by 38s", "13s close"));
  EXPECT_THAT(lines_.str(), ::testing::HasSubstr("finishing accepted work unfinished=7"));
  EXPECT_EQ(lines_.str().find("given up"), std::string::npos);
}

// Plan: work never ends; it is given up at the timeout, said so, and the data is still closed.
TEST_F(DrainTest, WorkPastTheTimeoutIsGivenUpButTheDataIsClosed) {
  daemon_.work_ends = absl::InfiniteFuture();
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(daemon_.notes,
              ElementsAre("0 not ready", "8s refuse", "38s end by 38s", "38s close"));
  EXPECT_THAT(lines_.str(), ::testing::HasSubstr("given up unanswered reason=\"7 given up\""));
}

// Plan: the operator hurries in each of the two waits; what is left of both is skipped, the rest is
// not.
TEST_F(DrainTest, HurrySkipsTheWaitsButNotTheSync) {
  daemon_.work_ends = absl::InfiniteFuture();
  timer_.hurry_at = absl::UnixEpoch() + absl::Seconds(3);
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(daemon_.notes, ElementsAre("0 not ready", "3s refuse", "3s end by 3s", "3s close"));
}

TEST_F(DrainTest, HurryWhileWorkIsFinished) {
  daemon_.work_ends = absl::InfiniteFuture();
  timer_.hurry_at = absl::UnixEpoch() + absl::Milliseconds(10'500);
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(daemon_.notes,
              ElementsAre("0 not ready", "8s refuse", "10.5s end by 10.5s", "10.5s close"));
}

// Plan: closing fails; the drain says so by its status and in the log.
TEST_F(DrainTest, AFailedCloseIsAFailure) {
  daemon_.close_status = absl::DataLossError("sync: Input/output error");
  EXPECT_EQ(Run().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(lines_.str(), ::testing::HasSubstr("acknowledged writes may be at risk "
                                                 "reason=\"sync: Input/output error\""));
}

}  // namespace
}  // namespace shardd
