#include "server/daemon/signal_watcher.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "absl/time/time.h"

namespace shardd {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

// Plan: send this process the signals of an operator and expect one stop request for each, none for
// those that are ignored. Signals of one kind may merge while they are pending, so each is awaited.
TEST(SignalWatcherTest, TermAndIntAskToStop) {
  PrepareSignals();
  StopRequests stops;
  ThreadRegistry threads(RealClock());
  {
    const auto watcher = SignalWatcher::Start(stops, threads);
    ASSERT_TRUE(watcher.ok()) << watcher.status();
    EXPECT_FALSE(stops.AwaitAtLeast(1, absl::ZeroDuration()));
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGPIPE);
    kill(getpid(), SIGTERM);
    EXPECT_TRUE(stops.AwaitAtLeast(1, kPatience));
    EXPECT_FALSE(stops.AwaitAtLeast(2, absl::ZeroDuration()));
    kill(getpid(), SIGINT);
    EXPECT_TRUE(stops.AwaitAtLeast(2, kPatience));
    EXPECT_FALSE(stops.AwaitAtLeast(3, absl::ZeroDuration()));
  }
  // The thread has ended: a second watcher takes what comes later.
  const auto watcher = SignalWatcher::Start(stops, threads);
  kill(getpid(), SIGTERM);
  EXPECT_TRUE(stops.AwaitAtLeast(3, kPatience));
  EXPECT_EQ(threads.List().at(0).state, ThreadState::kStopped);
  EXPECT_EQ(threads.List().at(1).name, "signals");
}

}  // namespace
}  // namespace shardd
