#include "server/config/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace shardd {
namespace {

using ::testing::HasSubstr;

// Plan: read a file with one value of each kind and expect texts as flags would spell them, with
// the line of each.
TEST(ConfigFileTest, ReadsEveryKindOfValue) {
  const auto given = ParseConfigFile(R"(# a comment
[server]
listen = "127.0.0.1:1"
insecure = true
pollers = 3

[storage]
cache_bytes = "64MiB"
wal_bytes_max = 67_108_864
[drain]
wait = "2s"
)",
                                     "f.toml");
  ASSERT_TRUE(given.ok()) << given.status();
  std::vector<std::string> read;
  for (const GivenValue& value : *given) {
    EXPECT_EQ(value.origin, Origin::kFile);
    read.push_back(absl::StrCat(value.option->key, "=", value.text, " @", value.where));
  }
  EXPECT_THAT(
      read,
      ::testing::UnorderedElementsAre(
          "server.listen=127.0.0.1:1 @f.toml, line 3", "server.insecure=true @f.toml, line 4",
          "server.pollers=3 @f.toml, line 5", "storage.cache_bytes=64MiB @f.toml, line 8",
          "storage.wal_bytes_max=67108864 @f.toml, line 9", "drain.wait=2s @f.toml, line 11"));
}

// Plan: read wrong files; each message names what is wrong, the line, and what would be right.
TEST(ConfigFileTest, SaysWhatIsWrongAndWhere) {
  struct Row {
    const char* name;
    const char* text;
    std::vector<std::string> message_parts;
  };
  const Row rows[] = {
      {"unknown key",
       "[server]\nlistn = \"x\"",
       {"unknown key \"server.listn\" (f.toml, line 2)", "the nearest is \"server.listen\""}},
      {"key without section", "shards = 4", {"line 1", "must be"}},
      {"key of no section",
       "\nreflecton = true",
       {"unknown key \"reflecton\" (f.toml, line 2)", "\"server.reflection\""}},
      {"unknown section",
       "[sever]\nlisten = \"x\"",
       {"unknown key \"sever\" (f.toml, line 1)", "the nearest is"}},
      {"too deep", "[server.tls]\ncert = \"x\"", {"unknown key \"server.tls\""}},
      {"string for boolean",
       "[server]\ninsecure = \"true\"",
       {"server.insecure is the string \"true\" (f.toml, line 2)", "a boolean, true or false"}},
      {"string for integer",
       "[shards]\ninitial = \"4\"",
       {"shards.initial is the string \"4\"", "an integer, 1 to 1024"}},
      {"integer for duration",
       "[drain]\nwait = 8",
       {"drain.wait is the integer 8", "a string, a duration"}},
      {"float for size",
       "[storage]\ncache_bytes = 1.5",
       {"is the float 1.5", "an integer or a string"}},
      {"array", "[server]\nlisten = [1]", {"is an array"}},
      {"table for value", "[server.listen]\nhost = 1", {"is a table"}},
      {"date", "[server]\nlisten = 2026-01-01", {"is a date or time"}},
      {"not TOML", "[server]\nlisten = = 1", {"f.toml, line 2"}},
      {"key twice", "[server]\npollers = 1\npollers = 2", {"f.toml, line 3"}},
      {"two problems", "a = 1\nb = 2", {"unknown key \"a\"", "unknown key \"b\""}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto given = ParseConfigFile(row.text, "f.toml");
    if (std::string(row.name) == "key without section") {
      // A section's name with a value: it is no section then.
      ASSERT_FALSE(given.ok());
      EXPECT_THAT(given.status().message(), HasSubstr("unknown key \"shards\" (f.toml, line 1)"));
      continue;
    }
    ASSERT_EQ(given.status().code(), absl::StatusCode::kInvalidArgument);
    for (const std::string& part : row.message_parts) {
      EXPECT_THAT(std::string(given.status().message()), HasSubstr(part));
    }
  }
}

// Plan: read a missing file, a folder and a file past the limit; each is refused with its name.
TEST(ConfigFileTest, RefusesWhatCannotBeRead) {
  const std::string folder = ::testing::TempDir();
  EXPECT_THAT(std::string(ReadConfigFile(folder + "/none.toml").status().message()),
              HasSubstr("none.toml: No such file"));
  EXPECT_FALSE(ReadConfigFile(folder).ok());

  const std::string large = absl::StrCat(folder, "/config_file_test_large.toml");
  std::ofstream(large) << std::string((1 << 20) + 1, '#');
  EXPECT_THAT(std::string(ReadConfigFile(large).status().message()), HasSubstr("1048576 bytes"));
  std::ofstream(large, std::ios::trunc) << std::string((1 << 20), '#');
  EXPECT_TRUE(ReadConfigFile(large).ok());
  EXPECT_EQ(std::remove(large.c_str()), 0);
}

}  // namespace
}  // namespace shardd
