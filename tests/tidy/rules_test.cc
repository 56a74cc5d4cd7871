// Plan: plant one breach of each rule in a small tree that is otherwise clean; exactly that rule
// must speak up. Beside each breach stands its nearest neighbour that is allowed.
#include "tests/tidy/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/source_text.h"

namespace shardd::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The rules that `tree` breaks, in the order of the findings.
std::vector<std::string> BrokenRules(const std::vector<SourceFile>& tree) {
  std::vector<std::string> rules;
  for (const Finding& finding : CheckTree(tree)) rules.push_back(finding.rule);
  return rules;
}

// A tree with one source file, which is registered and whose room has its README.
std::vector<SourceFile> TreeWith(const std::string& path, const std::string& text) {
  std::string top(path.substr(0, path.find('/')));
  return {{.path = path, .text = text},
          {.path = "CMakeLists.txt", .text = "add_library(all " + path + ")\n"},
          {.path = top + "/README.md", .text = "# A room\n"},
          {.path = std::string(FolderOf(path)) + "/README.md", .text = "# A room\n"}};
}

struct CodeRow {
  std::string_view name;
  std::string_view path;
  std::string_view text;
  std::string_view rule;  // Empty: nothing is found.
};

constexpr CodeRow kCodeRows[] = {
    {"include downward", "server/core/a.cc", "#include \"storage/b.h\"\n", ""},
    {"include within the room", "server/core/a.cc", "#include \"server/core/b.h\"\n", ""},
    {"include upward", "server/core/a.cc", "#include \"server/rpc/b.h\"\n", "room-order"},
    {"include of a peer above", "server/account/a.cc", "#include \"server/routing/b.h\"\n",
     "room-order"},
    {"include of base in storage", "storage/a.cc", "#include \"server/base/b.h\"\n", ""},
    {"include of storage in base", "server/base/a.cc", "#include \"storage/b.h\"\n", "room-order"},
    {"include of a test", "client/a.cc", "#include \"tests/support/b.h\"\n", "room-order"},
    {"include in a comment", "server/core/a.cc", "// #include \"server/rpc/b.h\"\n", ""},
    {"main includes config", "server/main.cc", "#include \"server/config/b.h\"\n", ""},
    {"unknown room", "server/extra/a.cc", "int a;\n", "room-order"},

    {"thread", "server/core/a.cc", "std::thread t;\n", "thread"},
    {"joining thread", "server/rpc/a.cc", "std::jthread t;\n", "thread"},
    {"async", "server/rpc/a.cc", "auto f = std::async(g);\n", "thread"},
    {"thread in runtime", "server/runtime/a.cc", "std::jthread t;\n", ""},
    {"thread in the client", "client/a.cc", "std::thread t;\n", ""},
    {"thread in a test", "tests/rpc/a.cc", "std::thread t;\n", ""},
    {"id of a thread", "server/core/a.cc", "std::thread::id id;\n", ""},
    {"thread in a comment", "server/core/a.cc", "// std::thread\n", ""},

    {"wall clock", "server/core/a.cc", "auto t = absl::Now();\n", "clock"},
    {"wall clock of std", "tests/core/a.cc", "std::chrono::system_clock::now();\n", "clock"},
    {"steady clock", "server/runtime/a.cc", "std::chrono::steady_clock::now();\n", "clock"},
    {"the one real clock", "server/base/real_clock.cc", "return absl::Now();\n", ""},
    {"clock in the client", "client/a.cc", "auto t = absl::Now();\n", ""},
    {"clock in the benchmark", "tests/bench/a.cc", "auto t = absl::Now();\n", ""},
    {"sleep of std", "tests/core/a.cc", "std::this_thread::sleep_for(x);\n", "clock"},
    {"sleep of Abseil", "server/core/a.cc", "absl::SleepFor(x);\n", "clock"},
    {"sleep of the C library", "server/core/a.cc", "sleep(1);\n", "clock"},

    {"random number", "server/core/a.cc", "int a = rand();\n", "random"},
    {"random seed", "tests/core/a.cc", "std::srand(1);\n", "random"},
    {"operand", "server/core/a.cc", "int a = operand();\n", ""},

    {"exception", "server/core/a.cc", "throw 1;\n", "throw"},
    {"exception of a buffer", "server/core/a.cc", "std::istreambuf_iterator<char> a(b);\n", "throw"},
    {"exception in a string", "server/core/a.cc", "f(\"throw\");\n", ""},

    {"generated code", "server/core/a.cc", "#include \"shardd/v1/state.pb.h\"\n", "generated-code"},
    {"generated service", "server/runtime/a.cc", "#include \"shardd/v1/state.grpc.pb.h\"\n",
     "generated-code"},
    {"gRPC", "server/runtime/a.cc", "#include <grpcpp/grpcpp.h>\n", "generated-code"},
    {"generated code in rpc", "server/rpc/a.cc", "#include \"shardd/v1/state.pb.h\"\n", ""},
    {"generated code in the client", "client/a.cc", "#include \"shardd/v1/state.pb.h\"\n", ""},

    {"RocksDB", "server/core/a.cc", "#include <rocksdb/db.h>\n", "rocksdb"},
    {"RocksDB in storage", "storage/a.cc", "#include <rocksdb/db.h>\n", ""},
    {"RocksDB in storage's tests", "tests/storage/a.cc", "#include \"rocksdb/db.h\"\n", ""},
    {"RocksDB in other tests", "tests/core/a.cc", "#include \"rocksdb/db.h\"\n", "rocksdb"},

    {"unfinished", "server/core/a.cc",
     "// TO"
     "DO: later\n",
     "unfinished"},
    {"broken", "server/core/a.cc",
     "// FIX"
     "ME\n",
     "unfinished"},
    {"machine path", "server/core/a.cc",
     "f(\"/"
     "home/me/data\");\n",
     "machine-path"},
    {"path of the system", "server/core/a.cc", "f(\"/var/lib/shardd\");\n", ""},

    {"header", "server/core/a.h", "#pragma once\n", ""},
    {"header without its guard", "server/core/a.h", "int a;\n", "pragma-once"},
};

// Plan: one file in an otherwise clean tree breaks at most one rule.
TEST(RulesTest, FindWhatIsPlantedAndNothingElse) {
  for (const CodeRow& row : kCodeRows) {
    const auto broken = BrokenRules(TreeWith(std::string(row.path), std::string(row.text)));
    if (row.rule.empty()) {
      EXPECT_THAT(broken, IsEmpty()) << row.name;
    } else {
      EXPECT_THAT(broken, ElementsAre(row.rule)) << row.name;
    }
  }
}

// Plan: the finding says where it is, in the way that editors understand.
TEST(RulesTest, AFindingNamesItsPlace) {
  const auto findings = CheckTree(TreeWith("server/core/a.cc", "int a;\n\nthrow 1;\n"));
  ASSERT_EQ(findings.size(), 1u);
  std::ostringstream out;
  out << findings[0];
  EXPECT_THAT(out.str(), ::testing::StartsWith("server/core/a.cc:3: [throw] "));
}

// Plan: scripts and documents are text too, and are held to the rules on text.
TEST(RulesTest, TextRulesHoldForEveryFile) {
  EXPECT_THAT(BrokenRules({{.path = "deploy/run",
                            .text = "cd /"
                                    "root/shardd\n"}}),
              ElementsAre("machine-path"));
  EXPECT_THAT(BrokenRules({{.path = "README.md",
                            .text = "TO"
                                    "DO\n"}}),
              ElementsAre("unfinished"));
}

// Plan: take the README away from a room that has sources, then give it one of 60 and 61 lines.
TEST(RulesTest, ARoomHasAShortReadme) {
  std::vector<SourceFile> tree = {
      {.path = "CMakeLists.txt", .text = "add_library(a storage/a.cc)\n"},
      {.path = "storage/a.cc", .text = "int a;\n"}};
  EXPECT_THAT(BrokenRules(tree), ElementsAre("readme"));
  std::string text;
  for (int i = 0; i < 60; ++i) text += "line\n";
  tree.push_back({.path = "storage/README.md", .text = text});
  EXPECT_THAT(BrokenRules(tree), IsEmpty());
  tree.back().text += "line\n";
  EXPECT_THAT(BrokenRules(tree), ElementsAre("readme"));
}

// Plan: a test counts as registered only if its CMakeLists.txt names it and is itself added.
TEST(RulesTest, ATestIsRegistered) {
  std::vector<SourceFile> tree = {
      {.path = "CMakeLists.txt", .text = "add_subdirectory(tests)\n"},
      {.path = "tests/CMakeLists.txt", .text = "add_subdirectory(core)\n"},
      {.path = "tests/README.md", .text = "# Tests\n"},
      {.path = "tests/core/CMakeLists.txt", .text = "shardd_test(a SOURCES a_test.cc)\n"},
      {.path = "tests/core/a_test.cc", .text = "int a;\n"}};
  EXPECT_THAT(BrokenRules(tree), IsEmpty());
  tree[3].text = "shardd_test(a SOURCES another_a_test.cc)\n";
  EXPECT_THAT(BrokenRules(tree), ElementsAre("registered"));
  tree[3].text = "shardd_test(a SOURCES a_test.cc)\n";
  tree[1].text = "";
  EXPECT_THAT(BrokenRules(tree), ElementsAre("registered"));
}

// Plan: an integration test is a script; it must be registered like any other test.
TEST(RulesTest, AnIntegrationScriptIsRegistered) {
  std::vector<SourceFile> tree = {
      {.path = "CMakeLists.txt", .text = "add_subdirectory(tests/integration)\n"},
      {.path = "tests/integration/CMakeLists.txt", .text = "add_test(NAME a COMMAND kill_nine)\n"},
      {.path = "tests/integration/kill_nine", .text = "#!/usr/bin/env bash\n"}};
  EXPECT_THAT(BrokenRules(tree), IsEmpty());
  tree[1].text = "";
  EXPECT_THAT(BrokenRules(tree), ElementsAre("registered"));
}

}  // namespace
}  // namespace shardd::tidy
