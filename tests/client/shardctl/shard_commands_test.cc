// Plan: change, look after and look at the shards of a small daemon by command lines; what is
// asked, printed and exited with is what operators and scripts rely on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/client/shardctl/shardctl_run.h"

namespace shardd::shardctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ShardCommandsTest : public ::testing::Test {
 protected:
  size_t shard_count() {
    return ctl_.daemon.WithShards([](client::FakeShards& shards) { return shards.List().size(); });
  }

  Shardctl ctl_;
};

TEST_F(ShardCommandsTest, SplitIsBegunOrWaitedFor) {
  const Ran begun = ctl_.Run({"shard", "split", "s-0002", "-o", "json"});
  EXPECT_EQ(begun.exit_code, kOk) << begun.err;
  EXPECT_EQ(begun.json()["id"], "op-2");
  EXPECT_EQ(begun.json()["state"], "running");
  EXPECT_EQ(begun.json()["status"], "under way");
  EXPECT_THAT(begun.err, HasSubstr("Wait: shardctl operation wait op-2"));

  const Ran ended = ctl_.Run({"shard", "split", "s-0001", "--wait", "--yes", "-o", "json"});
  EXPECT_EQ(ended.exit_code, kOk) << ended.err;
  EXPECT_EQ(ended.err, "");
  EXPECT_EQ(ended.json()["state"], "succeeded");
  const auto change = ended.json()["shard_change"];
  EXPECT_EQ(change["shard"], "s-0001");
  EXPECT_EQ(change["other_shard"], "s-0006");
  EXPECT_EQ(change["split_key"], "20" + std::string(30, '0'));
  EXPECT_TRUE(change["from_home"].is_null());
  EXPECT_EQ(change["epoch"], 3);
  EXPECT_EQ(change["pause_seconds"], 0.004);
  EXPECT_TRUE(ended.json()["totals"].is_null());
  EXPECT_EQ(shard_count(), 6u);

  const Ran table = ctl_.Run({"operation", "get", "op-3"});
  EXPECT_THAT(table.out, HasSubstr("s-0001 s-0006  at 2000000000000000  epoch 3  paused 4ms"));
}

TEST_F(ShardCommandsTest, SplitTakesAKeyOrAnAccount) {
  const Ran at = ctl_.Run({"shard", "split", "s-0001", "--at", "1", "--wait", "-o", "json"});
  EXPECT_EQ(at.json()["shard_change"]["split_key"], "1" + std::string(31, '0')) << at.err;
  EXPECT_EQ(ctl_.Run({"shard", "split", "s-0001", "--at-account", "/cart"}).exit_code, kOk);
  const std::vector<std::vector<std::string>> malformed = {
      {"--at", "xyz"},       {"--at", std::string(33, '0')},        {"--at", ""},
      {"--at-account", "a"}, {"--at", "10", "--at-account", "a/b"}, {"--at-account", "a/"}};
  for (const auto& options : malformed) {
    std::vector<std::string> args = {"shard", "split", "s-0001"};
    args.insert(args.end(), options.begin(), options.end());
    EXPECT_EQ(ctl_.Run(args).exit_code, kUsage) << options[1];
  }
  const Ran outside = ctl_.Run({"shard", "split", "s-0001", "--at", "f0"});
  EXPECT_EQ(outside.exit_code, kConflict);
  EXPECT_THAT(outside.err, HasSubstr("reason CANNOT_SPLIT"));
}

TEST_F(ShardCommandsTest, ASplitThatFailsHasChangedNothing) {
  client::FakeDaemon::Faults faults;
  v1::Operation& failed = faults.ended_operation.emplace();
  failed.set_id("op-2");
  failed.set_kind(v1::OPERATION_KIND_SPLIT);
  failed.set_state(v1::OPERATION_STATE_FAILED);
  failed.set_error_reason(v1::ERROR_REASON_CANNOT_SPLIT);
  ctl_.daemon.SetFaults(faults);
  const Ran ran = ctl_.Run({"shard", "split", "s-0001", "--wait"});
  EXPECT_EQ(ran.exit_code, kConflict);
  EXPECT_THAT(ran.err, HasSubstr("reason CANNOT_SPLIT"));
  EXPECT_THAT(ran.err, Not(HasSubstr("effect unknown")));
}

TEST_F(ShardCommandsTest, ADryRunChangesNothing) {
  for (const std::vector<std::string>& change :
       std::vector<std::vector<std::string>>{{"shard", "split", "s-0001"},
                                             {"shard", "merge", "s-0001", "s-0002"},
                                             {"shard", "move-home", "s-0001"},
                                             {"shard", "compact", "s-0001"}}) {
    std::vector<std::string> args = change;
    args.insert(args.end(), {"--dry-run", "--wait", "-o", "json"});
    const Ran ran = ctl_.Run(args);
    EXPECT_EQ(ran.exit_code, kOk) << change[1] << ran.err;
    EXPECT_EQ(ran.json()["state"], "planned") << change[1];
    EXPECT_TRUE(ran.json()["id"].is_null()) << change[1];
    EXPECT_EQ(ran.err, "") << change[1];
  }
  EXPECT_EQ(ctl_.Run({"shard", "list", "-o", "json"}).json()["epoch"], 1);
}

TEST_F(ShardCommandsTest, ADryRunOfAPauseOrAPinChangesNothing) {
  for (const std::vector<std::string>& change :
       std::vector<std::vector<std::string>>{{"shard", "pause", "s-0001"},
                                             {"shard", "resume", "s-0001"},
                                             {"shard", "pin", "s-0001", "--for", "1h"},
                                             {"shard", "unpin", "s-0001"}}) {
    std::vector<std::string> args = change;
    args.push_back("--dry-run");
    const Ran ran = ctl_.Run(args);
    EXPECT_EQ(ran.exit_code, kOk) << change[1] << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("Nothing is changed")) << change[1];
  }
  const auto shard = ctl_.Run({"shard", "get", "s-0001", "-o", "json"}).json();
  EXPECT_EQ(shard["state"], "active");
  EXPECT_TRUE(shard["pinned_until"].is_null());
}

// Plan: two shards are split at keys of one namespace; the keys look different, and one that is
// copied from the screen is the same key.
TEST_F(ShardCommandsTest, AKeyOnTheScreenIsTheKey) {
  const std::string first =
      "2000000000000000"
      "40";
  const std::string second =
      "2000000000000000"
      "80";
  EXPECT_EQ(ctl_.Run({"shard", "split", "s-0001", "--at", first}).exit_code, kOk);
  EXPECT_EQ(ctl_.Run({"shard", "split", "s-0005", "--at", second}).exit_code, kOk);
  EXPECT_THAT(ctl_.Run({"route", "map"}).out, HasSubstr(first + "  " + second));
  EXPECT_THAT(ctl_.Run({"operation", "get", "op-3"}).out, HasSubstr("at " + second + "  "));
  const Ran again = ctl_.Run({"shard", "split", "s-0006", "--at", second});
  EXPECT_THAT(again.err, HasSubstr("reason CANNOT_SPLIT")) << "it begins there already";
}

TEST_F(ShardCommandsTest, AnExpectedEpochThatIsStaleIsAConflict) {
  const Ran ran = ctl_.Run({"shard", "split", "s-0001", "--expected-epoch", "7"});
  EXPECT_EQ(ran.exit_code, kConflict);
  EXPECT_THAT(ran.err, HasSubstr("reason STALE_EPOCH   try: shardctl route map"));
  EXPECT_EQ(ctl_.Run({"shard", "split", "s-0001", "--expected-epoch", "1"}).exit_code, kOk);
  for (const std::vector<std::string>& change :
       std::vector<std::vector<std::string>>{{"shard", "pause", "s-0001"},
                                             {"shard", "resume", "s-0001"},
                                             {"shard", "pin", "s-0001", "--for", "1h"},
                                             {"shard", "unpin", "s-0001"},
                                             {"shard", "compact", "s-0001"},
                                             {"shard", "verify", "s-0001"},
                                             {"shard", "verify", "--all"}}) {
    std::vector<std::string> args = change;
    args.insert(args.end(), {"--expected-epoch", "1"});
    EXPECT_THAT(ctl_.Run(args).err, HasSubstr("reason STALE_EPOCH")) << change[1];
    args.back() = "2";
    EXPECT_EQ(ctl_.Run(args).exit_code, kOk) << change[1];
  }
}

TEST_F(ShardCommandsTest, AnExpectedEpochThatIsNoneIsRefused) {
  for (const char* epoch : {"0", "-1", "x", "18446744073709551616", ""}) {
    const Ran ran = ctl_.Run({"shard", "split", "s-0001", "--expected-epoch", epoch});
    EXPECT_EQ(ran.exit_code, kUsage) << epoch;
    EXPECT_THAT(ran.err, HasSubstr("it must be 1 or more")) << epoch;
  }
  EXPECT_EQ(shard_count(), 4u);
}

TEST_F(ShardCommandsTest, MergingAsksFirst) {
  const Ran refused = ctl_.Run({"shard", "merge", "s-0001", "s-0002"});
  EXPECT_EQ(refused.exit_code, kUsage);
  EXPECT_THAT(refused.err, HasSubstr("--yes"));
  ctl_.terminal = true;
  ctl_.input = "n\n";
  const Ran declined = ctl_.Run({"shard", "merge", "s-0001", "s-0002"});
  EXPECT_NE(declined.exit_code, kOk);
  EXPECT_THAT(declined.err, HasSubstr("Merge shard s-0002 into s-0001? [y/N]"));
  EXPECT_EQ(shard_count(), 4u);
  ctl_.input = "y\n";
  EXPECT_EQ(ctl_.Run({"shard", "merge", "s-0001", "s-0002"}).exit_code, kOk);
  EXPECT_EQ(shard_count(), 3u);
  ctl_.terminal = false;
  EXPECT_EQ(ctl_.Run({"shard", "merge", "s-0001", "s-0003", "--wait", "--yes"}).exit_code, kOk);
  EXPECT_EQ(shard_count(), 2u);
}

TEST_F(ShardCommandsTest, OnlyNeighboursAreMerged) {
  const Ran ran = ctl_.Run({"shard", "merge", "s-0001", "s-0003", "--yes"});
  EXPECT_EQ(ran.exit_code, kConflict);
  EXPECT_THAT(ran.err, HasSubstr("reason NOT_NEIGHBOURS   try: shardctl shard list"));
}

TEST_F(ShardCommandsTest, AShardMovesHome) {
  const Ran moved = ctl_.Run({"shard", "move-home", "s-0001", "--wait", "-o", "json"});
  EXPECT_EQ(moved.exit_code, kOk) << moved.err;
  EXPECT_EQ(moved.json()["shard_change"]["from_home"], "h0001");
  EXPECT_EQ(moved.json()["shard_change"]["to_home"], "h0002");
  EXPECT_EQ(ctl_.Run({"shard", "get", "s-0001", "-o", "json"}).json()["home"], "h0002");
  EXPECT_EQ(ctl_.Run({"shard", "move-home", "s-0001", "h0001"}).exit_code, kOk);
}

TEST_F(ShardCommandsTest, PausesAndPinsComeAndGo) {
  EXPECT_EQ(ctl_.Run({"shard", "pause", "s-0001", "-o", "json"}).json()["paused_until"],
            "2023-11-14T22:14:20Z");
  EXPECT_EQ(
      ctl_.Run({"shard", "pause", "s-0001", "--for", "5s", "-o", "json"}).json()["paused_until"],
      "2023-11-14T22:13:25Z");
  const auto paused = ctl_.Run({"shard", "get", "s-0001", "-o", "json"}).json();
  EXPECT_EQ(paused["state"], "paused");
  EXPECT_EQ(paused["paused_until"], "2023-11-14T22:13:25Z");
  EXPECT_EQ(ctl_.Run({"shard", "resume", "s-0001"}).exit_code, kOk);

  EXPECT_EQ(ctl_.Run({"shard", "pin", "s-0001"}).exit_code, kUsage);
  EXPECT_EQ(ctl_.Run({"shard", "pin", "s-0001", "--for", "1h"}).exit_code, kOk);
  EXPECT_EQ(ctl_.Run({"shard", "get", "s-0001", "-o", "json"}).json()["pinned_until"],
            "2023-11-14T23:13:20Z");
  EXPECT_EQ(ctl_.Run({"shard", "unpin", "s-0001"}).exit_code, kOk);
  const auto free = ctl_.Run({"shard", "get", "s-0001", "-o", "json"}).json();
  EXPECT_EQ(free["state"], "active");
  EXPECT_TRUE(free["paused_until"].is_null());
  EXPECT_TRUE(free["pinned_until"].is_null());
  for (const char* verb : {"pause", "resume", "unpin", "compact"}) {
    EXPECT_EQ(ctl_.Run({"shard", verb, "s-0099"}).exit_code, kNotFound) << verb;
  }
}

TEST_F(ShardCommandsTest, CompactionIsWaitedFor) {
  const Ran ran = ctl_.Run({"shard", "compact", "s-0001", "--wait", "-o", "json"});
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_EQ(ran.json()["kind"], "compact");
  EXPECT_EQ(ran.json()["state"], "succeeded");
}

TEST_F(ShardCommandsTest, VerificationAddsUp) {
  const Ran one = ctl_.Run({"shard", "verify", "s-0001", "--wait"});
  EXPECT_EQ(one.exit_code, kOk) << one.err;
  EXPECT_THAT(one.out, HasSubstr("f000000000000008"));
  EXPECT_THAT(one.out, Not(HasSubstr("total")));

  const Ran all = ctl_.Run({"shard", "verify", "--all", "--wait", "-o", "json"});
  EXPECT_EQ(all.exit_code, kOk) << all.err;
  EXPECT_EQ(all.json()["items"].size(), 4u);
  EXPECT_EQ(all.json()["items"][1]["shard"], "s-0002");
  EXPECT_EQ(all.json()["total"]["accounts"], 32);
  EXPECT_EQ(all.json()["total"]["records"], 96);
  // Checksums add up modulo 2^64.
  EXPECT_EQ(all.json()["total"]["checksum"], "c000000000000020");
  EXPECT_THAT(ctl_.Run({"shard", "verify", "--all", "--wait"}).out, HasSubstr("\ntotal "));

  const Ran begun = ctl_.Run({"shard", "verify", "s-0001", "s-0002", "-o", "json"});
  EXPECT_EQ(begun.json()["items"].size(), 2u);
  EXPECT_EQ(begun.json()["items"][0]["state"], "running");
  const Ran planned = ctl_.Run({"shard", "verify", "--all", "--wait", "--dry-run", "-o", "json"});
  EXPECT_EQ(planned.json()["items"].size(), 4u);
  EXPECT_EQ(planned.json()["items"][0]["state"], "planned");
  EXPECT_EQ(ctl_.Run({"shard", "verify"}).exit_code, kUsage);
  EXPECT_EQ(ctl_.Run({"shard", "verify", "s-0001", "--all"}).exit_code, kUsage);
  EXPECT_EQ(ctl_.Run({"shard", "verify", "s-0099", "--wait"}).exit_code, kNotFound);
}

TEST_F(ShardCommandsTest, ContradictionsAreUnhealthy) {
  ctl_.daemon.WithShards([](client::FakeShards& shards) { return shards.damaged = "s-0003"; });
  const Ran all = ctl_.Run({"shard", "verify", "--all", "--wait", "-o", "json"});
  EXPECT_EQ(all.exit_code, kUnhealthy) << all.err;
  EXPECT_EQ(all.json()["items"].size(), 4u);
  EXPECT_EQ(all.json()["items"][2]["state"], "contradictory");
  EXPECT_EQ(all.json()["items"][2]["first_error"], "account cart has 3 entries and says 4");
  EXPECT_EQ(all.json()["items"][3]["state"], "good");
  EXPECT_EQ(all.json()["total"]["errors"], 2);
  EXPECT_EQ(ctl_.Run({"shard", "verify", "s-0003", "--wait"}).exit_code, kUnhealthy);
}

// Plan: more shards than are verified at once, and then a daemon that runs fewer than that; the
// results come in the order of the shards.
TEST_F(ShardCommandsTest, ManyShardsAreVerifiedAtOnce) {
  for (const size_t room : {size_t{1000}, size_t{1}}) {
    ctl_.daemon.WithShards([&](client::FakeShards& shards) {
      shards = client::FakeShards(40);
      shards.verifying_max = room;
    });
    const Ran all = ctl_.Run({"shard", "verify", "--all", "-o", "json"});
    EXPECT_EQ(all.exit_code, kOk) << all.err;
    EXPECT_EQ(all.json()["total"]["accounts"], 320);
    ASSERT_EQ(all.json()["items"].size(), 40u);
    for (size_t i = 1; i < 40; ++i) {
      EXPECT_LT(all.json()["items"][i - 1]["shard"], all.json()["items"][i]["shard"]);
    }
    ctl_.daemon.WithShards([&](client::FakeShards& shards) {
      EXPECT_EQ(shards.verifying_most, std::min<size_t>(room, 2));
      EXPECT_TRUE(shards.verifying.empty());
    });
  }
}

// Plan: the first and the last shard are busy, the first with nothing else under way.
TEST_F(ShardCommandsTest, ABusyShardIsVerifiedWhenItNoLongerIs) {
  ctl_.daemon.WithShards([&](client::FakeShards& shards) {
    shards.busy = {{"s-0001", "op-1"}, {"s-0004", "op-1000"}};
  });
  const Ran all = ctl_.Run({"shard", "verify", "--all", "-o", "json"});
  EXPECT_EQ(all.exit_code, kOk) << all.err;
  EXPECT_EQ(all.json()["items"].size(), 4u);
  EXPECT_EQ(all.json()["total"]["accounts"], 32);
}

// Plan: one of the shards is unknown; those before it are shown, and what was begun after it is
// named.
TEST_F(ShardCommandsTest, VerificationsThatNobodyWaitsForAreNamed) {
  const Ran ran =
      ctl_.Run({"shard", "verify", "s-0001", "s-0099", "s-0002", "--wait", "-o", "jsonl"});
  EXPECT_EQ(ran.exit_code, kNotFound);
  EXPECT_THAT(ran.out, HasSubstr("\"shard\":\"s-0001\""));
  EXPECT_THAT(ran.out, Not(HasSubstr("s-0002")));
  EXPECT_THAT(ran.err, HasSubstr("Begun and not waited for: op-3\n"));
}

TEST_F(ShardCommandsTest, ListsAreShownAgainAndAgain) {
  const Ran twice = ctl_.Run({"shard", "list", "--watch", "--count", "2"});
  EXPECT_EQ(twice.exit_code, kOk) << twice.err;
  EXPECT_THAT(twice.out, StartsWith("4 shards, epoch 1\nID "));
  EXPECT_THAT(twice.out, HasSubstr("\n\n4 shards, epoch 1\nID "));
  EXPECT_EQ(twice.err, "");
  const Ran operations =
      ctl_.Run({"operation", "list", "--watch=1s", "--count", "2", "-o", "name"});
  EXPECT_EQ(operations.out, "op-1\nop-1\n");
  EXPECT_EQ(ctl_.Run({"namespace", "create", "shop"}).exit_code, kOk);
  EXPECT_EQ(ctl_.Run({"account", "create", "-n", "shop", "cart"}).exit_code, kOk);
  EXPECT_EQ(ctl_.Run({"namespace", "list", "--watch", "--count", "2", "-o", "name"}).out,
            "shop\nshop\n");
  const Ran accounts = ctl_.Run({"account", "list", "-n", "shop", "--watch=1s", "--count", "3"});
  EXPECT_EQ(accounts.exit_code, kOk) << accounts.err;
  const std::vector<std::string> pictures = absl::StrSplit(accounts.out, "\n\n");
  EXPECT_EQ(pictures.size(), 3u);
  EXPECT_EQ(accounts.err, "");
  EXPECT_THAT(ctl_.Run({"route", "map", "--watch", "--count", "2"}).out, HasSubstr("\n\nEpoch 1"));
  EXPECT_EQ(ctl_.Run({"shard", "list"}).err, "4 shards, epoch 1\n");
}

TEST_F(ShardCommandsTest, TablesAreCompared) {
  ctl_.Run({"shard", "split", "s-0001"});
  const Ran diff = ctl_.Run({"route", "diff", "1", "-o", "jsonl"});
  EXPECT_EQ(diff.exit_code, kOk) << diff.err;
  EXPECT_THAT(diff.out, StartsWith("{\"change\":\"removed\",\"shard\":\"s-0001\""));
  EXPECT_THAT(diff.out, HasSubstr("{\"change\":\"added\",\"shard\":\"s-0005\""));
  EXPECT_EQ(ctl_.Run({"route", "diff", "1", "-o", "json"}).json()["to_epoch"], 2);
  const Ran same = ctl_.Run({"route", "diff", "2", "2"});
  EXPECT_EQ(same.out, "");
  EXPECT_EQ(same.err, "Nothing changed.\n");
  const Ran gone = ctl_.Run({"route", "diff", "9"});
  EXPECT_EQ(gone.exit_code, kConflict);
  EXPECT_THAT(gone.err, HasSubstr("reason EPOCH_COMPACTED"));
}

TEST_F(ShardCommandsTest, LineageIsATreeForPeopleAndRowsForPrograms) {
  ctl_.Run({"shard", "split", "s-0001"});
  const Ran tree = ctl_.Run({"shard", "lineage", "s-0005"});
  EXPECT_EQ(tree.exit_code, kOk) << tree.err;
  EXPECT_EQ(tree.out,
            "s-0005\n"
            "│ epoch 2: split off from s-0001 at 2000000000000000  (2023-11-14 22:13:22Z, op-2)\n"
            "○ s-0001 was there from the start\n");
  const auto json = ctl_.Run({"shard", "lineage", "s-0005", "-o", "json"}).json();
  EXPECT_EQ(json["compacted"], false);
  EXPECT_EQ(json["items"][0]["kind"], "split");
  EXPECT_EQ(json["items"][0]["added"][1]["shard"], "s-0005");
}

TEST_F(ShardCommandsTest, ABusyShardSaysWhatToWaitFor) {
  client::FakeDaemon::Faults faults;
  faults.failing_calls = -1;
  faults.call_error = client::Refusal(grpc::StatusCode::ABORTED, v1::ERROR_REASON_SHARD_BUSY,
                                      "operation op-7 works on shard s-0001", 50);
  ctl_.daemon.SetFaults(faults);
  const Ran busy = ctl_.Run({"shard", "split", "s-0001"});
  EXPECT_EQ(busy.exit_code, kConflict);
  EXPECT_THAT(busy.err, HasSubstr("reason SHARD_BUSY   try: shardctl operation wait"));
  EXPECT_EQ(ctl_.daemon.calls(), 4);
}

TEST_F(ShardCommandsTest, StatusNamesWhatRuns) {
  v1::StatusResponse status;
  status.set_verdict(v1::VERDICT_HEALTHY);
  status.set_operations_running(1);
  ctl_.daemon.SetStatus(status);
  ctl_.Run({"shard", "split", "s-0001"});
  EXPECT_THAT(ctl_.Run({"status"}).out,
              HasSubstr("Operations  1 running\n  op-1 delete_namespace shop: 0 steps\n"));
}

TEST_F(ShardCommandsTest, TopShowsRates) {
  ctl_.daemon.WithShards([](client::FakeShards& shards) { return shards.requests_per_look = 100; });
  const Ran top = ctl_.Run({"top", "--once", "-o", "json"});
  EXPECT_EQ(top.exit_code, kOk) << top.err;
  const auto json = top.json();
  ASSERT_EQ(json["items"].size(), 4u);
  EXPECT_EQ(json["items"][0]["shard"], "s-0004");
  // A second between the looks, and what they took themselves.
  EXPECT_NEAR(json["items"][0]["operations_per_second"].get<double>(), 400, 40);
  EXPECT_NEAR(json["items"][3]["operations_per_second"].get<double>(), 100, 10);
  EXPECT_NEAR(json["operations_per_second"].get<double>(), 1000, 100);
  EXPECT_EQ(json["items"][0]["mailbox"], 3);
  EXPECT_EQ(json["items"][0]["home"], "h0001");
  EXPECT_EQ(json["items"][3]["phase"], "idle");

  const Ran few = ctl_.Run({"top", "--sort", "mailbox", "--limit", "2", "--count", "2"});
  EXPECT_THAT(few.out, HasSubstr("4 shards   epoch 1   by mailbox\nSHARD "));
  EXPECT_THAT(few.out, Not(HasSubstr("s-0002")));
  EXPECT_EQ(ctl_.Run({"top", "--sort", "luck"}).exit_code, kUsage);
}

}  // namespace
}  // namespace shardd::shardctl
