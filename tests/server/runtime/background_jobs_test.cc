// Plan: hold the thread up in its first job, fill the queue behind it, and look at what is refused
// and at when a job lets go of what it holds.
#include "server/runtime/background_jobs.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "server/base/limits.h"
#include "server/base/mutex.h"
#include "tests/support/fake_clock.h"

namespace shardd {
namespace {

using Added = BackgroundJobs::Added;

constexpr OperationId kOperationAtWork{1};
constexpr OperationId kOperationInQueue{2};

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
    const auto hold_up = [this](ThreadRecord&, const std::atomic<bool>& cancelled) {
      begun_.Open();
      gate_.Await();
      first_was_cancelled_ = cancelled.load();
    };
    ASSERT_EQ(jobs_.Add(kOperationAtWork, hold_up), Added::kAccepted);
    begun_.Await();
  }

  bool first_was_cancelled_ = false;
  FakeClock clock_;
  ThreadRegistry threads_{clock_};
  Gate begun_;
  Gate gate_;
  BackgroundJobs jobs_{"jobs", threads_, clock_};
};

TEST_F(BackgroundJobsTest, AsManyWaitAsOperationsRunAtOnce) {
  size_t done = 0;
  for (size_t i = 0; i < limits::kOperationsRunningMax; ++i) {
    EXPECT_EQ(jobs_.Add(kOperationInQueue, [&done](ThreadRecord&, auto&) { ++done; }),
              Added::kAccepted);
  }
  EXPECT_EQ(jobs_.Add(kOperationInQueue, [](ThreadRecord&, auto&) {}), Added::kFull);
  gate_.Open();
  jobs_.Stop();
  EXPECT_EQ(done, limits::kOperationsRunningMax);
  EXPECT_EQ(jobs_.Add(kOperationInQueue, [](ThreadRecord&, auto&) {}), Added::kClosed);
}

// Plan: two jobs wait together; while the second runs, what the first held is gone.
TEST_F(BackgroundJobsTest, AJobLetsGoOfWhatItHoldsWhenItIsDone) {
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = held;
  bool gone = false;
  EXPECT_EQ(jobs_.Add(kOperationInQueue, [held = std::move(held)](ThreadRecord&, auto&) {}),
            Added::kAccepted);
  EXPECT_EQ(jobs_.Add(kOperationInQueue, [&](ThreadRecord&, auto&) { gone = watched.expired(); }),
            Added::kAccepted);
  gate_.Open();
  jobs_.Stop();
  EXPECT_TRUE(gone);
}

// Plan: one operation's job runs and another one waits behind it, between two of a third operation.
TEST_F(BackgroundJobsTest, JobsOfOneOperationAreCancelled) {
  std::vector<std::pair<OperationId, bool>> seen;
  for (const OperationId operation : {kOperationInQueue, kOperationAtWork, kOperationInQueue}) {
    const auto look = [&seen, operation](ThreadRecord&, const std::atomic<bool>& cancelled) {
      seen.emplace_back(operation, cancelled.load());
    };
    EXPECT_EQ(jobs_.Add(operation, look), Added::kAccepted);
  }
  Gate ended;
  jobs_.Cancel(kOperationAtWork);
  jobs_.Cancel(OperationId{77});
  EXPECT_EQ(jobs_.Add(kOperationInQueue, [&ended](ThreadRecord&, auto&) { ended.Open(); }),
            Added::kAccepted);
  gate_.Open();
  ended.Await();
  EXPECT_TRUE(first_was_cancelled_);
  const std::vector<std::pair<OperationId, bool>> expected = {
      {kOperationInQueue, false}, {kOperationAtWork, true}, {kOperationInQueue, false}};
  EXPECT_EQ(seen, expected);
}

// Plan: a job that ends when it is cancelled, and not before.
TEST_F(BackgroundJobsTest, StopCancelsAll) {
  bool cancelled = false;
  const auto wait = [&](ThreadRecord&, const std::atomic<bool>& flag) {
    while (!flag.load()) std::this_thread::yield();
    cancelled = true;
  };
  EXPECT_EQ(jobs_.Add(kOperationInQueue, wait), Added::kAccepted);
  gate_.Open();
  jobs_.Stop();
  EXPECT_TRUE(cancelled);
}

}  // namespace
}  // namespace shardd
