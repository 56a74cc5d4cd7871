#include "server/config/options.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/config/byte_count.h"
#include "server/config/command_line.h"

namespace shardd {
namespace {

// Plan: take every default through its own reader and writer; a default must be allowed, and stay
// what it is.
TEST(OptionsTest, DefaultsAreAllowedAndReadBack) {
  std::set<std::string> names;
  for (const Option& option : Options()) {
    SCOPED_TRACE(option.key);
    Config config;
    ASSERT_TRUE(SetFromText(option, option.default_text, &config));
    EXPECT_EQ(TextOf(option, config), option.default_text);
    EXPECT_TRUE(names.insert(VariableOf(option)).second);
    EXPECT_FALSE(option.help.empty());
    EXPECT_EQ(FindOption(option.key), &option);
  }
  EXPECT_EQ(FindOption("server.nothing"), nullptr);
}

// Plan: set values at and past every limit, and of the wrong form; refused ones change nothing.
TEST(OptionsTest, ValuesOutsideTheLimitsAreRefused) {
  struct Row {
    const char* key;
    std::string text;
    bool allowed;
  };
  const std::string shards_max = absl::StrCat(limits::kShardsAtStartMax);
  const std::string shards_over = absl::StrCat(limits::kShardsAtStartMax + 1);
  const Row rows[] = {
      {"shards.initial", "1", true},
      {"shards.initial", shards_max, true},
      {"shards.initial", "0", false},
      {"shards.initial", shards_over, false},
      {"shards.initial", "-1", false},
      {"shards.initial", "four", false},
      {"shards.initial", "4.0", false},
      {"shards.initial", "", false},
      {"server.insecure", "true", true},
      {"server.insecure", "True", false},
      {"server.insecure", "1", false},
      {"server.insecure", "", false},
      {"server.listen", "127.0.0.1:0", true},
      {"server.listen", "", false},
      {"server.listen", "7400", false},
      {"server.http_listen", "", true},
      {"server.http_listen", "x", false},
      {"storage.data", "", false},
      {"storage.data", "./data", true},
      {"storage.cache_bytes", "8MiB", true},
      {"storage.cache_bytes", "8388607", false},
      {"storage.cache_bytes", "1TiB", true},
      {"storage.cache_bytes", "1025GiB", false},
      {"storage.cache_bytes", "64MB", false},
      {"storage.cache_bytes", "-64MiB", false},
      {"storage.cache_bytes", "99999999TiB", false},
      {"storage.reserve_bytes", "0", true},
      {"drain.wait", "0s", true},
      {"drain.wait", "1h", true},
      {"drain.wait", "1h1ns", false},
      {"drain.wait", "-1s", false},
      {"drain.wait", "8", false},
      {"drain.wait", "inf", false},
      {"log.level", "debug", true},
      {"log.level", "Debug", false},
      {"log.level", "debug|info", false},
      {"log.format", "xml", false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(absl::StrCat(row.key, " = ", row.text));
    Config config;
    EXPECT_EQ(SetFromText(*FindOption(row.key), row.text, &config), row.allowed);
    if (row.allowed) continue;
    EXPECT_EQ(TextOf(*FindOption(row.key), config), TextOf(*FindOption(row.key), {}));
  }
}

// Plan: numbers of many digits are written as they were read.
TEST(OptionsTest, NumbersReadBack) {
  const Option& option = *FindOption("balancing.operations_per_second");
  for (const char* text : {"1", "1.4", "10000", "1234567.5", "99999999.0625", "1000000000"}) {
    Config config;
    ASSERT_TRUE(SetFromText(option, text, &config)) << text;
    EXPECT_EQ(TextOf(option, config), text);
  }
}

// Plan: read and write sizes; each is written in the shortest unit that is exact.
TEST(OptionsTest, SizesReadBack) {
  const std::pair<const char*, uint64_t> rows[] = {{"0", 0},
                                                   {"1", 1},
                                                   {"1023", 1023},
                                                   {"1KiB", 1024},
                                                   {"1025", 1025},
                                                   {"256MiB", uint64_t{256} << 20},
                                                   {"3GiB", uint64_t{3} << 30},
                                                   {"16777215TiB", uint64_t{16777215} << 40}};
  for (const auto& [text, value] : rows) {
    SCOPED_TRACE(text);
    ASSERT_EQ(ParseByteCount(text), ByteCount{value});
    EXPECT_EQ(ToText(ByteCount{value}), text);
  }
  for (const char* text : {"", "MiB", " 1", "1 MiB", "+1", "0x10", "1.5GiB", "16777216TiB",
                           "18446744073709551616", "1mib", "1B"}) {
    EXPECT_EQ(ParseByteCount(text), std::nullopt) << text;
  }
}

// Plan: every option is named in what people read, and the page in the tree is current.
TEST(OptionsTest, HelpAndReferencePageAreCurrent) {
  for (const Option& option : Options()) {
    EXPECT_NE(HelpText().find(absl::StrCat("--", option.key)), std::string::npos) << option.key;
  }
  std::ifstream file(SHARDD_REFERENCE_PAGE);
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), ReferencePage())
      << "write it anew: shardd config --reference > server/config/REFERENCE.md";
}

}  // namespace
}  // namespace shardd
