// Plan: hold the thread up in its first job, fill the queue behind it, and look at what is refused
// and at when a job lets go of what it holds.
#include "server/runtime/background_jobs.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "server/base/limits.h"
#include "server/base/mutex.h"
#include "tests/support/fake_clock.h"

namespace shardd {
namespace {

using Added = BackgroundJobs::Added;

class Gate {
 public:
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Await() {
    MutexLock lock(mutex_);
    while (!open_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

// A thread that is in its first job until the gate is opened.
class BackgroundJobsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto hold_up = [this](ThreadRecord&) {
      begun_.Open();
      gate_.Await();
    };
    ASSERT_EQ(jobs_.Add(hold_up), Added::kAccepted);
    begun_.Await();
  }

  FakeClock clock_;
  ThreadRegistry threads_{clock_};
  Gate begun_;
  Gate gate_;
  BackgroundJobs jobs_{"jobs", threads_, clock_};
};

TEST_F(BackgroundJobsTest, AsManyWaitAsOperationsRunAtOnce) {
  size_t done = 0;
  for (size_t i = 0; i < limits::kOperationsRunningMax; ++i) {
    EXPECT_EQ(jobs_.Add([&done](ThreadRecord&) { ++done; }), Added::kAccepted);
  }
  EXPECT_EQ(jobs_.Add([](ThreadRecord&) {}), Added::kFull);
  gate_.Open();
  jobs_.Stop();
  EXPECT_EQ(done, limits::kOperationsRunningMax);
  EXPECT_EQ(jobs_.Add([](ThreadRecord&) {}), Added::kClosed);
}

// Plan: two jobs wait together; while the second runs, what the first held is gone.
TEST_F(BackgroundJobsTest, AJobLetsGoOfWhatItHoldsWhenItIsDone) {
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = held;
  bool gone = false;
  EXPECT_EQ(jobs_.Add([held = std::move(held)](ThreadRecord&) {}), Added::kAccepted);
  EXPECT_EQ(jobs_.Add([&](ThreadRecord&) { gone = watched.expired(); }), Added::kAccepted);
  gate_.Open();
  jobs_.Stop();
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace shardd
