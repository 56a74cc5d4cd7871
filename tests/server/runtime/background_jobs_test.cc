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

constexpr OperationId kAtWork{1};
constexpr OperationId kOtherOperation{2};

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
    ASSERT_EQ(jobs_.Add(kAtWork, hold_up), Added::kAccepted);
    begun_.Await();
  }

  // One that says when it is its turn.
  Added AddLast() {
    return jobs_.Add(kOtherOperation, [this](ThreadRecord&, auto&) { last_.Open(); });
  }

  bool first_was_cancelled_ = false;
  FakeClock clock_;
  ThreadRegistry threads_{clock_};
  Gate begun_;
  Gate gate_;
  Gate last_;
  BackgroundJobs jobs_{"jobs", threads_};
};

TEST_F(BackgroundJobsTest, AsManyWaitAsOperationsRunAtOnce) {
  size_t done = 0;
  for (size_t i = 1; i < limits::kOperationsRunningMax; ++i) {
    EXPECT_EQ(jobs_.Add(kOtherOperation, [&done](ThreadRecord&, auto&) { ++done; }),
              Added::kAccepted);
  }
  EXPECT_EQ(AddLast(), Added::kAccepted);
  EXPECT_EQ(AddLast(), Added::kFull);
  gate_.Open();
  last_.Await();
  EXPECT_EQ(done, limits::kOperationsRunningMax - 1);
  jobs_.Stop();
  EXPECT_EQ(AddLast(), Added::kClosed);
}

// Plan: two jobs wait together; while the second runs, what the first held is gone.
TEST_F(BackgroundJobsTest, AJobLetsGoOfWhatItHoldsWhenItIsDone) {
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = held;
  bool gone = false;
  EXPECT_EQ(jobs_.Add(kOtherOperation, [held = std::move(held)](ThreadRecord&, auto&) {}),
            Added::kAccepted);
  EXPECT_EQ(jobs_.Add(kOtherOperation, [&](ThreadRecord&, auto&) { gone = watched.expired(); }),
            Added::kAccepted);
  EXPECT_EQ(AddLast(), Added::kAccepted);
  gate_.Open();
  last_.Await();
  EXPECT_TRUE(gone);
}

// Plan: of one operation, whose job runs, another one waits between two of a third.
TEST_F(BackgroundJobsTest, JobsOfOneOperationAreCancelled) {
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = held;
  std::vector<int> ran;
  const auto note = [&ran](int number) {
    return [&ran, number](ThreadRecord&, const std::atomic<bool>& cancelled) {
      EXPECT_FALSE(cancelled.load());
      ran.push_back(number);
    };
  };
  EXPECT_EQ(jobs_.Add(kOtherOperation, note(1)), Added::kAccepted);
  EXPECT_EQ(
      jobs_.Add(kAtWork, [held = std::move(held), run = note(2)](
                             ThreadRecord& record, auto& cancelled) { run(record, cancelled); }),
      Added::kAccepted);
  EXPECT_EQ(jobs_.Add(kOtherOperation, note(3)), Added::kAccepted);
  EXPECT_EQ(AddLast(), Added::kAccepted);
  jobs_.Cancel(kAtWork);
  jobs_.Cancel(OperationId{77});
  EXPECT_TRUE(watched.expired()) << "it does not wait for its turn to go";
  gate_.Open();
  last_.Await();
  EXPECT_TRUE(first_was_cancelled_);
  EXPECT_EQ(ran, (std::vector<int>{1, 3}));
}

// Plan: the job that runs ends when it is cancelled, and not before; another one waits.
TEST_F(BackgroundJobsTest, StopCancelsAll) {
  bool ended = false;
  const auto wait = [&](ThreadRecord&, const std::atomic<bool>& cancelled) {
    last_.Open();
    while (!cancelled.load()) std::this_thread::yield();
    ended = true;
  };
  EXPECT_EQ(jobs_.Add(kOtherOperation, wait), Added::kAccepted);
  EXPECT_EQ(jobs_.Add(kOtherOperation, [](ThreadRecord&, auto&) { ADD_FAILURE(); }),
            Added::kAccepted);
  gate_.Open();
  last_.Await();
  jobs_.Stop();
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace shardd
