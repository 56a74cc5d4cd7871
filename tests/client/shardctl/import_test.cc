// Plan: import packages and accounts while the daemon is well, busy, refusing, dying and restarted;
// afterwards every good record must be there once and every bad one named. Then export them back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/client/shardctl/shardctl_run.h"

namespace shardd::shardctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Packages(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&text, "Package: p", i, "\nVersion: 1.", i, "-1\nDescription: package ", i,
                    "\n with more\n\n");
  }
  return text;
}

class ImportTest : public ::testing::Test {
 protected:
  Ran Import(const std::vector<std::string>& more = {}) {
    std::vector<std::string> args = {"import", "--format", "deb822", "--namespace", "debian", "-"};
    args.insert(args.end(), more.begin(), more.end());
    return ctl_.Run(args);
  }

  Ran ImportJsonl(const std::string& text, const std::vector<std::string>& more = {}) {
    ctl_.input = text;
    std::vector<std::string> args = {"import", "--format", "jsonl", "-"};
    args.insert(args.end(), more.begin(), more.end());
    return ctl_.Run(args);
  }

  size_t Accounts() {
    return ctl_.daemon.WithStore([](client::FakeStore& store) { return store.accounts.size(); });
  }

  uint64_t Writes() {
    return ctl_.daemon.WithStore([](client::FakeStore& store) { return store.writes; });
  }

  std::string Value(const std::string& name_space, const std::string& id, const std::string& key) {
    return ctl_.daemon.WithStore([&](client::FakeStore& store) {
      return store.accounts[{name_space, id}].entries[key].value();
    });
  }

  Shardctl ctl_;
};

TEST_F(ImportTest, MakesAnAccountOfEachPackage) {
  ctl_.input = Packages(200);
  const Ran ran = Import();
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("imported 200 accounts (0 bad records) in "));
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(Accounts(), 200u);
  EXPECT_EQ(Value("debian", "p7", "Description"), "package 7\n with more");
  EXPECT_EQ(ctl_.daemon.sessions(), 1);
  EXPECT_EQ(ctl_.daemon.frames(), 4);
}

TEST_F(ImportTest, EmptyInputImportsNothing) {
  ctl_.input = "";
  const Ran ran = Import();
  EXPECT_EQ(ran.exit_code, kOk);
  EXPECT_THAT(ran.err, HasSubstr("imported 0 accounts"));
}

TEST_F(ImportTest, ReadsAFileAndSaysSoInJson) {
  const std::string path = absl::StrCat(::testing::TempDir(), "shardctl_import_test");
  std::ofstream(path) << Packages(3);
  const Ran ran = ctl_.Run({"import", "--format", "deb822", "-n", "debian", path, "-o", "json"});
  std::remove(path.c_str());
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_EQ(ran.json()["accounts"], 3);
  EXPECT_EQ(ran.json()["bad_records"], 0);
  EXPECT_EQ(ctl_.Run({"import", "--format", "jsonl", "/does/not/exist"}).exit_code, kUsage);
}

TEST_F(ImportTest, TheHighestVersionWinsWhereverItStands) {
  const char* high = "Package: a\nVersion: 1:0.5\n\n";
  const char* low = "Package: a\nVersion: 2.0\n\n";
  for (const std::string& text : {absl::StrCat(high, low), absl::StrCat(low, high)}) {
    Shardctl fresh;
    fresh.input = text;
    const Ran ran = fresh.Run({"import", "--format", "deb822", "-n", "debian", "-"});
    EXPECT_THAT(ran.err, HasSubstr("imported 1 accounts (0 bad"));
    const Ran version = fresh.Run({"state", "get", "-n", "debian", "a", "Version"});
    EXPECT_EQ(version.out, "1:0.5\n");
  }
}

TEST_F(ImportTest, ReplacesTheAccountUnlessToldToMerge) {
  ImportJsonl("{\"id\":\"a\",\"entries\":{\"x\":\"1\",\"y\":\"2\"}}");
  ImportJsonl("{\"id\":\"a\",\"entries\":{\"x\":\"3\"}}", {"--merge"});
  EXPECT_EQ(ctl_.Run({"state", "scan", "a", "-o", "name"}).out, "x\ny\n");
  EXPECT_EQ(Value("", "a", "x"), "3");
  ImportJsonl("{\"id\":\"a\",\"entries\":{\"z\":\"4\"}}");
  EXPECT_EQ(ctl_.Run({"state", "scan", "a", "-o", "name"}).out, "z\n");
}

TEST_F(ImportTest, ASecondRunChangesNothing) {
  ctl_.input = Packages(100);
  ASSERT_EQ(Import().exit_code, kOk);
  const Ran again = Import();
  EXPECT_EQ(again.exit_code, kOk);
  EXPECT_THAT(again.err, HasSubstr("imported 100 accounts"));
  EXPECT_THAT(again.err, HasSubstr("100 writes had been made before"));
  EXPECT_EQ(Writes(), 100u);
  EXPECT_THAT(Import({"--run-id", "2"}).err, Not(HasSubstr("made before")));
  EXPECT_EQ(Writes(), 200u);
}

TEST_F(ImportTest, AnEarlierFileCanBeImportedAgain) {
  ImportJsonl("{\"id\":\"a\",\"entries\":{\"v\":\"1\"}}\n{\"id\":\"b\"}\n");
  ImportJsonl("{\"id\":\"a\",\"entries\":{\"v\":\"2\"}}");
  const Ran ran =
      ImportJsonl("{\"id\":\"a\",\"entries\":{\"v\":\"1\"}}\n{\"id\":\"b\"}\n", {"-o", "json"});
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_EQ(ran.json()["accounts"], 2);
  EXPECT_EQ(ran.json()["replayed"], 1);
  EXPECT_EQ(ran.json()["rewritten"], 1);
  EXPECT_EQ(Value("", "a", "v"), "1");
  EXPECT_EQ(Writes(), 4u);
}

TEST_F(ImportTest, UndoesWhatOthersChangedSince) {
  const std::string text = "{\"id\":\"a\",\"labels\":{\"t\":\"g\"},\"entries\":{\"v\":\"1\"}}";
  ImportJsonl(text);
  ctl_.Run({"state", "put", "a", "note", "mine"});
  ctl_.Run({"account", "update", "a", "--clear-labels"});
  ImportJsonl(text, {"--merge"});
  EXPECT_EQ(ctl_.Run({"state", "scan", "a", "-o", "name"}).out, "note\nv\n");
  const Ran ran = ImportJsonl(text);
  EXPECT_THAT(ran.err, HasSubstr("1 accounts had been imported before, were changed since"));
  EXPECT_EQ(ctl_.Run({"state", "scan", "a", "-o", "name"}).out, "v\n");
  EXPECT_EQ(ctl_.Run({"account", "get", "a", "-o", "json"}).json()["labels"]["t"], "g");
  EXPECT_THAT(ImportJsonl(text, {"--run-id", "x"}).err, Not(HasSubstr("changed since")));
}

TEST_F(ImportTest, BringsBackADeletedAccount) {
  ctl_.input = Packages(3);
  ASSERT_EQ(Import().exit_code, kOk);
  ASSERT_EQ(ctl_.Run({"account", "delete", "-n", "debian", "p1", "--yes"}).exit_code, kOk);
  const Ran ran = Import();
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("imported 3 accounts (0 bad"));
  EXPECT_EQ(Value("debian", "p1", "Version"), "1.1-1");
  EXPECT_EQ(Writes(), 4u);
}

TEST_F(ImportTest, ALargeAccountThatWasChangedIsWrittenAgainAsAWhole) {
  std::string entries;
  for (int i = 0; i < 3000; ++i) absl::StrAppend(&entries, i == 0 ? "" : ",", "\"k", i, "\":\"v\"");
  const std::string text = absl::StrCat("{\"id\":\"a\",\"entries\":{", entries, "}}");
  ImportJsonl(text);
  ctl_.Run({"state", "put", "a", "k7", "mine"});
  EXPECT_EQ(ImportJsonl(text).exit_code, kOk);
  EXPECT_EQ(Value("", "a", "k7"), "v");
  EXPECT_EQ(Writes(), 7u);
  ImportJsonl(text);
  EXPECT_EQ(Value("", "a", "k7"), "v");
}

// Merged records build on each other: if one is written again, so is what comes after it.
TEST_F(ImportTest, MergedRecordsOfOneAccountAreWrittenAgainInTheirOrder) {
  const std::string text =
      "{\"id\":\"a\",\"entries\":{\"x\":\"1\",\"y\":\"1\"}}\n{\"id\":\"a\",\"entries\":{\"x\":"
      "\"2\"}}\n";
  ImportJsonl(text, {"--merge"});
  ImportJsonl(text, {"--merge"});
  EXPECT_EQ(Writes(), 2u);
  ctl_.Run({"state", "put", "a", "y", "mine"});
  ImportJsonl(text, {"--merge"});
  EXPECT_EQ(Value("", "a", "x"), "2");
  EXPECT_EQ(Value("", "a", "y"), "1");
}

TEST_F(ImportTest, ReportsBadRecordsByLineAndGoesOn) {
  ctl_.input = "Package: a\nVersion: 1\n\nPackage: b\n\nnonsense\n\nPackage: c\nVersion: 1\n";
  const Ran ran = Import();
  EXPECT_EQ(ran.exit_code, kFailed);
  EXPECT_THAT(ran.err, HasSubstr("line 4: package b has no Version field\n"));
  EXPECT_THAT(ran.err, HasSubstr("line 6: the line has no colon\n"));
  EXPECT_THAT(ran.err, HasSubstr("imported 2 accounts (2 bad records)"));
}

TEST_F(ImportTest, StopsAtTheFirstBadRecordIfAsked) {
  ctl_.input = "Package: a\nVersion: 1\n\nnonsense\n\nPackage: c\nVersion: 1\n";
  const Ran ran = Import({"--on-error", "stop"});
  EXPECT_EQ(ran.exit_code, kFailed);
  EXPECT_THAT(ran.err, HasSubstr("imported 1 accounts (1 bad records)"));
  EXPECT_EQ(Accounts(), 1u);
}

TEST_F(ImportTest, ReportsWhatTheDaemonRefusesByLine) {
  const std::string large((1 << 20) + 1, 'x');
  const Ran ran = ImportJsonl(absl::StrCat("{\"id\":\"a\"}\n{\"id\":\"b\",\"entries\":{\"k\":\"",
                                           large, "\"}}\n{\"id\":\"c\"}\n"));
  EXPECT_EQ(ran.exit_code, kFailed);
  EXPECT_THAT(ran.err, HasSubstr("line 2: the value is longer than 1 MiB (ENTRY_TOO_LARGE)"));
  EXPECT_THAT(ran.err, HasSubstr("imported 2 accounts (1 bad records)"));
}

TEST_F(ImportTest, FindsTheRecordForWhichAFrameWasRefused) {
  client::FakeDaemon::Faults faults;
  faults.refuse_large_frames = true;
  ctl_.daemon.SetFaults(faults);
  const std::string large(300'000, 'x');
  const Ran ran = ImportJsonl(absl::StrCat("{\"id\":\"a\"}\n{\"id\":\"b\",\"entries\":{\"k\":\"",
                                           large, "\"}}\n{\"id\":\"c\"}\n"));
  EXPECT_EQ(ran.exit_code, kFailed);
  EXPECT_THAT(ran.err, HasSubstr("line 2: the frame is too large (FRAME_TOO_LARGE)"));
  EXPECT_THAT(ran.err, HasSubstr("imported 2 accounts (1 bad records)"));
}

TEST_F(ImportTest, CreatesNamespacesUnlessToldNotTo) {
  const std::string text =
      "{\"id\":\"a\",\"namespace\":\"one\"}\n{\"id\":\"b\",\"namespace\":\"two\"}\n";
  const Ran refused = ImportJsonl(text, {"--no-create-namespace"});
  EXPECT_EQ(refused.exit_code, kNotFound);
  EXPECT_THAT(refused.err, HasSubstr("reason NAMESPACE_NOT_FOUND"));
  EXPECT_EQ(ImportJsonl(text).exit_code, kOk);
  EXPECT_EQ(ctl_.Run({"namespace", "list", "-o", "name"}).out, "one\ntwo\n");
}

TEST_F(ImportTest, SetsLabels) {
  ImportJsonl("{\"id\":\"a\",\"labels\":{\"tier\":\"gold\"}}");
  EXPECT_EQ(ctl_.Run({"account", "get", "a", "-o", "json"}).json()["labels"]["tier"], "gold");
}

TEST_F(ImportTest, CarriesLimitsAndState) {
  const std::string text =
      "{\"id\":\"a\",\"state\":\"frozen\",\"limits\":{\"entries_max\":7,\"bytes_max\":900},"
      "\"labels\":{\"t\":\"g\"},\"entries\":{\"v\":\"1\"}}\n"
      "{\"id\":\"b\",\"state\":\"active\",\"limits\":{\"entries_max\":0,\"bytes_max\":0},"
      "\"labels\":{},\"entries\":{\"v\":\"1\"}}\n";
  const auto whole = [](std::string exported) {
    for (size_t at; (at = exported.find("\"namespace\":\"\",")) != std::string::npos;) {
      exported.erase(at, 15);
    }
    return exported;
  };
  ASSERT_EQ(ImportJsonl(text).exit_code, kOk);
  EXPECT_EQ(whole(ctl_.Run({"export"}).out), text);
  // An account that is new needs no call to be as it is.
  EXPECT_EQ(ctl_.Run({"account", "get", "b", "-o", "json"}).json()["revision"], 1);

  // Whatever was done since, and though one is frozen.
  ctl_.Run({"account", "update", "a", "--state", "active"});
  ctl_.Run({"state", "put", "a", "v", "mine"});
  ctl_.Run({"account", "update", "a", "--state", "frozen", "--clear-labels"});
  ctl_.Run({"account", "update", "b", "--state", "frozen"});
  const Ran again = ImportJsonl(text);
  EXPECT_EQ(again.exit_code, kOk) << again.err;
  EXPECT_EQ(whole(ctl_.Run({"export"}).out), text);
}

TEST_F(ImportTest, LeavesAFrozenAccountAloneUnlessTheRecordNamesItsState) {
  ImportJsonl("{\"id\":\"a\",\"state\":\"frozen\",\"entries\":{\"v\":\"1\"}}");
  const Ran ran = ImportJsonl("{\"id\":\"a\",\"entries\":{\"v\":\"2\"}}");
  EXPECT_EQ(ran.exit_code, kFailed);
  EXPECT_THAT(ran.err, HasSubstr("line 1: the account is frozen (ACCOUNT_FROZEN)"));
  EXPECT_EQ(Value("", "a", "v"), "1");
}

TEST_F(ImportTest, SendsAgainWhatWasPutOff) {
  client::FakeDaemon::Faults faults;
  faults.put_off_operations = 70;
  ctl_.daemon.SetFaults(faults);
  ctl_.input = Packages(200);
  const Ran ran = Import();
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_EQ(Accounts(), 200u);
  EXPECT_EQ(Writes(), 200u);
  ASSERT_FALSE(ctl_.jumping_clock.waits().empty());
  EXPECT_GE(ctl_.jumping_clock.waits()[0], absl::Milliseconds(50));
}

TEST_F(ImportTest, APutOffRecordDoesNotOverwriteALaterOne) {
  client::FakeDaemon::Faults faults;
  faults.put_off_operations = 1;
  ctl_.daemon.SetFaults(faults);
  ImportJsonl(
      "{\"id\":\"a\",\"entries\":{\"k\":\"old\"}}\n{\"id\":\"a\",\"entries\":{\"k\":\"new\"}}\n");
  EXPECT_EQ(Value("", "a", "k"), "new");
}

// A second run repeats the first: were the old record skipped there, it would now come as a new
// one.
TEST_F(ImportTest, APutOffRecordDoesNotOverwriteALaterOneInTheNextRun) {
  client::FakeDaemon::Faults faults;
  faults.put_off_operations = 1;
  ctl_.daemon.SetFaults(faults);
  const char* text =
      "{\"id\":\"a\",\"entries\":{\"k\":\"old\"}}\n{\"id\":\"a\",\"entries\":{\"k\":\"new\"}}\n";
  ImportJsonl(text);
  ImportJsonl(text);
  EXPECT_EQ(Value("", "a", "k"), "new");
  EXPECT_EQ(Writes(), 2u);
}

TEST_F(ImportTest, NamesEveryRecordOfANamespaceThatCannotBe) {
  const Ran ran = ImportJsonl(
      "{\"id\":\"a\"}\n{\"namespace\":\"NO\",\"id\":\"b\"}\n"
      "{\"namespace\":\"NO\",\"id\":\"c\"}\n{\"id\":\"d\"}\n");
  EXPECT_EQ(ran.exit_code, kFailed);
  EXPECT_THAT(ran.err, HasSubstr("line 2: "));
  EXPECT_THAT(ran.err, HasSubstr("line 3: "));
  EXPECT_THAT(ran.err, HasSubstr("imported 2 accounts (2 bad records)"));
}

TEST_F(ImportTest, NotesWhatIsDurable) {
  const std::string path = absl::StrCat(::testing::TempDir(), "shardctl_acknowledged_test");
  std::ofstream(path) << "{\"cut o";
  ctl_.input = Packages(2);
  const Ran ran = Import({"--acknowledged-to", path});
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  std::ifstream file(path);
  const std::string lines(std::istreambuf_iterator<char>(file), {});
  std::remove(path.c_str());
  EXPECT_EQ(lines,
            "{\"cut o\n{\"namespace\":\"debian\",\"id\":\"p0\",\"revision\":1}\n"
            "{\"namespace\":\"debian\",\"id\":\"p1\",\"revision\":1}\n");
  EXPECT_EQ(Import({"--acknowledged-to", "/does/not/exist"}).exit_code, kUsage);
}

TEST_F(ImportTest, TheSameRecordTwiceInAFileCountsTwice) {
  ImportJsonl(
      "{\"id\":\"a\",\"entries\":{\"k\":\"1\"}}\n{\"id\":\"a\",\"entries\":{\"k\":\"2\"}}\n"
      "{\"id\":\"a\",\"entries\":{\"k\":\"1\"}}\n");
  EXPECT_EQ(Value("", "a", "k"), "1");
}

TEST_F(ImportTest, GivesUpOnADaemonThatStaysBusy) {
  client::FakeDaemon::Faults faults;
  faults.put_off_operations = -1;
  ctl_.daemon.SetFaults(faults);
  ctl_.input = Packages(3);
  const Ran ran = Import({"--retry-for", "5s"});
  EXPECT_EQ(ran.exit_code, kFailed);
  EXPECT_THAT(ran.err, HasSubstr("imported 0 accounts"));
  EXPECT_THAT(ran.err, HasSubstr("reason MAILBOX_FULL"));
}

TEST_F(ImportTest, GoesOnAfterALostAnswer) {
  client::FakeDaemon::Faults faults;
  faults.break_at_frame = 2;
  ctl_.daemon.SetFaults(faults);
  ctl_.input = Packages(300);
  const Ran ran = Import();
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("imported 300 accounts"));
  EXPECT_EQ(Accounts(), 300u);
  // The second frame took effect, was sent again, and did not take effect again.
  EXPECT_EQ(Writes(), 300u);
  EXPECT_EQ(ctl_.daemon.sessions(), 2);
}

TEST_F(ImportTest, SurvivesARestartOfTheDaemon) {
  client::FakeDaemon::Faults faults;
  faults.break_at_frame = 3;
  ctl_.daemon.SetFaults(faults);
  // The clock of this test restarts the daemon while the import waits.
  class RestartingClock : public client::Clock {
   public:
    explicit RestartingClock(client::FakeDaemon& daemon) : daemon_(daemon) {}
    absl::Time Now() const override { return client::RealClock().Now(); }
    void Wait(absl::Duration duration) override {
      ++waits_;
      if (waits_ == 1) daemon_.Stop();
      if (waits_ == 3) daemon_.Start();
      client::RealClock().Wait(duration);
    }

   private:
    client::FakeDaemon& daemon_;
    int waits_ = 0;
  } clock(ctl_.daemon);
  ctl_.clock = &clock;
  ctl_.input = Packages(500);
  const Ran ran = Import();
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("imported 500 accounts (0 bad records)"));
  EXPECT_EQ(Accounts(), 500u);
  EXPECT_EQ(Writes(), 500u);
}

TEST_F(ImportTest, GivesUpOnADaemonThatStaysAway) {
  ctl_.daemon.Stop();
  ctl_.input = Packages(3);
  const Ran ran = Import({"--retry-for", "2s"});
  EXPECT_EQ(ran.exit_code, kUnreachable);
  EXPECT_THAT(ran.err, HasSubstr("imported 0 accounts"));
}

TEST_F(ImportTest, AnInterruptEndsItInGoodOrder) {
  ctl_.input = Packages(100);
  ctl_.interrupt.Request();
  const Ran ran = Import();
  EXPECT_EQ(ran.exit_code, kInterrupted);
  EXPECT_THAT(ran.err, HasSubstr("Interrupted."));
}

TEST_F(ImportTest, ShowsProgressOnATerminalOnly) {
  ctl_.input = Packages(100);
  EXPECT_THAT(Import().err, Not(HasSubstr("\x1b[K")));
  ctl_.terminal = true;
  EXPECT_THAT(Import().err, HasSubstr("\x1b[K"));
}

TEST_F(ImportTest, WhatIsExportedImportsToTheSame) {
  const std::string text =
      "{\"namespace\":\"shop\",\"id\":\"a\",\"labels\":{\"t\":\"g\"},\"entries\":{\"x\":\"1\","
      "\"y\":"
      "{\"base64\":\"/w==\"},\"z\":\"\\u00fc\"}}\n"
      "{\"namespace\":\"shop\",\"id\":\"b\",\"labels\":{},\"entries\":{}}\n"
      "{\"namespace\":\"shop\",\"id\":\"c\",\"labels\":{},\"entries\":{\"k\":\"v\"},"
      "\"entries_base64\":[[\"/g==\",\"eA==\"]]}\n";
  ASSERT_EQ(ImportJsonl(text).exit_code, kOk);
  ImportJsonl("{\"namespace\":\"other\",\"id\":\"d\"}");
  const Ran exported = ctl_.Run({"export", "--namespace", "shop"});
  EXPECT_EQ(exported.exit_code, kOk) << exported.err;
  EXPECT_THAT(exported.err, HasSubstr("exported 3 accounts"));
  Shardctl other;
  other.input = exported.out;
  ASSERT_EQ(other.Run({"import", "--format", "jsonl", "-"}).exit_code, kOk);
  EXPECT_EQ(other.Run({"export"}).out, exported.out);
}

TEST_F(ImportTest, AFileThatCannotBeReadToItsEndIsAnError) {
  // A directory can be opened, not read.
  const Ran ran = ctl_.Run({"import", "--format", "jsonl", ::testing::TempDir()});
  EXPECT_NE(ran.exit_code, kOk);
  EXPECT_THAT(ran.err, HasSubstr("cannot be read to its end"));
}

TEST_F(ImportTest, AnExportGoesOnWhereItBroke) {
  std::string text;
  for (int i = 0; i < 20; ++i) {
    absl::StrAppend(&text, "{\"id\":\"a", i,
                    "\",\"entries\":{\"x\":\"1\",\"y\":\"2\",\"z\":\"3\"}}\n");
  }
  ImportJsonl(text);
  const std::string whole = ctl_.Run({"export"}).out;
  client::FakeDaemon::Faults faults;
  faults.break_exports = true;
  ctl_.daemon.SetFaults(faults);
  const Ran broken = ctl_.Run({"export"});
  EXPECT_EQ(broken.exit_code, kOk) << broken.err;
  EXPECT_EQ(broken.out, whole);
}

TEST_F(ImportTest, ALargeAccountIsWrittenInParts) {
  std::string entries;
  for (int i = 0; i < 3000; ++i) absl::StrAppend(&entries, i == 0 ? "" : ",", "\"k", i, "\":\"v\"");
  const Ran ran = ImportJsonl(absl::StrCat("{\"id\":\"a\",\"entries\":{", entries, "}}"));
  EXPECT_EQ(ran.exit_code, kOk) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("imported 1 accounts"));
  EXPECT_EQ(ctl_.Run({"account", "get", "a", "-o", "json"}).json()["entries"], 3000);
}

}  // namespace
}  // namespace shardd::shardctl
