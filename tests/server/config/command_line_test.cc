#include "server/config/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace shardd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> GivenIn(const CommandLine& line) {
  std::vector<std::string> result;
  for (const GivenValue& value : line.given) {
    result.push_back(absl::StrCat(value.option->key, "=", value.text));
  }
  return result;
}

// Plan: read each spelling of a flag; all mean the same.
TEST(CommandLineTest, ReadsEverySpellingOfAFlag) {
  const auto line = ParseCommandLine(
      {"--server.listen=a:1", "--http-listen", "b:2", "--data=", "--shards", "3", "--insecure",
       "--server.reflection=false", "--log-level", "debug", "--log-format=json", "-c", "f.toml"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->command, Command::kServe);
  EXPECT_EQ(line->config_path, "f.toml");
  EXPECT_THAT(GivenIn(*line),
              ElementsAre("server.listen=a:1", "server.http_listen=b:2",
                          "storage.data=", "shards.initial=3", "server.insecure=true",
                          "server.reflection=false", "log.level=debug", "log.format=json"));
  EXPECT_EQ(line->given[1].where, "flag --http-listen");
}

// Plan: read each command, with flags before and after it.
TEST(CommandLineTest, ReadsCommands) {
  struct Row {
    std::vector<std::string> arguments;
    Command command;
    bool json;
  };
  const Row rows[] = {
      {{}, Command::kServe, false},
      {{"serve"}, Command::kServe, false},
      {{"validate", "-c", "f"}, Command::kValidate, false},
      {{"--config=f", "validate"}, Command::kValidate, false},
      {{"config", "--effective"}, Command::kShowConfig, false},
      {{"config", "-o", "json"}, Command::kShowConfig, true},
      {{"config", "--reference"}, Command::kReference, false},
      {{"version"}, Command::kVersion, false},
      {{"--version", "--output=json"}, Command::kVersion, true},
      {{"help"}, Command::kHelp, false},
      {{"-h"}, Command::kHelp, false},
      {{"validate", "--help"}, Command::kHelp, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(::testing::PrintToString(row.arguments));
    const auto line = ParseCommandLine(row.arguments);
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_EQ(line->command, row.command);
    EXPECT_EQ(line->json, row.json);
  }
}

// Plan: make each mistake once; the message names it and, for a slip, the nearest.
TEST(CommandLineTest, RefusesMistakes) {
  struct Row {
    std::vector<std::string> arguments;
    const char* message;
  };
  const Row rows[] = {
      {{"--listn", "a:1"}, "unknown flag --listn; the nearest is --listen"},
      {{"--server.listn"}, "unknown flag --server.listn; the nearest is --server.listen"},
      {{"--listn=a:1"}, "unknown flag --listn; the nearest is --listen"},
      {{"-x"}, "unknown flag -x"},
      {{"-"}, "unknown flag -"},
      {{"--"}, "unknown flag --"},
      {{"vlidate"}, "unknown command \"vlidate\"; the nearest is \"validate\""},
      {{"config", "more"}, "unexpected argument \"more\""},
      {{"--data"}, "flag --data needs a value"},
      {{"--config="}, "--config is empty"},
      {{"-o", "yaml"}, "--output is \"yaml\"; it must be table or json"},
      {{"--dev=yes"}, "--dev takes no value"},
      {{"--effective"}, "belong to the command \"config\""},
      {{"--dev", "--data", "x"}, "leave out --data"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(::testing::PrintToString(row.arguments));
    const auto line = ParseCommandLine(row.arguments);
    ASSERT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(line.status().message()), HasSubstr(row.message));
  }
}

// Plan: --dev changes what it says, and a flag beside it still counts.
TEST(CommandLineTest, DevStandsForFlagsBeforeAllOthers) {
  const auto line = ParseCommandLine({"--shards=2", "--dev"});
  ASSERT_TRUE(line.ok());
  EXPECT_TRUE(line->dev);
  EXPECT_THAT(GivenIn(*line), ElementsAre("shards.initial=8", "drain.wait=0s", "shards.initial=2"));
}

}  // namespace
}  // namespace shardd
