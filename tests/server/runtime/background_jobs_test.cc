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

using JobAdded = BoundedQueue<BackgroundJobs::Job>::PushResult;

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

TEST(BackgroundJobsTest, AsManyWaitAsOperationsRunAtOnce) {
  FakeClock clock;
  ThreadRegistry threads(clock);
  BackgroundJobs jobs("jobs", threads, clock);
  Gate begun;
  Gate gate;
  ASSERT_EQ(jobs.Add([&](ThreadRecord&) {
    begun.Open();
    gate.Await();
  }),
            JobAdded::kAccepted);
  begun.Await();
  size_t done = 0;
  for (size_t i = 0; i < limits::kOperationsRunningMax; ++i) {
    EXPECT_EQ(jobs.Add([&done](ThreadRecord&) { ++done; }), JobAdded::kAccepted);
  }
  EXPECT_EQ(jobs.Add([](ThreadRecord&) {}), JobAdded::kFull);
  gate.Open();
  jobs.Stop();
  EXPECT_EQ(done, limits::kOperationsRunningMax);
  EXPECT_EQ(jobs.Add([](ThreadRecord&) {}), JobAdded::kClosed);
}

// Plan: two jobs wait together; while the second runs, what the first held is gone.
TEST(BackgroundJobsTest, AJobLetsGoOfWhatItHoldsWhenItIsDone) {
  FakeClock clock;
  ThreadRegistry threads(clock);
  BackgroundJobs jobs("jobs", threads, clock);
  Gate begun;
  Gate gate;
  ASSERT_EQ(jobs.Add([&](ThreadRecord&) {
    begun.Open();
    gate.Await();
  }),
            JobAdded::kAccepted);
  begun.Await();
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = held;
  bool gone = false;
  EXPECT_EQ(jobs.Add([held = std::move(held)](ThreadRecord&) {}), JobAdded::kAccepted);
  EXPECT_EQ(jobs.Add([&](ThreadRecord&) { gone = watched.expired(); }), JobAdded::kAccepted);
  gate.Open();
  jobs.Stop();
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace shardd
