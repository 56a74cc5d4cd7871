// Plan: show pictures on a terminal and elsewhere, with keys, interrupts and a daemon that goes
// away; look at what is written, and when it ends.
#include "client/shardctl/live_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "tests/client/fake_daemon.h"

namespace shardd::shardctl {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class LiveScreenTest : public ::testing::Test {
 protected:
  absl::StatusOr<ExitCode> Show(const LiveOptions& options) {
    terminal_.size_now = [this] { return size_; };
    Invocation invocation(terminal_, interrupt_, clock_, global_);
    return ShowLive(invocation, options, view_);
  }

  void UseScreen(std::deque<char> keys) {
    terminal_.out_is_tty = true;
    keys_ = std::move(keys);
    terminal_.await_key = [this](absl::Duration wait) {
      clock_.Wait(wait);
      if (keys_.empty()) return char{0};
      const char key = keys_.front();
      keys_.pop_front();
      return key;
    };
  }

  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  Terminal terminal_{in_, out_, err_};
  TerminalSize size_;
  Interrupt interrupt_;
  client::JumpingClock clock_;
  GlobalOptions global_;
  std::deque<char> keys_;
  int drawn_ = 0;
  LiveView view_{.draw = [this](const TerminalSize&, std::ostream& out) {
    out << "picture " << ++drawn_ << "\n";
    return absl::OkStatus();
  }};
};

TEST_F(LiveScreenTest, WithoutAnIntervalOneFrameIsPrinted) {
  terminal_.out_is_tty = true;
  EXPECT_EQ(*Show({}), kOk);
  EXPECT_EQ(out_.str(), "picture 1\n");
}

TEST_F(LiveScreenTest, FramesFollowEachOtherInAPipe) {
  EXPECT_EQ(*Show({.interval = absl::Seconds(2), .count = 3}), kOk);
  EXPECT_EQ(out_.str(), "picture 1\n\npicture 2\n\npicture 3\n");
  EXPECT_GT(clock_.waits().size(), 30u);  // twice two seconds, looking for interrupts
}

TEST_F(LiveScreenTest, NothingSeparatesFramesForPrograms) {
  global_.format = Format::kJsonl;
  terminal_.out_is_tty = true;
  EXPECT_EQ(*Show({.interval = absl::Seconds(2), .count = 2}), kOk);
  EXPECT_EQ(out_.str(), "picture 1\npicture 2\n");
}

TEST_F(LiveScreenTest, ATerminalGetsAScreenOfItsOwnAndItsOldOneBack) {
  UseScreen({});
  EXPECT_EQ(*Show({.interval = absl::Seconds(1), .count = 2}), kOk);
  EXPECT_THAT(out_.str(), StartsWith("\x1b[?1049h"));
  EXPECT_THAT(out_.str(), HasSubstr("\x1b[Hpicture 1\x1b[K\x1b[J\x1b[Hpicture 2\x1b[K\x1b[J"));
  EXPECT_THAT(out_.str(), EndsWith("\x1b[?1049l"));
}

TEST_F(LiveScreenTest, WhatDoesNotFitIsCutOffAndCounted) {
  UseScreen({});
  size_ = {.width = 20, .height = 3};
  view_.draw = [](const TerminalSize& size, std::ostream& out) {
    EXPECT_EQ(size.height, 3u);
    out << "a\nb\nc\nd\ne\n";
    return absl::OkStatus();
  };
  EXPECT_EQ(*Show({.interval = absl::Seconds(1), .count = 1}), kOk);
  EXPECT_THAT(out_.str(), HasSubstr("a\x1b[K\r\nb\x1b[K\r\n… 3 more lines\x1b[K"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("c\x1b[K")));
}

TEST_F(LiveScreenTest, KeysEndItStopItAndReachTheView) {
  UseScreen({'s', ' ', 'x', ' ', 'q'});
  std::string seen;
  view_.on_key = [&seen](char key) {
    seen.push_back(key);
    return key == 's';
  };
  EXPECT_EQ(*Show({.interval = absl::Seconds(100)}), kOk);
  EXPECT_EQ(seen, "sx");
  // The first, one for the s, one when the space bar is pressed again.
  EXPECT_EQ(drawn_, 3);
  EXPECT_THAT(out_.str(), HasSubstr("the space bar goes on"));
}

TEST_F(LiveScreenTest, AnInterruptEndsIt) {
  view_.draw = [this](const TerminalSize&, std::ostream& out) {
    out << "x\n";
    if (++drawn_ == 2) {
      EXPECT_TRUE(interrupt_.Request());  // somebody takes notice
    }
    return absl::OkStatus();
  };
  EXPECT_EQ(*Show({.interval = absl::Seconds(1)}), kInterrupted);
  EXPECT_EQ(drawn_, 2);
}

TEST_F(LiveScreenTest, ADaemonThatIsAwayIsWaitedForButNotForEver) {
  view_.draw = [this](const TerminalSize&, std::ostream& out) -> absl::Status {
    if (++drawn_ > 1 && drawn_ != 5) return absl::UnavailableError("nobody there");
    out << "picture " << drawn_ << "\n";
    return absl::OkStatus();
  };
  const auto result = Show({.interval = absl::Seconds(2), .retry_for = absl::Seconds(7)});
  EXPECT_TRUE(absl::IsUnavailable(result.status())) << result.status();
  EXPECT_EQ(out_.str(), "picture 1\n\npicture 5\n");
  EXPECT_EQ(drawn_, 9);  // after 2, 4 and 6 seconds, and given up after 8
  EXPECT_THAT(err_.str(), HasSubstr("the daemon is away; trying again: nobody there\n"));
}

TEST_F(LiveScreenTest, TheScreenKeepsItsPictureWhileTheDaemonIsAway) {
  UseScreen({});
  view_.draw = [this](const TerminalSize&, std::ostream& out) -> absl::Status {
    if (++drawn_ == 2) return absl::UnavailableError("nobody there");
    out << "picture\n";
    return absl::OkStatus();
  };
  EXPECT_EQ(*Show({.interval = absl::Seconds(1), .count = 2}), kOk);
  EXPECT_THAT(out_.str(), HasSubstr("\x1b[Hpicture\x1b[K\r\nthe daemon is away"));
}

TEST_F(LiveScreenTest, AnErrorThatStaysIsAnError) {
  view_.draw = [this](const TerminalSize&, std::ostream&) -> absl::Status {
    ++drawn_;
    return absl::NotFoundError("no such shard");
  };
  EXPECT_TRUE(absl::IsNotFound(Show({.interval = absl::Seconds(1)}).status()));
  view_.draw = [](const TerminalSize&, std::ostream&) -> absl::Status {
    return absl::UnavailableError("never there");
  };
  EXPECT_TRUE(absl::IsUnavailable(Show({.interval = absl::Seconds(1)}).status()));
  EXPECT_EQ(out_.str(), "");
}

TEST(WatchOptionsTest, TheIntervalMayBeLeftOut) {
  const auto interval_of = [](std::string line) {
    CLI::App app;
    LiveOptions options;
    AddWatchOptions(&app, &options);
    app.parse(line);
    return options.interval;
  };
  EXPECT_EQ(interval_of(""), absl::ZeroDuration());
  EXPECT_EQ(interval_of("--watch"), absl::Seconds(2));
  EXPECT_EQ(interval_of("--watch --count 3"), absl::Seconds(2));
  EXPECT_EQ(interval_of("--watch=500ms"), absl::Milliseconds(500));
  EXPECT_THROW(interval_of("--watch=soon"), CLI::ValidationError);
  EXPECT_THROW(interval_of("--watch=0s"), CLI::ValidationError);
}

}  // namespace
}  // namespace shardd::shardctl
