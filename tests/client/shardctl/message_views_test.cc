// Plan: give a small daemon rates of messages between shards; what `status` and `top` say of them,
// for people and for programs. With more shards than fit, the busiest are shown and the rest is
// one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/shardctl/exit_code.h"
#include "tests/client/shardctl/shardctl_run.h"

namespace shardd::shardctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MessageViewsTest : public ::testing::Test {
 protected:
  void AddRate(const std::string& from, const std::string& to, double per_second) {
    v1::ShardMessageRate& rate = *rates_.add_rates();
    rate.set_sender_shard_id(from);
    rate.set_receiver_shard_id(to);
    rate.set_messages_per_second(per_second);
    rates_.set_messages_per_second(rates_.messages_per_second() + per_second);
    ctl_.daemon.WithStore([&](client::FakeStore& store) { store.mailboxes.rates = rates_; });
  }
  std::string Screen(const std::string& command) {
    return command == "top" ? ctl_.Run({"top", "--once"}).out : ctl_.Run({"status"}).out;
  }

  Shardctl ctl_;
  v1::GetMessageRatesResponse rates_;
};

TEST_F(MessageViewsTest, WithoutMessagesThereIsNoMatrix) {
  EXPECT_THAT(Screen("status"), HasSubstr("\nMessages    0/s from shard to shard\nThreads "));
  EXPECT_THAT(Screen("top"), HasSubstr("\nMESSAGES/S    none\n"));
  const auto json = ctl_.Run({"status", "-o", "json"}).json();
  EXPECT_EQ(json["messages_per_second"], 0.0);
  EXPECT_EQ(json["messages"]["pairs"].size(), 0u);
}

TEST_F(MessageViewsTest, TheMatrixNamesWhoSendsToWhom) {
  AddRate("s-0001", "s-0002", 1234.4);
  AddRate("s-0002", "s-0002", 7);
  AddRate("s-0003", "s-0001", 0.25);
  EXPECT_THAT(Screen("status"), HasSubstr("\nMessages    1,242/s from shard to shard\n"
                                          "            from \\ to  s-0001  s-0002\n"
                                          "            s-0001          -   1,234\n"
                                          "            s-0002          -       7\n"
                                          "            s-0003         <1       -\n"));
  EXPECT_THAT(Screen("top"), HasSubstr("\nMESSAGES/S    from \\ to  s-0001  s-0002\n"
                                       "              s-0001          -   1,234\n"));
  for (const char* command : {"status", "top"}) {
    const auto ran = command == std::string("top") ? ctl_.Run({"top", "--once", "-o", "json"})
                                                   : ctl_.Run({"status", "-o", "json"});
    const auto messages = ran.json()["messages"];
    EXPECT_EQ(messages["messages_per_second"], 1241.65) << command;
    ASSERT_EQ(messages["pairs"].size(), 3u);
    EXPECT_EQ(messages["pairs"][0]["from"], "s-0001");
    EXPECT_EQ(messages["pairs"][0]["to"], "s-0002");
    EXPECT_EQ(messages["pairs"][0]["messages_per_second"], 1234.4);
  }
}

// Plan: eight senders and two receivers, and senders that the daemon does not tell apart.
TEST_F(MessageViewsTest, OfManyShardsTheBusiestAreShown) {
  for (int sender = 1; sender <= 8; ++sender) {
    AddRate("s-000" + std::to_string(sender), "s-0009", 10 * sender);
    AddRate("s-000" + std::to_string(sender), "s-0010", 1);
  }
  AddRate("", "s-0009", 1000);
  const std::string screen = Screen("status");
  EXPECT_THAT(screen, HasSubstr("            from \\ to  s-0009  s-0010\n"
                                "            s-0003         30       1\n"));
  EXPECT_THAT(screen, HasSubstr("            s-0008         80       1\n"
                                "            other       1,030       2\n"
                                "Threads "));
  EXPECT_THAT(screen, Not(HasSubstr("s-0002 ")));
  const auto pairs = ctl_.Run({"status", "-o", "json"}).json()["messages"]["pairs"];
  EXPECT_TRUE(pairs[16]["from"].is_null());
}

class MailboxCommandsTest : public ::testing::Test {
 protected:
  MailboxCommandsTest() {
    receiver_.set_namespace_("shop");
    receiver_.set_id("billing");
  }
  void Add(const std::string& payload) {
    ctl_.daemon.WithStore(
        [&](client::FakeStore& store) { store.mailboxes.Add(receiver_, payload); });
  }

  Shardctl ctl_;
  v1::AccountRef receiver_;
};

TEST_F(MailboxCommandsTest, ListTakesNothing) {
  Add("one");
  Add("two");
  for (int time = 0; time < 2; ++time) {
    const auto items =
        ctl_.Run({"message", "list", "-n", "shop", "billing", "-o", "json"}).json()["items"];
    ASSERT_EQ(items.size(), 2u);
    EXPECT_EQ(items[0]["number"], 0);
    EXPECT_EQ(items[0]["payload"], "one");
    EXPECT_EQ(items[1]["receiver"]["id"], "billing");
    EXPECT_EQ(items[1]["attempts"], 0);
  }
  const Ran none = ctl_.Run({"message", "list", "-n", "shop", "nobody", "-o", "json"});
  EXPECT_EQ(none.json()["items"].size(), 0u);
}

// A clock with which something happens whenever it is waited for.
class ActingClock final : public client::Clock {
 public:
  ActingClock(client::Clock& clock, std::function<void()> act)
      : clock_(clock), act_(std::move(act)) {}
  absl::Time Now() const override { return clock_.Now(); }
  void Wait(absl::Duration duration) override {
    clock_.Wait(duration);
    act_();
  }

 private:
  client::Clock& clock_;
  const std::function<void()> act_;
};

// Plan: two messages are there; the third comes while the watch waits.
TEST_F(MailboxCommandsTest, WatchShowsEachOnce) {
  Add("one");
  Add("two");
  bool sent = false;
  ActingClock clock(ctl_.jumping_clock, [&] {
    if (!sent) Add("three");
    sent = true;
  });
  ctl_.clock = &clock;
  const Ran ran =
      ctl_.Run({"message", "watch", "-n", "shop", "billing", "--count", "3", "-o", "jsonl"});
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  const std::vector<std::string> lines = absl::StrSplit(absl::StripSuffix(ran.out, "\n"), '\n');
  ASSERT_EQ(lines.size(), 3u) << ran.out;
  EXPECT_THAT(lines[0], HasSubstr("\"payload\":\"one\""));
  EXPECT_THAT(lines[2], HasSubstr("\"payload\":\"three\""));
}

TEST_F(MailboxCommandsTest, WatchRefusesAnIntervalThatIsOnlyLoad) {
  const Ran ran = ctl_.Run({"message", "watch", "-n", "shop", "billing", "--interval", "99ms"});
  EXPECT_EQ(ran.exit_code, kUsage);
  EXPECT_THAT(ran.err, HasSubstr("--interval is below 100ms"));
}

}  // namespace
}  // namespace shardd::shardctl
