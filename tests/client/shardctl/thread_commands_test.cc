// Plan: run the thread commands against threads and events that the test makes, and compare what
// people and scripts see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "client/shardctl/thread_top.h"
#include "tests/client/shardctl/shardctl_run.h"

namespace shardd::shardctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

v1::Thread Thread(const std::string& name, double busy_ratio, absl::Duration cpu_time,
                  uint64_t items) {
  v1::Thread thread;
  thread.set_id("t-" + name);
  thread.set_name(name);
  thread.set_role(v1::THREAD_ROLE_WORKER);
  thread.set_state(v1::THREAD_STATE_RUNNING);
  thread.set_phase(v1::THREAD_PHASE_COMMITTING);
  thread.set_busy_ratio(busy_ratio);
  thread.mutable_cpu_time()->set_seconds(absl::ToInt64Seconds(cpu_time));
  thread.mutable_cpu_time()->set_nanos(
      static_cast<int>(absl::ToInt64Nanoseconds(cpu_time % absl::Seconds(1))));
  thread.set_items_total(items);
  return thread;
}

v1::ListThreadsResponse ListOf(const std::vector<v1::Thread>& threads) {
  v1::ListThreadsResponse list;
  for (const v1::Thread& thread : threads) *list.add_threads() = thread;
  return list;
}

class ThreadCommandsTest : public ::testing::Test {
 protected:
  Shardctl ctl_;
};

TEST_F(ThreadCommandsTest, ListShowsLivingThreadsOfItsOwnAndAllIfAsked) {
  EXPECT_EQ(ctl_.Run({"thread", "list", "-o", "name"}).out, "t-1\n");
  EXPECT_EQ(ctl_.Run({"thread", "list", "--all", "-o", "name"}).out, "t-1\nt-2\nos-7\n");
  EXPECT_EQ(ctl_.Run({"thread", "get", "os-7", "-o", "json"}).json()["role"], "external");
}

TEST_F(ThreadCommandsTest, ListTellsWhyAThreadIsStalled) {
  v1::Thread stalled = Thread("w", 0.25, absl::ZeroDuration(), 1);
  stalled.set_state(v1::THREAD_STATE_STALLED);
  stalled.set_stall_cause(v1::STALL_CAUSE_STORAGE);
  stalled.set_operation("apply");
  stalled.mutable_operation_age()->set_seconds(3);
  stalled.mutable_queue_oldest_age()->set_seconds(4);
  ctl_.daemon.threads().SetLists({ListOf({stalled})});
  const auto item = ctl_.Run({"thread", "list", "-o", "json"}).json()["items"][0];
  EXPECT_EQ(item["state"], "stalled");
  EXPECT_EQ(item["phase"], "committing");
  EXPECT_EQ(item["stall_cause"], "storage");
  EXPECT_EQ(item["operation"], "apply");
  EXPECT_EQ(item["operation_age_seconds"], 3);
  EXPECT_EQ(item["queue_oldest_seconds"], 4);
  EXPECT_EQ(item["busy_ratio"], 0.25);
  EXPECT_TRUE(item["phase_age_seconds"].is_null());
  EXPECT_THAT(ctl_.Run({"thread", "list"}).out, HasSubstr("25%"));
  EXPECT_THAT(ctl_.Run({"thread", "list", "-o", "wide"}).out, HasSubstr("storage"));
}

TEST_F(ThreadCommandsTest, ListCanBeWatched) {
  const Ran ran = ctl_.Run({"thread", "list", "--watch", "--count", "3", "-o", "name"});
  EXPECT_EQ(ran.exit_code, kOk);
  EXPECT_EQ(ran.out, "t-1\nt-1\nt-1\n");
  ctl_.terminal = true;
  EXPECT_THAT(ctl_.Run({"thread", "list", "--watch=1s", "--count", "1"}).out,
              StartsWith("\x1b[?1049h"));
  EXPECT_EQ(ctl_.Run({"thread", "list", "--watch=never"}).exit_code, kUsage);
}

TEST_F(ThreadCommandsTest, WatchShowsEventsFromARevisionOn) {
  ctl_.daemon.threads().SetEvents(5, {"five", "six", "seven"});
  const Ran people = ctl_.Run({"thread", "watch", "--from-revision", "6", "--count", "1"});
  EXPECT_EQ(people.exit_code, kOk) << people.err;
  EXPECT_EQ(people.out, "6  -  stalled  six\n");
  const Ran scripts =
      ctl_.Run({"thread", "watch", "--from-revision", "5", "--count", "3", "-o", "jsonl"});
  std::istringstream lines(scripts.out);
  std::string line;
  for (int revision = 5; revision <= 7; ++revision) {
    ASSERT_TRUE(std::getline(lines, line));
    const auto event = nlohmann::json::parse(line);
    EXPECT_EQ(event["revision"], revision);
    EXPECT_EQ(event["event"], "stalled");
    EXPECT_EQ(event["thread"], "t-1");
    EXPECT_EQ(event["phase"], "committing");
    EXPECT_EQ(event["cause"], "storage");
    EXPECT_TRUE(event["phase_seconds"].is_null());
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(ThreadCommandsTest, WatchSaysWhatItCannotShow) {
  ctl_.daemon.threads().SetEvents(5, {"five"});
  const Ran ran = ctl_.Run({"thread", "watch", "--from-revision", "2"});
  EXPECT_NE(ran.exit_code, kOk);
  EXPECT_THAT(ran.err, HasSubstr("REVISION_COMPACTED"));
  EXPECT_THAT(ran.err, HasSubstr("try: --from-revision 5"));
}

// Plan: the stream breaks after three events, and the daemon that comes back counts from one again.
TEST_F(ThreadCommandsTest, WatchOutlivesARestartOfTheDaemon) {
  ctl_.daemon.threads().SetEvents(1, {"one", "two", "three"});
  ctl_.daemon.threads().SetEventsLater(1, {"new one"});
  const Ran ran = ctl_.Run({"thread", "watch", "--from-revision", "1", "--count", "4"});
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("3  -  stalled  three\n1  -  stalled  new one\n"));
  EXPECT_THAT(ran.err, HasSubstr("events were lost; going on with revision 1"));
}

TEST_F(ThreadCommandsTest, StackNamesThreadsAtTheSamePlaceTogether) {
  EXPECT_EQ(ctl_.Run({"thread", "stack"}).out,
            "t-1  worker-1  idle\nt-2  worker-2  idle\n  #0  Loop()  (shardd+0x10)\n\n"
            "os-7  rocksdb:low  idle\n  no stack: it takes no signals\n");
  EXPECT_EQ(ctl_.Run({"thread", "stack", "t-2"}).out,
            "t-2  worker-2  idle\n  #0  Loop()  (shardd+0x10)\n");
  const auto items = ctl_.Run({"thread", "stack", "-o", "json"}).json()["items"];
  EXPECT_EQ(items[0]["frames"][0]["function"], "Loop()");
  EXPECT_EQ(items[0]["frames"][0]["module_offset"], 16);
  EXPECT_EQ(items[2]["answered"], false);
  EXPECT_EQ(items[2]["silent_because"], "it takes no signals");
  EXPECT_EQ(ctl_.Run({"thread", "stack", "t-9"}).exit_code, kNotFound);
}

// Plan: two looks, a second apart: rates are the difference, and the busiest comes first.
TEST_F(ThreadCommandsTest, TopOnceLooksForAnInterval) {
  ctl_.daemon.threads().SetLists(
      {ListOf({Thread("a", 0.1, absl::Seconds(1), 100), Thread("b", 0.9, absl::Seconds(5), 7)}),
       ListOf({Thread("a", 0.1, absl::Seconds(1), 100), Thread("b", 0.9, absl::Seconds(7), 27),
               Thread("c", 0.5, absl::Seconds(1), 1)})});
  const Ran ran = ctl_.Run({"thread", "top", "--once", "--interval", "4s", "-o", "json"});
  const auto items = ran.json()["items"];
  ASSERT_EQ(items.size(), 3u) << ran.out;
  EXPECT_EQ(items[0]["name"], "b");
  EXPECT_NEAR(items[0]["cpu_ratio"].get<double>(), 0.5, 0.05);
  EXPECT_NEAR(items[0]["items_per_second"].get<double>(), 5, 1);
  EXPECT_EQ(items[1]["name"], "c");
  EXPECT_TRUE(items[1]["cpu_ratio"].is_null());
  EXPECT_EQ(items[2]["cpu_ratio"], 0);
  EXPECT_EQ(ctl_.jumping_clock.waits(), std::vector{absl::Seconds(4)});
}

TEST_F(ThreadCommandsTest, TopIsAScreenOnATerminal) {
  ctl_.terminal = true;
  ctl_.daemon.threads().SetLists({ListOf({Thread("a", 0.5, absl::Seconds(1), 1)})});
  const Ran ran = ctl_.Run({"thread", "top", "--count", "2", "--color", "never"});
  EXPECT_EQ(ran.exit_code, kOk);
  EXPECT_THAT(ran.out, HasSubstr("\x1b[H1 threads  0 stalled  by busy"));
  EXPECT_THAT(ran.out, HasSubstr("██████████·········· "));
  EXPECT_THAT(ran.out, Not(HasSubstr("\x1b[1m")));
}

TEST(ThreadTopTest, KeysChangeTheOrder) {
  ThreadTop top;
  v1::Thread deep = Thread("deep", 0, absl::ZeroDuration(), 0);
  deep.set_queue_depth(9);
  const auto first_after = [&top](char key) {
    EXPECT_TRUE(top.OnKey(key));
    return top.Rows().front().cells.front().text;
  };
  const absl::Time start = absl::UnixEpoch();
  top.Update(start, ListOf({deep, Thread("busy", 0.9, absl::ZeroDuration(), 0),
                            Thread("cpu", 0.1, absl::ZeroDuration(), 0),
                            Thread("alpha", 0, absl::ZeroDuration(), 0)}));
  EXPECT_TRUE(top.Rows().front().cells[2].json.is_null());
  top.Update(start + absl::Seconds(1), ListOf({deep, Thread("busy", 0.9, absl::ZeroDuration(), 0),
                                               Thread("cpu", 0.1, absl::Seconds(1), 0),
                                               Thread("alpha", 0, absl::ZeroDuration(), 0)}));
  EXPECT_EQ(first_after('n'), "alpha");
  EXPECT_EQ(first_after('b'), "busy");
  EXPECT_EQ(first_after('c'), "cpu");
  EXPECT_EQ(first_after('d'), "deep");
  EXPECT_FALSE(top.OnKey('x'));
}

}  // namespace
}  // namespace shardd::shardctl
