// Plan: show samples of threads at chosen times, and expect the events that follow from them: no
// threads, no clock.
#include "server/threads_tracking_service/thread_monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/threads_tracking_service/limits.h"

namespace shardd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kStart = absl::FromUnixSeconds(1'000'000'000);
constexpr absl::Duration kLook = limits::kThreadLookInterval;

absl::Time At(double seconds) { return kStart + absl::Seconds(seconds); }

ThreadSample Sample(ThreadPhase phase, absl::Time since) {
  ThreadSample sample;
  sample.id = ThreadId{1};
  sample.name = "worker/s-0003";
  sample.role = ThreadRole::kWorker;
  sample.shard = ShardId{3};
  sample.parent_shard = ShardId{2};
  sample.loop_time = kStart;
  sample.phase = phase;
  sample.phase_since = since;
  return sample;
}

class ThreadMonitorTest : public testing::Test {
 protected:
  // Looks every kLook from the time after the last look to `until`; the events that came, as
  // "kind" or "kind phase time".
  std::vector<std::string> LookUntil(absl::Time until, const ThreadSample& sample) {
    std::vector<std::string> texts;
    for (now_ += kLook; now_ <= until; now_ += kLook) Look(sample, texts);
    now_ -= kLook;
    return texts;
  }

  void Look(const ThreadSample& sample, std::vector<std::string>& texts) {
    ThreadMonitor::Findings findings = monitor_.Look(now_, {&sample, 1});
    verdict_ = findings.verdicts.at(0);
    for (ThreadEvent& event : findings.events) {
      texts.emplace_back(NameOf(event.kind));
      const bool stall = event.kind == ThreadEventKind::kStalled;
      if (stall || event.kind == ThreadEventKind::kRecovered) {
        absl::StrAppend(&texts.back(), " ", NameOf(event.phase), " ",
                        absl::FormatDuration(event.phase_time));
      }
      last_ = std::move(event);
    }
  }

  ThreadMonitor monitor_{StallLimits::After(absl::Seconds(2))};
  absl::Time now_ = kStart - kLook;
  ThreadMonitor::Verdict verdict_;
  ThreadEvent last_;
};

TEST_F(ThreadMonitorTest, AThreadThatWaitsForWorkIsNeverStalled) {
  EXPECT_THAT(LookUntil(At(3600), Sample(ThreadPhase::kIdle, kStart)), ElementsAre("started"));
  EXPECT_EQ(last_.time, kStart);
  EXPECT_EQ(last_.shard, ShardId{3});
  EXPECT_EQ(last_.parent_shard, ShardId{2});
  EXPECT_FALSE(verdict_.stalled_since.has_value());
}

TEST_F(ThreadMonitorTest, ALongCommitIsOneStallAndOneRecovery) {
  LookUntil(At(1), Sample(ThreadPhase::kIdle, kStart));
  ThreadSample commit = Sample(ThreadPhase::kCommitting, At(1.1));
  commit.operation = "apply";
  EXPECT_THAT(LookUntil(At(3), commit), IsEmpty());
  EXPECT_FALSE(verdict_.stalled_since.has_value());
  EXPECT_THAT(LookUntil(At(20), commit), ElementsAre("stalled committing 2.15s"));
  EXPECT_EQ(verdict_.stalled_since, At(3.25));
  EXPECT_EQ(last_.name, "worker/s-0003");
  EXPECT_EQ(last_.operation, "apply");
  EXPECT_EQ(CauseOf(last_.phase), StallCause::kStorage);
  EXPECT_THAT(LookUntil(At(21), Sample(ThreadPhase::kReplying, At(20.6))),
              ElementsAre("recovered committing 19.5s"));
  EXPECT_EQ(last_.time, At(20.6));
  EXPECT_EQ(last_.operation, "apply");
  EXPECT_FALSE(verdict_.stalled_since.has_value());
}

// Plan: each phase alone; how long it may take, and who is to blame.
TEST(StallLimitsTest, EachPhaseHasItsLimitAndItsCause) {
  struct Row {
    ThreadPhase phase;
    absl::Duration limit;
    StallCause cause;
  };
  const StallLimits limits = StallLimits::After(absl::Seconds(2));
  for (const Row& row : {
           Row{ThreadPhase::kRunning, absl::Seconds(2), StallCause::kWork},
           Row{ThreadPhase::kCommitting, absl::Seconds(2), StallCause::kStorage},
           Row{ThreadPhase::kSyncing, absl::Seconds(2), StallCause::kStorage},
           Row{ThreadPhase::kReplying, absl::Seconds(2), StallCause::kAnswers},
           Row{ThreadPhase::kWaiting, absl::Seconds(30), StallCause::kOtherThread},
       }) {
    SCOPED_TRACE(std::string(NameOf(row.phase)));
    EXPECT_EQ(limits.Of(row.phase), row.limit);
    EXPECT_EQ(CauseOf(row.phase), row.cause);
    ThreadMonitor monitor(limits);
    absl::Time stalled;
    for (absl::Time now = kStart; now <= kStart + absl::Minutes(1); now += kLook) {
      const ThreadSample sample = Sample(row.phase, kStart);
      for (const ThreadEvent& event : monitor.Look(now, {&sample, 1}).events) {
        if (event.kind == ThreadEventKind::kStalled) stalled = event.time;
      }
    }
    EXPECT_EQ(stalled, kStart + row.limit);
  }
  EXPECT_EQ(limits.Of(ThreadPhase::kIdle), absl::InfiniteDuration());
  EXPECT_EQ(limits.Of(ThreadPhase::kCompacting), absl::InfiniteDuration());
  EXPECT_EQ(StallLimits::After(absl::ZeroDuration()).Of(ThreadPhase::kCommitting),
            absl::InfiniteDuration());
  EXPECT_EQ(limits.not_woken, absl::Seconds(2));
  EXPECT_EQ(StallLimits::After(absl::ZeroDuration()).not_woken, absl::InfiniteDuration());
}

// Plan: looks nearer together than the longest that counts in full, as far apart as that, and
// farther: so many looks until ten seconds have been seen.
TEST(StallLimitsTest, ALookCountsForNoMoreThanItsLongest) {
  for (const auto& [gap, looks_expected] :
       {std::pair(limits::kThreadLookGapMax / 2, 20), std::pair(limits::kThreadLookGapMax, 10),
        std::pair(2 * limits::kThreadLookGapMax, 10)}) {
    SCOPED_TRACE(absl::FormatDuration(gap));
    ThreadMonitor monitor(StallLimits::After(10 * limits::kThreadLookGapMax));
    const ThreadSample commit = Sample(ThreadPhase::kCommitting, kStart);
    int looks = 0;
    bool stalled = false;
    for (absl::Time now = kStart; !stalled && looks < 100; ++looks) {
      stalled = monitor.Look(now += gap, {&commit, 1}).verdicts.at(0).stalled_since.has_value();
    }
    EXPECT_EQ(looks, looks_expected);
  }
}

// Plan: with the defaults, a commit gets stuck at any moment between two looks; it must be named
// within three seconds.
TEST(StallLimitsTest, AStuckCommitIsNamedWithinThreeSeconds) {
  for (absl::Duration offset; offset < kLook; offset += absl::Milliseconds(10)) {
    ThreadMonitor monitor(StallLimits::After(limits::kStallAfterDefault));
    const absl::Time since = kStart + offset;
    absl::Time stalled = absl::InfiniteFuture();
    for (absl::Time now = kStart; now <= At(10); now += kLook) {
      const ThreadSample sample = now < since ? Sample(ThreadPhase::kIdle, kStart)
                                              : Sample(ThreadPhase::kCommitting, since);
      for (const ThreadEvent& event : monitor.Look(now, {&sample, 1}).events) {
        if (event.kind == ThreadEventKind::kStalled) stalled = event.time;
      }
    }
    EXPECT_LT(stalled - since, absl::Seconds(3));
    EXPECT_GE(stalled - since, limits::kStallAfterDefault);
  }
}

// Plan: a thread that changes its phase in time, or begins the same anew, is not stalled, however
// long its turn is.
TEST_F(ThreadMonitorTest, ProgressIsNoStall) {
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) {
    now_ += absl::Seconds(1);
    Look(Sample(ThreadPhase::kRunning, now_ - absl::Milliseconds(900)), texts);
  }
  EXPECT_THAT(texts, ElementsAre("started"));
}

// Plan: work comes for an idle thread, which does not wake; then it does.
TEST_F(ThreadMonitorTest, AnIdleThreadForWhichWorkWaitsIsStalled) {
  LookUntil(At(100), Sample(ThreadPhase::kIdle, kStart));
  ThreadSample asleep = Sample(ThreadPhase::kIdle, kStart);
  asleep.work_since = At(100.1);
  EXPECT_THAT(LookUntil(At(102), asleep), IsEmpty());
  EXPECT_THAT(LookUntil(At(110), asleep), ElementsAre("stalled idle 2.15s"));
  EXPECT_EQ(verdict_.stalled_since, At(102.25));
  EXPECT_EQ(CauseOf(last_.phase), StallCause::kNotWoken);
  EXPECT_EQ(ToText(last_),
            "thread worker/s-0003 has been idle for 2.15s while requests wait; it was not woken");
  EXPECT_THAT(LookUntil(At(111), Sample(ThreadPhase::kRunning, At(110.1))),
              ElementsAre("recovered idle 10s"));
  EXPECT_EQ(last_.time, At(110.1));
  EXPECT_EQ(ToText(last_), "thread worker/s-0003 was idle for 10s while requests waited");
  EXPECT_FALSE(verdict_.stalled_since.has_value());
}

// Plan: work was there before the thread went idle; another thread takes it away in the end.
TEST_F(ThreadMonitorTest, WorkThatGoesToAnotherThreadEndsTheStall) {
  ThreadSample asleep = Sample(ThreadPhase::kIdle, At(1));
  asleep.work_since = kStart;
  EXPECT_THAT(LookUntil(At(10), asleep), ElementsAre("started", "stalled idle 2s"));
  EXPECT_THAT(LookUntil(At(60), Sample(ThreadPhase::kIdle, At(1))),
              ElementsAre("recovered idle 9.25s"));
  EXPECT_EQ(last_.time, At(10.25));
}

// Plan: whenever the watch looks, work has just come: the thread takes it each time.
TEST_F(ThreadMonitorTest, WorkThatIsTakenIsNoStall) {
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) {
    now_ += kLook;
    ThreadSample sample = Sample(ThreadPhase::kIdle, kStart);
    sample.work_since = now_ - absl::Milliseconds(1);
    Look(sample, texts);
  }
  EXPECT_THAT(texts, ElementsAre("started"));
}

// Plan: a compaction of a day is told from the outside, and is no stall; what follows it is judged
// as ever.
TEST_F(ThreadMonitorTest, ACompactionIsNoStall) {
  EXPECT_THAT(LookUntil(At(24 * 3600), Sample(ThreadPhase::kCompacting, kStart)),
              ElementsAre("started"));
  EXPECT_FALSE(verdict_.stalled_since.has_value());
  EXPECT_THAT(LookUntil(now_ + absl::Seconds(3), Sample(ThreadPhase::kRunning, now_)),
              ElementsAre("stalled running 2s"));
}

// Plan: the process is paused for an hour in the middle of a commit that was young.
TEST_F(ThreadMonitorTest, TimeInWhichNobodyLookedIsNotHeldAgainstThreads) {
  const ThreadSample commit = Sample(ThreadPhase::kCommitting, At(0.5));
  LookUntil(At(1), commit);
  now_ += absl::Hours(1);
  std::vector<std::string> texts;
  Look(commit, texts);
  EXPECT_THAT(texts, IsEmpty());
  // It goes on being stuck: what counts is what was seen, half a second and one long look.
  EXPECT_THAT(LookUntil(now_ + absl::Milliseconds(400), commit), IsEmpty());
  EXPECT_EQ(LookUntil(now_ + absl::Seconds(1), commit).size(), 1u);
}

TEST_F(ThreadMonitorTest, APhaseThatBeganBeforeThePauseAndIsFirstSeenAfterItIsYoung) {
  LookUntil(At(1), Sample(ThreadPhase::kIdle, kStart));
  now_ += absl::Hours(1);
  std::vector<std::string> texts;
  Look(Sample(ThreadPhase::kRunning, At(1.1)), texts);
  EXPECT_THAT(texts, IsEmpty());
}

TEST_F(ThreadMonitorTest, StoppingEndsAStallToo) {
  LookUntil(At(5), Sample(ThreadPhase::kSyncing, kStart));
  ThreadSample stopped = Sample(ThreadPhase::kSyncing, kStart);
  stopped.stop_time = At(5.1);
  EXPECT_THAT(LookUntil(At(6), stopped), ElementsAre("recovered syncing 5.1s", "stopped"));
  EXPECT_EQ(last_.time, At(5.1));
  EXPECT_FALSE(verdict_.stalled_since.has_value());
}

TEST_F(ThreadMonitorTest, AThreadThatIsFirstSeenAtItsEndHasStartedToo) {
  ThreadSample stopped = Sample(ThreadPhase::kIdle, kStart);
  stopped.stop_time = At(0.1);
  EXPECT_THAT(LookUntil(At(1), stopped), ElementsAre("started", "stopped"));
}

TEST_F(ThreadMonitorTest, AThreadThatNeverEntersItsLoopHasNoEvents) {
  ThreadSample sample = Sample(ThreadPhase::kIdle, kStart);
  sample.loop_time.reset();
  EXPECT_THAT(LookUntil(At(60), sample), IsEmpty());
  sample.stop_time = At(61);
  EXPECT_THAT(LookUntil(At(62), sample), IsEmpty());
}

TEST_F(ThreadMonitorTest, TellsHowMuchProcessorTimeAStallUsed) {
  ThreadSample spinning = Sample(ThreadPhase::kRunning, kStart);
  spinning.cpu_time = absl::Seconds(10);
  LookUntil(At(1), spinning);
  spinning.cpu_time = absl::Seconds(12);
  EXPECT_THAT(LookUntil(At(2), spinning), ElementsAre("stalled running 2s"));
  EXPECT_EQ(last_.cpu_time, absl::Seconds(2));
}

TEST_F(ThreadMonitorTest, AThreadThatIsGoneIsForgotten) {
  LookUntil(At(1), Sample(ThreadPhase::kIdle, kStart));
  now_ += kLook;
  EXPECT_THAT(monitor_.Look(now_, {}).events, IsEmpty());
  EXPECT_THAT(LookUntil(At(2), Sample(ThreadPhase::kIdle, kStart)), ElementsAre("started"));
}

// Plan: half of each second busy, for a while; then idle for longer than the window.
TEST(BusyWindowTest, IsTheShareOfTheLastTenSeconds) {
  BusyWindow window;
  EXPECT_EQ(window.Add(kStart, absl::Seconds(100)), 0);
  double ratio = 0;
  for (int i = 1; i <= 100; ++i) ratio = window.Add(At(i), absl::Seconds(100 + i * 0.5));
  EXPECT_NEAR(ratio, 0.5, 0.001);
  for (int i = 101; i <= 105; ++i) ratio = window.Add(At(i), absl::Seconds(150));
  EXPECT_NEAR(ratio, 0.25, 0.001);
  for (int i = 106; i <= 111; ++i) ratio = window.Add(At(i), absl::Seconds(150));
  EXPECT_EQ(ratio, 0);
}

// Plan: readings that come more often than the window keeps them, and those that are not quite
// true: a turn may be counted twice while it ends.
TEST(BusyWindowTest, StaysBetweenNoneAndAll) {
  BusyWindow window;
  window.Add(kStart, absl::ZeroDuration());
  EXPECT_NEAR(window.Add(At(0.25), absl::Seconds(0.125)), 0.5, 0.001);
  EXPECT_EQ(window.Add(At(0.5), absl::Seconds(7)), 1);
  EXPECT_EQ(window.Add(At(0.75), absl::Seconds(-1)), 0);
}

}  // namespace
}  // namespace shardd
