// Plan: run command lines against a small daemon; what they print, where, and with which exit code
// is what scripts rely on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "tests/client/shardctl/shardctl_run.h"

namespace shardd::shardctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CommandsTest : public ::testing::Test {
 protected:
  void FillCart() {
    ASSERT_EQ(ctl_.Run({"namespace", "create", "shop"}).exit_code, kOk);
    ASSERT_EQ(ctl_.Run({"state", "put", "-n", "shop", "cart", "color", "blue", "--create-account"})
                  .exit_code,
              kOk);
  }

  Shardctl ctl_;
};

TEST_F(CommandsTest, StatusSaysTheVerdictFirst) {
  const Ran ran = ctl_.Run({"status"});
  EXPECT_EQ(ran.exit_code, kOk);
  EXPECT_THAT(ran.out, StartsWith("● HEALTHY  shardd 0.1.0  up 1d 2h  127.0.0.1:7400\n"));
  EXPECT_EQ(ran.err, "");
}

TEST_F(CommandsTest, StatusInJsonHasVerdictShardsAndEpoch) {
  const auto json = ctl_.Run({"status", "-o", "json"}).json();
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["verdict"], "healthy");
  EXPECT_EQ(json["shards"], 4);
  EXPECT_EQ(json["epoch"], 1);
  EXPECT_EQ(json["start_time"], "2023-11-14T22:13:20Z");
}

TEST_F(CommandsTest, StatusShowsReasonsAndFailsWhenUnhealthy) {
  v1::StatusResponse status;
  status.set_verdict(v1::VERDICT_UNHEALTHY);
  auto& reason = *status.add_reasons();
  reason.set_message("shard s-0003 does not answer");
  reason.set_next_command("shardctl thread list");
  ctl_.daemon.SetStatus(status);
  const Ran ran = ctl_.Run({"status"});
  EXPECT_EQ(ran.exit_code, kUnhealthy);
  EXPECT_THAT(ran.out, HasSubstr("UNHEALTHY"));
  EXPECT_THAT(ran.out, HasSubstr("! shard s-0003 does not answer\n  next: shardctl thread list\n"));
  status.set_verdict(v1::VERDICT_DRAINING);
  ctl_.daemon.SetStatus(status);
  EXPECT_EQ(ctl_.Run({"status", "-o", "json"}).json()["verdict"], "draining");
}

TEST_F(CommandsTest, CheckReadyAnswersByExitCode) {
  EXPECT_EQ(ctl_.Run({"check", "ready"}).exit_code, kOk);
  ctl_.daemon.SetServing(false);
  EXPECT_EQ(ctl_.Run({"check", "ready"}).exit_code, kUnhealthy);
  ctl_.daemon.Stop();
  EXPECT_EQ(ctl_.Run({"check", "ready"}).exit_code, kUnreachable);
}

TEST_F(CommandsTest, AnAccountLives) {
  ASSERT_EQ(ctl_.Run({"namespace", "create", "shop"}).exit_code, kOk);
  const Ran created =
      ctl_.Run({"account", "create", "-n", "shop", "cart", "--label", "tier=gold", "-o", "json"});
  EXPECT_EQ(created.exit_code, kOk);
  EXPECT_EQ(created.json()["labels"]["tier"], "gold");
  EXPECT_EQ(ctl_.Run({"account", "create", "-n", "shop", "cart"}).exit_code, kConflict);
  EXPECT_EQ(ctl_.Run({"account", "get", "-n", "shop", "cart", "-o", "name"}).out, "cart\n");
  const Ran frozen =
      ctl_.Run({"account", "update", "-n", "shop", "cart", "--state", "frozen", "-o", "json"});
  EXPECT_EQ(frozen.json()["state"], "frozen");
  EXPECT_EQ(frozen.json()["labels"]["tier"], "gold");
  EXPECT_EQ(ctl_.Run({"state", "put", "-n", "shop", "cart", "k", "v"}).exit_code, kConflict);
  EXPECT_EQ(ctl_.Run({"account", "update", "-n", "shop", "cart", "--clear-labels",
                      "--expected-revision", "99"})
                .exit_code,
            kConflict);
  EXPECT_EQ(ctl_.Run({"account", "update", "-n", "shop", "cart"}).exit_code, kUsage);
  EXPECT_EQ(ctl_.Run({"account", "delete", "-n", "shop", "cart", "--yes"}).exit_code, kOk);
  EXPECT_EQ(ctl_.Run({"account", "get", "-n", "shop", "cart"}).exit_code, kNotFound);
}

TEST_F(CommandsTest, DeletingAsksFirst) {
  FillCart();
  const Ran refused = ctl_.Run({"account", "delete", "-n", "shop", "cart"});
  EXPECT_EQ(refused.exit_code, kUsage);
  EXPECT_THAT(refused.err, HasSubstr("--yes"));
  ctl_.terminal = true;
  ctl_.input = "n\n";
  EXPECT_NE(ctl_.Run({"account", "delete", "-n", "shop", "cart"}).exit_code, kOk);
  EXPECT_EQ(ctl_.Run({"account", "get", "-n", "shop", "cart"}).exit_code, kOk);
  ctl_.input = "y\n";
  EXPECT_EQ(ctl_.Run({"account", "delete", "-n", "shop", "cart"}).exit_code, kOk);
}

TEST_F(CommandsTest, AnIdMayBeTheNameOfACommand) {
  for (const char* id : {"list", "account", "status", "help"}) {
    EXPECT_EQ(ctl_.Run({"account", "create", id}).exit_code, kOk) << id;
    EXPECT_EQ(ctl_.Run({"account", "get", id, "-o", "name"}).out, std::string(id) + "\n");
  }
  EXPECT_EQ(ctl_.Run({"account", "create", "--", "-dash"}).exit_code, kOk);
}

TEST_F(CommandsTest, ListPrintsOneIdALine) {
  for (int i = 0; i < 5; ++i) ctl_.Run({"account", "create", "cart-" + std::to_string(i)});
  EXPECT_EQ(ctl_.Run({"account", "list", "--all", "-o", "name"}).out,
            "cart-0\ncart-1\ncart-2\ncart-3\ncart-4\n");
  const Ran page = ctl_.Run({"account", "list", "--limit", "2", "-o", "name"});
  EXPECT_EQ(page.out, "cart-0\ncart-1\n");
  EXPECT_THAT(page.err, HasSubstr("--page-token 2"));
  EXPECT_EQ(ctl_.Run({"account", "list", "--page-token", "4", "-o", "name"}).out, "cart-4\n");
  const auto json = ctl_.Run({"account", "list", "--limit", "2", "-o", "json"}).json();
  EXPECT_EQ(json["next_page_token"], "2");
  EXPECT_EQ(json["items"].size(), 2u);
  EXPECT_EQ(ctl_.Run({"account", "list", "--limit", "0"}).exit_code, kUsage);
}

TEST_F(CommandsTest, StateGetPrintsTheValueAlone) {
  FillCart();
  EXPECT_EQ(ctl_.Run({"state", "get", "--namespace", "shop", "cart", "color"}).out, "blue\n");
  const Ran missing = ctl_.Run({"state", "get", "-n", "shop", "cart", "size"});
  EXPECT_EQ(missing.exit_code, kNotFound);
  EXPECT_EQ(missing.out, "");
  EXPECT_THAT(missing.err, HasSubstr("no entry size"));
}

TEST_F(CommandsTest, StateGetOfSeveralKeysShowsThoseThatExist) {
  FillCart();
  const Ran ran = ctl_.Run({"state", "get", "-n", "shop", "cart", "color", "size", "-o", "json"});
  EXPECT_EQ(ran.exit_code, kNotFound);
  EXPECT_EQ(ran.json()["items"][0]["value"], "blue");
}

TEST_F(CommandsTest, StatePutReadsAnyBytesFromStandardInput) {
  FillCart();
  ctl_.input = std::string("\0\xff\n", 3);
  ASSERT_EQ(ctl_.Run({"state", "put", "-n", "shop", "cart", "raw", "-"}).exit_code, kOk);
  EXPECT_EQ(ctl_.Run({"state", "get", "-n", "shop", "cart", "raw"}).out,
            std::string("\0\xff\n\n", 4));
  const auto json =
      ctl_.Run({"state", "get", "-n", "shop", "cart", "--hex-keys", "726177", "-o", "json"}).json();
  EXPECT_TRUE(json["items"][0]["value"].is_null());
  EXPECT_EQ(json["items"][0]["value_hex"], "00ff0a");
  EXPECT_EQ(ctl_.Run({"state", "get", "cart", "--hex-keys", "xyz"}).exit_code, kUsage);

  ctl_.input = std::string((size_t{1} << 20) + 1, 'x');
  const Ran large = ctl_.Run({"state", "put", "-n", "shop", "cart", "raw", "-"});
  EXPECT_NE(large.exit_code, kOk);
  EXPECT_THAT(large.err, HasSubstr("standard input has more than 1048576 bytes"));
}

TEST_F(CommandsTest, StateScanTakesBoundsAndPages) {
  FillCart();
  for (const char* key : {"item/1", "item/2", "item/3"}) {
    ctl_.Run({"state", "put", "-n", "shop", "cart", key, "x"});
  }
  EXPECT_EQ(
      ctl_.Run({"state", "scan", "-n", "shop", "cart", "--prefix", "item/", "-o", "name"}).out,
      "item/1\nitem/2\nitem/3\n");
  EXPECT_EQ(
      ctl_.Run({"state", "scan", "-n", "shop", "cart", "--reverse", "--limit", "1", "-o", "name"})
          .out,
      "item/3\n");
  EXPECT_EQ(ctl_.Run({"state", "scan", "-n", "shop", "cart", "--start", "item/2", "--end", "item/3",
                      "--all", "-o", "name"})
                .out,
            "item/2\n");
  EXPECT_EQ(ctl_.Run({"state", "scan", "-n", "shop", "cart", "--page-token", "nonsense"}).exit_code,
            kUsage);
}

TEST_F(CommandsTest, StateApplyKeepsTheOrderOfTheCommandLine) {
  FillCart();
  const Ran ran =
      ctl_.Run({"state", "apply", "-n",       "shop",     "cart",  "--if-value", "color=blue",
                "--put", "log=a", "--append", "log=b",    "--add", "n=5",        "--append",
                "log=c", "--add", "n=-2",     "--delete", "color", "-o",         "json"});
  ASSERT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_EQ(ran.json()["results"][1]["length"], 2);
  EXPECT_EQ(ran.json()["results"][4]["integer"], 3);
  EXPECT_EQ(ran.json()["results"][5]["deleted"], 1);
  EXPECT_EQ(ctl_.Run({"state", "get", "-n", "shop", "cart", "log"}).out, "abc\n");
}

TEST_F(CommandsTest, StateApplyRefusesWhatDoesNotHold) {
  FillCart();
  const std::vector<std::vector<std::string>> conditions = {
      {"--if-exists", "size"},       {"--if-absent", "color"},        {"--if-value", "color=red"},
      {"--if-revision", "color=99"}, {"--if-account-revision", "99"},
  };
  for (const auto& condition : conditions) {
    std::vector<std::string> args = {"state", "apply", "-n", "shop", "cart", "--put", "color=red"};
    args.insert(args.end(), condition.begin(), condition.end());
    const Ran ran = ctl_.Run(args);
    EXPECT_EQ(ran.exit_code, kConflict) << condition[0];
    EXPECT_THAT(ran.err, HasSubstr("reason PRECONDITION_FAILED")) << condition[0];
  }
  EXPECT_EQ(ctl_.Run({"state", "get", "-n", "shop", "cart", "color"}).out, "blue\n");
}

TEST_F(CommandsTest, StateApplyRefusesMalformedArguments) {
  const std::vector<std::vector<std::string>> malformed = {{"--put", "color"},
                                                           {"--put", "=x"},
                                                           {"--add", "n=x"},
                                                           {"--if-revision", "n"},
                                                           {"--if-account-revision", "-1"}};
  for (const auto& arguments : malformed) {
    std::vector<std::string> args = {"state", "apply", "cart"};
    args.insert(args.end(), arguments.begin(), arguments.end());
    EXPECT_EQ(ctl_.Run(args).exit_code, kUsage) << arguments[0] << " " << arguments[1];
  }
  EXPECT_EQ(ctl_.daemon.calls(), 0);
}

TEST_F(CommandsTest, ARepeatWithTheSameRequestIdIsHarmless) {
  const std::vector<std::string> args = {"state", "apply", "cart",         "--create-account",
                                         "--add", "n=1",   "--request-id", "r-1",
                                         "-o",    "json"};
  EXPECT_EQ(ctl_.Run(args).json()["replayed"], false);
  EXPECT_EQ(ctl_.Run(args).json()["replayed"], true);
  EXPECT_EQ(ctl_.Run({"state", "get", "cart", "n"}).out, "1\n");
}

TEST_F(CommandsTest, StateDeleteWantsToKnowWhat) {
  FillCart();
  EXPECT_EQ(ctl_.Run({"state", "delete", "-n", "shop", "cart"}).exit_code, kUsage);
  EXPECT_EQ(ctl_.Run({"state", "delete", "-n", "shop", "cart", "--all"}).exit_code, kUsage);
  EXPECT_EQ(ctl_.Run({"state", "delete", "-n", "shop", "cart", "color"}).exit_code, kOk);
  EXPECT_EQ(ctl_.Run({"state", "get", "-n", "shop", "cart", "color"}).exit_code, kNotFound);
}

TEST_F(CommandsTest, ShardListPrintsOneIdALine) {
  EXPECT_EQ(ctl_.Run({"shard", "list", "-o", "name"}).out, "s-0001\ns-0002\ns-0003\ns-0004\n");
}

TEST_F(CommandsTest, ErrorsSayReasonAndWhatToTry) {
  const Ran ran = ctl_.Run({"shard", "get", "s-0099"});
  EXPECT_EQ(ran.exit_code, kNotFound);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err,
            "error: shard s-0099 does not exist\n"
            "  reason SHARD_NOT_FOUND   try: shardctl shard list\n");
}

TEST_F(CommandsTest, AnErrorWithUnknownEffectSaysSo) {
  client::FakeDaemon::Faults faults;
  faults.failing_calls = -1;
  faults.call_error =
      client::Refusal(grpc::StatusCode::UNAVAILABLE, v1::ERROR_REASON_STORAGE_FAILED,
                      "the storage failed", 0, v1::EFFECT_UNKNOWN);
  ctl_.daemon.SetFaults(faults);
  const Ran ran = ctl_.Run({"state", "put", "cart", "k", "v"});
  EXPECT_EQ(ran.exit_code, kUnreachable);
  EXPECT_THAT(ran.err, HasSubstr("reason STORAGE_FAILED   effect unknown"));
}

TEST_F(CommandsTest, AnUnreachableDaemonIsNamed) {
  ctl_.daemon.Stop();
  const Ran ran = ctl_.Run({"status"});
  EXPECT_EQ(ran.exit_code, kUnreachable);
  EXPECT_THAT(ran.err, StartsWith("error: the daemon cannot be reached: "));
  EXPECT_THAT(ran.err, HasSubstr("endpoint " + ctl_.daemon.endpoint()));
}

TEST_F(CommandsTest, RouteShowsWhereAnAccountIs) {
  const auto json = ctl_.Run({"route", "get", "cart", "-o", "json"}).json();
  EXPECT_EQ(json["shard"], "s-0001");
  EXPECT_EQ(json["epoch"], 1);
  EXPECT_EQ(json["start"], std::string(32, '0'));
  EXPECT_EQ(json["end"], "40" + std::string(30, '0'));
  EXPECT_EQ(json["home"], "h0001");
  EXPECT_EQ(ctl_.Run({"route", "map", "-o", "name"}).out, "s-0001\ns-0002\ns-0003\ns-0004\n");
  EXPECT_EQ(ctl_.Run({"route", "get"}).exit_code, kUsage);
  EXPECT_EQ(ctl_.Run({"route", "get", "cart", "--shard", "s-0001"}).exit_code, kUsage);
  EXPECT_EQ(ctl_.Run({"route", "get", "--routing-key", "12"}).exit_code, kUsage);
}

TEST_F(CommandsTest, RouteWatchShowsTheTableAndItsChanges) {
  const Ran ran = ctl_.Run({"route", "watch", "--count", "2", "-o", "jsonl"});
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("{\"epoch\":1,\"change\":\"present\",\"shard\":\"s-0001\""));
  EXPECT_THAT(ran.out, HasSubstr("{\"epoch\":2,\"change\":\"added\",\"shard\":\"s-0001\""));
}

// Plan: the daemon has the table of epoch 1 and no changes since; whoever asks for those is told,
// and who asks for the table is not.
TEST_F(CommandsTest, RouteWatchSaysThatChangesAreLost) {
  const auto watch = [&](const std::string& epoch) {
    return ctl_.Run({"route", "watch", "--from-epoch", epoch, "--count", "1", "-o", "jsonl"});
  };
  const Ran future = watch("9");
  EXPECT_EQ(future.exit_code, kOk) << future.err;
  EXPECT_EQ(future.json()["changes_lost"], true);
  EXPECT_EQ(future.err,
            "Epoch 9 is not there yet: this is the whole table of epoch 1, not what changed since."
            "\n");
  EXPECT_THAT(watch("1").err, HasSubstr("Epoch 1 is no longer kept"));
  const Ran whole = watch("0");
  EXPECT_EQ(whole.json()["changes_lost"], false);
  EXPECT_EQ(whole.err, "");
}

TEST_F(CommandsTest, WatchShowsChangesFromARevisionOn) {
  FillCart();
  ctl_.Run({"state", "apply", "-n", "shop", "cart", "--put", "size=xl", "--delete", "color"});
  const Ran ran = ctl_.Run(
      {"watch", "-n", "shop", "cart", "--from-revision", "1", "--count", "2", "-o", "jsonl"});
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_EQ(ran.out,
            "{\"revision\":1,\"change\":\"create-account\",\"key\":null,\"value\":null}\n"
            "{\"revision\":1,\"change\":\"put\",\"key\":\"color\",\"value\":\"blue\"}\n"
            "{\"revision\":2,\"change\":\"put\",\"key\":\"size\",\"value\":\"xl\"}\n"
            "{\"revision\":2,\"change\":\"delete\",\"key\":\"color\",\"value\":null}\n");
}

// Two changes that come in one message are still two.
TEST_F(CommandsTest, WatchCountsChanges) {
  FillCart();
  ctl_.Run({"state", "put", "-n", "shop", "cart", "size", "xl"});
  const Ran ran = ctl_.Run(
      {"watch", "-n", "shop", "cart", "--from-revision", "1", "--count", "1", "-o", "jsonl"});
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_THAT(ran.out, Not(HasSubstr("\"revision\":2")));
}

TEST_F(CommandsTest, WatchEndsWhenInterrupted) {
  FillCart();
  ctl_.interrupt.Request();
  EXPECT_EQ(ctl_.Run({"watch", "-n", "shop", "cart"}).exit_code, kInterrupted);
}

TEST_F(CommandsTest, WatchOfNothingFails) {
  EXPECT_EQ(ctl_.Run({"watch", "nobody"}).exit_code, kNotFound);
}

TEST_F(CommandsTest, OperationsAreListedWaitedForAndCancelled) {
  EXPECT_EQ(ctl_.Run({"operation", "list", "-o", "name"}).out, "op-1\n");
  EXPECT_EQ(ctl_.Run({"operation", "get", "op-1", "-o", "json"}).json()["state"], "running");
  EXPECT_EQ(ctl_.Run({"operation", "get", "op-9"}).exit_code, kNotFound);
  EXPECT_EQ(ctl_.Run({"operation", "cancel", "op-1", "-o", "json"}).json()["state"], "cancelling");
  const Ran waited = ctl_.Run({"operation", "wait", "op-1", "-o", "json"});
  EXPECT_EQ(waited.exit_code, kOk);
  EXPECT_EQ(waited.json()["state"], "succeeded");
}

TEST_F(CommandsTest, NamespacesAreListedAndDeleted) {
  ctl_.Run({"namespace", "create", "shop"});
  ctl_.Run({"namespace", "create", "bank"});
  EXPECT_EQ(ctl_.Run({"namespace", "list", "-o", "name"}).out, "bank\nshop\n");
  EXPECT_EQ(ctl_.Run({"namespace", "get", "shop", "-o", "json"}).json()["state"], "active");
  EXPECT_EQ(ctl_.Run({"namespace", "get", "none"}).exit_code, kNotFound);
  const Ran deleted = ctl_.Run({"namespace", "delete", "shop", "--yes", "-o", "json"});
  EXPECT_EQ(deleted.exit_code, kOk);
  EXPECT_EQ(deleted.json()["state"], "succeeded");
  EXPECT_EQ(deleted.err, "");
  EXPECT_EQ(ctl_.Run({"namespace", "list", "-o", "name"}).out, "bank\n");
}

TEST_F(CommandsTest, DeletingANamespaceNeedNotWait) {
  const Ran deleted = ctl_.Run({"namespace", "delete", "shop", "--yes", "--no-wait", "-o", "name"});
  EXPECT_EQ(deleted.exit_code, kOk);
  EXPECT_EQ(deleted.out, "op-1\n");
  EXPECT_THAT(deleted.err, HasSubstr("shardctl operation wait op-1"));
}

// Plan: let the operation of a deletion end in every bad way; both commands that wait for it say
// why, and fail as the operation did.
TEST_F(CommandsTest, AnOperationThatFailsFailsWhoWaitsForIt) {
  struct Row {
    v1::OperationState state;
    v1::ErrorReason reason;
    ExitCode exit_code;
    const char* error;
  };
  const Row rows[] = {
      {v1::OPERATION_STATE_FAILED, v1::ERROR_REASON_NAMESPACE_NOT_EMPTY, kConflict,
       "reason NAMESPACE_NOT_EMPTY"},
      {v1::OPERATION_STATE_FAILED, v1::ERROR_REASON_STORAGE_FAILED, kUnreachable,
       "reason STORAGE_FAILED"},
      {v1::OPERATION_STATE_FAILED, v1::ERROR_REASON_STORAGE_CORRUPT, kFailed,
       "reason STORAGE_CORRUPT"},
      {v1::OPERATION_STATE_CANCELLED, v1::ERROR_REASON_UNSPECIFIED, kConflict,
       "operation op-1 was cancelled"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.error);
    client::FakeDaemon::Faults faults;
    v1::Operation& ended = faults.ended_operation.emplace();
    ended.set_id("op-1");
    ended.set_state(row.state);
    ended.set_error_reason(row.reason);
    ctl_.daemon.SetFaults(faults);
    const Ran deleted = ctl_.Run({"namespace", "delete", "shop", "--yes"});
    EXPECT_EQ(deleted.exit_code, row.exit_code);
    EXPECT_EQ(deleted.out, "");
    EXPECT_THAT(deleted.err, HasSubstr(row.error));
    const Ran waited = ctl_.Run({"operation", "wait", "op-1", "-o", "name"});
    EXPECT_EQ(waited.exit_code, row.exit_code);
    EXPECT_EQ(waited.out, "op-1\n");
    EXPECT_THAT(waited.err, HasSubstr(row.error));
  }
}

TEST_F(CommandsTest, WaitingForAnOperationEndsWithoutEndingIt) {
  client::FakeDaemon::Faults faults;
  faults.ended_operation.emplace().set_state(v1::OPERATION_STATE_RUNNING);
  ctl_.daemon.SetFaults(faults);
  const Ran late = ctl_.Run({"operation", "wait", "op-1", "--for", "1ms"});
  EXPECT_EQ(late.exit_code, kFailed) << "the daemon was reached";
  EXPECT_THAT(late.err, HasSubstr("error: operation op-1 has not ended yet\n"));
  EXPECT_THAT(late.err, HasSubstr("It goes on. Wait again: shardctl operation wait op-1"));
}

TEST_F(CommandsTest, ConfigShowsOrigins) {
  const auto json = ctl_.Run({"config", "get", "-o", "json"}).json();
  EXPECT_EQ(json["items"][0]["key"], "storage.data");
  EXPECT_EQ(json["items"][0]["origin"], "flag");
}

TEST_F(CommandsTest, AFlagBeatsTheEnvironment) {
  ctl_.environment["SHARDCTL_OUTPUT"] = "json";
  EXPECT_THAT(ctl_.Run({"version"}).out, StartsWith("{"));
  EXPECT_THAT(ctl_.Run({"version", "-o", "table"}).out, StartsWith("shardctl "));
  ctl_.environment["SHARDCTL_OUTPUT"] = "yaml";
  EXPECT_EQ(ctl_.Run({"version"}).exit_code, kUsage);
  ctl_.environment["SHARDCTL_OUTPUT"] = "";
  EXPECT_EQ(ctl_.Run({"version"}).exit_code, kOk);
  ctl_.environment["SHARDCTL_TIMEOUT"] = "soon";
  EXPECT_EQ(ctl_.Run({"version"}).exit_code, kUsage);
  EXPECT_EQ(ctl_.Run({"version", "--timeout", "1s"}).exit_code, kOk);
  ctl_.environment["SHARDCTL_TIMEOUT"] = "2s";
  ctl_.environment["SHARDCTL_ENDPOINTS"] = "nonsense";
  EXPECT_EQ(ctl_.Run({"status"}).exit_code, kUsage);
  EXPECT_EQ(ctl_.Run({"status", "-e", ctl_.daemon.endpoint()}).exit_code, kOk);
}

TEST_F(CommandsTest, ColourOnlyOnATerminal) {
  EXPECT_THAT(ctl_.Run({"shard", "list"}).out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(ctl_.Run({"shard", "list", "--color", "always"}).out, HasSubstr("\x1b"));
  ctl_.terminal = true;
  EXPECT_THAT(ctl_.Run({"shard", "list"}).out, HasSubstr("\x1b"));
  EXPECT_THAT(ctl_.Run({"shard", "list", "-o", "json"}).out, Not(HasSubstr("\x1b")));
  ctl_.environment["NO_COLOR"] = "1";
  EXPECT_THAT(ctl_.Run({"shard", "list"}).out, Not(HasSubstr("\x1b")));
}

TEST_F(CommandsTest, AMistypedWordIsAnsweredWithTheNearestOne) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"acount", "list"}, "no command acount; did you mean account?"},
      {{"account", "lst"}, "no command lst; did you mean list?"},
      {{"-o", "json", "statsu"}, "no command statsu; did you mean status?"},
      {{"account", "list", "--namespce", "x"}, "no option --namespce; did you mean --namespace?"},
      {{"zebra"}, "no command zebra\n"},
  };
  for (const auto& [args, message] : cases) {
    const Ran ran = ctl_.Run(args);
    EXPECT_EQ(ran.exit_code, kUsage) << message;
    EXPECT_THAT(ran.err, HasSubstr(message));
    EXPECT_EQ(ran.out, "");
  }
}

TEST_F(CommandsTest, UsageErrorsExitWith2) {
  const std::vector<std::vector<std::string>> cases = {{},
                                                       {"account"},
                                                       {"account", "get"},
                                                       {"-o", "xml", "status"},
                                                       {"--timeout", "-1s", "status"},
                                                       {"-e", "nonsense", "status"},
                                                       {"account", "create", "a", "--label", "x"},
                                                       {"import", "--format", "xml", "-"},
                                                       {"import", "-"}};
  for (const auto& args : cases) {
    const Ran ran = ctl_.Run(args);
    EXPECT_EQ(ran.exit_code, kUsage) << ran.err;
    EXPECT_THAT(ran.err, StartsWith("error: "));
  }
}

TEST_F(CommandsTest, BenchCountsWhatItDid) {
  ctl_.clock = &client::RealClock();
  for (const std::vector<std::string>& mode :
       {std::vector<std::string>{"--in-flight", "4"},
        std::vector<std::string>{"--sessions", "2", "--in-flight", "2", "--frame-operations",
                                 "8"}}) {
    std::vector<std::string> args = {"bench", "--duration", "50ms",  "--accounts", "10",
                                     "-o",    "json",       "--mix", "mixed"};
    args.insert(args.end(), mode.begin(), mode.end());
    const Ran ran = ctl_.Run(args);
    EXPECT_EQ(ran.exit_code, kOk) << ran.err;
    EXPECT_GT(ran.json()["operations"], 0);
    EXPECT_EQ(ran.json()["errors"], 0);
    EXPECT_GT(ran.json()["p99_ms"], 0);
  }
}

TEST_F(CommandsTest, BenchGoesOnAfterASessionBroke) {
  ctl_.clock = &client::RealClock();
  client::FakeDaemon::Faults faults;
  faults.break_at_frame = 3;
  ctl_.daemon.SetFaults(faults);
  const Ran ran = ctl_.Run({"bench", "--duration", "500ms", "--sessions", "1", "--in-flight", "1",
                            "--frame-operations", "8", "-o", "json"});
  // What had no answer counts as failed, and what could not be sent any more.
  EXPECT_EQ(ran.exit_code, kFailed) << ran.err;
  EXPECT_EQ(ctl_.daemon.sessions(), 2);
  EXPECT_GE(ran.json()["errors"], 8);
  EXPECT_LE(ran.json()["errors"], 16);
  EXPECT_GT(ran.json()["operations"], 16);
}

TEST_F(CommandsTest, EveryReadPrintsJsonThatParses) {
  FillCart();
  ctl_.Run({"shard", "split", "s-0001"});
  const std::vector<std::vector<std::string>> reads = {
      {"status"},
      {"version"},
      {"check", "ready"},
      {"namespace", "list"},
      {"namespace", "get", "shop"},
      {"account", "list", "-n", "shop"},
      {"account", "get", "-n", "shop", "cart"},
      {"state", "get", "-n", "shop", "cart", "color"},
      {"state", "scan", "-n", "shop", "cart"},
      {"shard", "list"},
      {"shard", "get", "s-0001"},
      {"shard", "lineage", "s-0001"},
      {"top", "--once"},
      {"route", "get", "cart"},
      {"route", "map"},
      {"route", "diff", "1"},
      {"thread", "list"},
      {"thread", "get", "t-1"},
      {"thread", "stack"},
      {"thread", "top", "--once"},
      {"operation", "list"},
      {"operation", "get", "op-1"},
      {"config", "get"}};
  for (std::vector<std::string> args : reads) {
    args.insert(args.end(), {"-o", "json"});
    const Ran json = ctl_.Run(args);
    EXPECT_EQ(json.exit_code, kOk) << args[0] << json.err;
    EXPECT_EQ(json.json()["schema_version"], 1) << args[0];
    EXPECT_TRUE(json.json()["kind"].is_string()) << args[0];
    args.back() = "jsonl";
    std::istringstream lines(ctl_.Run(args).out);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_TRUE(nlohmann::json::parse(line).is_object()) << args[0];
    }
    for (const char* format : {"table", "wide", "csv", "name"}) {
      args.back() = format;
      const Ran ran = ctl_.Run(args);
      EXPECT_EQ(ran.exit_code, kOk) << args[0] << " " << format;
      EXPECT_NE(ran.out, "") << args[0] << " " << format;
    }
  }
}

}  // namespace
}  // namespace shardd::shardctl
