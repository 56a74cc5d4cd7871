#include "server/config/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/config/command_line.h"
#include "server/config/config_file.h"
#include "server/config/environment.h"

namespace shardd {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

const Setting& Find(const Settings& settings, absl::string_view key) {
  for (const Setting& setting : settings.settings) {
    if (setting.option->key == key) return setting;
  }
  ADD_FAILURE() << "no setting " << key;
  return settings.settings.front();
}

GivenValue Flag(absl::string_view key, absl::string_view text) {
  return {FindOption(key), std::string(text), Origin::kFlag, absl::StrCat("flag --", key)};
}

// A value for each option and origin, all different from the default and from each other.
std::string ValueFor(const Option& option, size_t choice) {
  const std::vector<std::string> words = {"debug", "warn", "error"};
  const std::vector<std::string> formats = {"text", "json", "text"};
  if (option.key == "log.level") return words[choice];
  if (option.key == "log.format") return formats[choice];
  const std::vector<std::string> policies = {"size", "manual", "size"};
  if (option.key == "balancing.policy") return policies[choice];
  if (option.key == "storage.data") return absl::StrCat("folder-", choice);
  if (std::holds_alternative<TextKind>(option.kind))
    return absl::StrCat("127.0.0.2:", 9000 + choice);
  if (std::holds_alternative<FlagKind>(option.kind)) {
    return (option.default_text == "true") == (choice % 2 == 0) ? "false" : "true";
  }
  if (std::holds_alternative<CountKind>(option.kind)) return absl::StrCat(10 + choice);
  if (const auto* number = std::get_if<NumberKind>(&option.kind)) {
    return number->most <= 1 ? absl::StrCat("0.", 2 + choice) : absl::StrCat(20 + choice, ".5");
  }
  if (std::holds_alternative<SizeKind>(option.kind)) return absl::StrCat(70 + choice, "MiB");
  return absl::StrCat(50 + choice, "s");
}

// One option's line in a file, in the type it has there.
std::string FileText(const Option& option, const std::string& value) {
  const std::vector<std::string> parts = absl::StrSplit(option.key, '.');
  const bool bare = std::holds_alternative<FlagKind>(option.kind) ||
                    std::holds_alternative<CountKind>(option.kind) ||
                    std::holds_alternative<NumberKind>(option.kind);
  const std::string quote = bare ? "" : "\"";
  return absl::StrCat("[", parts[0], "]\n", parts[1], " = ", quote, value, quote, "\n");
}

// Plan: for every option, set it in each of the eight combinations of file, variable and flag, each
// through its real reader; the value and origin in force are those of the highest that is set.
TEST(SettingsTest, FlagBeatsVariableBeatsFileBeatsDefault) {
  for (const Option& option : Options()) {
    const std::string in_file = ValueFor(option, 0);
    const std::string in_variable = ValueFor(option, 1);
    const std::string in_flag = ValueFor(option, 2);
    for (int combination = 0; combination < 8; ++combination) {
      SCOPED_TRACE(absl::StrCat(option.key, " in combination ", combination));
      std::vector<GivenValue> given;
      std::string expected(option.default_text);
      Origin origin = Origin::kDefault;
      // The highest first: the order in which they are handed over must not matter.
      if (combination & 4) {
        const auto flags = ParseCommandLine({absl::StrCat("--", option.key, "=", in_flag)});
        ASSERT_TRUE(flags.ok()) << flags.status();
        given.insert(given.end(), flags->given.begin(), flags->given.end());
      }
      if (combination & 2) {
        const Environment variables = ReadEnvironment({{VariableOf(option), in_variable}});
        given.insert(given.end(), variables.given.begin(), variables.given.end());
      }
      if (combination & 1) {
        const auto file = ParseConfigFile(FileText(option, in_file), "f");
        ASSERT_TRUE(file.ok()) << file.status();
        given.insert(given.end(), file->begin(), file->end());
      }
      if (combination & 1) expected = in_file, origin = Origin::kFile;
      if (combination & 2) expected = in_variable, origin = Origin::kVariable;
      if (combination & 4) expected = in_flag, origin = Origin::kFlag;
      if (option.key == "drain.wait" && origin == Origin::kDefault) expected = "0s";

      const auto settings = Resolve(given);
      ASSERT_TRUE(settings.ok()) << settings.status();
      EXPECT_EQ(Find(*settings, option.key).text, TextOf(option, settings->config));
      EXPECT_EQ(Find(*settings, option.key).origin, origin);
      Config alone;
      ASSERT_TRUE(SetFromText(option, expected, &alone));
      EXPECT_EQ(TextOf(option, settings->config), TextOf(option, alone));
    }
  }
}

// Plan: give one flag twice; the last one counts.
TEST(SettingsTest, TheLastOfTwoFlagsCounts) {
  const auto settings = Resolve({Flag("shards.initial", "7"), Flag("shards.initial", "9")});
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->config.shards_initial, 9);
}

// Plan: give bad values from each origin, one of them beaten by a good flag; each is reported with
// key, value, origin and what is allowed.
TEST(SettingsTest, EveryBadValueIsReported) {
  const auto settings = Resolve({
      {FindOption("shards.initial"), "0", Origin::kFile, "shardd.toml, line 3"},
      {FindOption("log.level"), "loud", Origin::kVariable, "variable SHARDD_LOG__LEVEL"},
      Flag("log.level", "info"),
      Flag("drain.timeout", "never"),
  });
  ASSERT_EQ(settings.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(settings.status().message(),
            "shards.initial is \"0\" (shardd.toml, line 3); it must be 1 to 1024\n"
            "log.level is \"loud\" (variable SHARDD_LOG__LEVEL); it must be one of debug, info, "
            "warn, error\n"
            "drain.timeout is \"never\" (flag --drain.timeout); it must be a duration from 0s to "
            "1h, such as 8s or 500ms");
}

// Plan: open ports to other machines with and without consent, and both on one port.
TEST(SettingsTest, PortsThatOthersReachNeedConsent) {
  struct Row {
    const char* name;
    std::vector<GivenValue> given;
    const char* problem;
  };
  const Row rows[] = {
      {"loopback", {Flag("server.listen", "[::1]:7400")}, ""},
      {"gRPC open", {Flag("server.listen", "0.0.0.0:7400")}, "server.listen is \"0.0.0.0:7400\""},
      {"HTTP open", {Flag("server.http_listen", "[::]:1")}, "server.http_listen is \"[::]:1\""},
      {"a name", {Flag("server.listen", "db.example:7400")}, "server.insecure must be true"},
      {"HTTP off", {Flag("server.http_listen", "")}, ""},
      {"consent",
       {Flag("server.listen", "0.0.0.0:7400"), Flag("server.http_listen", "0.0.0.0:7401"),
        Flag("server.insecure", "true")},
       ""},
      {"one port for two", {Flag("server.http_listen", "127.0.0.1:7400")}, "they must differ"},
      {"any two ports",
       {Flag("server.listen", "127.0.0.1:0"), Flag("server.http_listen", "127.0.0.1:0")},
       ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto settings = Resolve(row.given);
    EXPECT_EQ(settings.ok(), std::string(row.problem).empty()) << settings.status();
    EXPECT_THAT(std::string(settings.status().message()), HasSubstr(row.problem));
  }
}

// Plan: at and above the most shards, the fewest, set or taken from the shards of a new folder.
TEST(SettingsTest, TheFewestShardsAreNotAboveTheMost) {
  const GivenValue most = Flag("balancing.shards_max", "8");
  EXPECT_TRUE(Resolve({most, Flag("balancing.shards_min", "8")}).ok());
  EXPECT_TRUE(Resolve({most, Flag("shards.initial", "8")}).ok());
  EXPECT_TRUE(Resolve({most, Flag("shards.initial", "9"), Flag("balancing.shards_min", "1")}).ok());
  EXPECT_EQ(Resolve({most, Flag("balancing.shards_min", "9")}).status().message(),
            "balancing.shards_min is 9; it must not be above balancing.shards_max, 8");
  EXPECT_EQ(Resolve({most, Flag("shards.initial", "9")}).status().message(),
            "shards.initial is 9, which is also the fewest shards unless balancing.shards_min is "
            "set; it must not be above balancing.shards_max, 8");
}

// Plan: the wait for load balancers is left out only where it is not set and nobody else looks.
TEST(SettingsTest, DrainWaitIsSkippedWhereOnlyThisMachineLooks) {
  EXPECT_EQ(Resolve({})->config.drain_wait, absl::ZeroDuration());
  EXPECT_EQ(Resolve({Flag("drain.wait", "3s")})->config.drain_wait, absl::Seconds(3));
  const auto open =
      Resolve({Flag("server.http_listen", "0.0.0.0:7401"), Flag("server.insecure", "true")});
  EXPECT_EQ(open->config.drain_wait, absl::Seconds(8));
}

// Plan: set a value after the fact; it is in force and says where it comes from.
TEST(SettingsTest, OverrideActsAsAFlag) {
  auto settings = Resolve({Flag("storage.data", "first")});
  Override("storage.data", "second", "flag --dev", &*settings);
  EXPECT_EQ(settings->config.data, "second");
  EXPECT_EQ(Find(*settings, "storage.data").text, "second");
  EXPECT_EQ(Find(*settings, "storage.data").origin, Origin::kFlag);
  EXPECT_EQ(Find(*settings, "storage.data").where, "flag --dev");
}

// Plan: print what is in force; the JSON parses, holds every key, and escapes what was given.
TEST(SettingsTest, PrintsEveryValueWithItsOrigin) {
  const auto settings = Resolve({Flag("storage.data", "a \"b\"")});
  const auto parsed = nlohmann::json::parse(ToJson(*settings));
  ASSERT_EQ(parsed["settings"].size(), Options().size());
  for (const auto& setting : parsed["settings"]) {
    if (setting["key"] != "storage.data") continue;
    EXPECT_EQ(setting["value"], "a \"b\"");
    EXPECT_EQ(setting["origin"], "flag");
    EXPECT_EQ(setting["where"], "flag --storage.data");
  }
  EXPECT_THAT(ToTable(*settings), ContainsRegex("a \"b\" +flag \\(flag --storage.data\\)\n"));
  EXPECT_THAT(ToTable(*settings), ContainsRegex("log.level +info +default\n"));
}

}  // namespace
}  // namespace shardd
