// Plan: tables of inputs, good and bad, for the small functions on text, numbers and words.
#include "client/shardctl/text.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "client/shardctl/latencies.h"
#include "client/shardctl/suggest.h"
#include "client/shardctl/terminal.h"

namespace shardd::shardctl {
namespace {

TEST(TextTest, KnowsUtf8) {
  for (const char* good :
       {"", "a", "ü", "€", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << Hex(good);
  }
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe2\x82", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xfe"}) {
    EXPECT_FALSE(IsUtf8(bad)) << Hex(bad);
  }
}

TEST(TextTest, CutsByColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("blü€"), 4u);
  EXPECT_EQ(Truncate("blü€", 4), "blü€");
  EXPECT_EQ(Truncate("blü€x", 4), "blü…");
  EXPECT_EQ(Truncate("anything", 0), "anything");
}

TEST(TextTest, MakesAnythingPrintable) {
  EXPECT_EQ(Printable("blü\n\t\x1b\x7f"), "blü\\n\\t\\x1b\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m");
  EXPECT_EQ(Printable("\xff"
                      "a"),
            "\\xffa");
}

TEST(TextTest, ReadsBackBase64AndHex) {
  const std::string bytes("\0\xff\x10", 3);
  EXPECT_EQ(*FromBase64(Base64(bytes)), bytes);
  EXPECT_EQ(*FromHex(Hex(bytes)), bytes);
  EXPECT_EQ(*FromHex("00FF10"), bytes);
  for (const char* bad : {"a", "eA=", "eA", "e A==", "????"})
    EXPECT_FALSE(FromBase64(bad).ok()) << bad;
  for (const char* bad : {"a", "zz", "0 "}) EXPECT_FALSE(FromHex(bad).ok()) << bad;
}

TEST(TextTest, ShowsRoutingKeysWhole) {
  EXPECT_EQ(RoutingKeyText(std::string(16, '\0')), "0000000000000000");
  EXPECT_EQ(RoutingKeyText("\x40" + std::string(15, '\0')), "4000000000000000");
  EXPECT_EQ(RoutingKeyText(std::string(9, '\xab') + std::string(7, '\0')), "ababababababababab");
  EXPECT_EQ(RoutingKeyText(std::string(8, '\0') + "\x10" + std::string(6, '\0') + "\x01"),
            "00000000000000001000000000000001");
  EXPECT_EQ(RoutingKeyText(std::string(16, '\xff')), std::string(32, 'f'));
  EXPECT_EQ(RoutingKeyText(std::string("\x40\0", 2)), "4000");
}

TEST(TextTest, WritesNumbersForPeople) {
  EXPECT_EQ(Thousands(0), "0");
  EXPECT_EQ(Thousands(999), "999");
  EXPECT_EQ(Thousands(1234567), "1,234,567");
  EXPECT_EQ(HumanBytes(17), "17 B");
  EXPECT_EQ(HumanBytes(1229), "1.2 KiB");
  EXPECT_EQ(HumanBytes(uint64_t{402} << 20), "402 MiB");
  EXPECT_EQ(HumanDuration(absl::Milliseconds(250)), "250ms");
  EXPECT_EQ(HumanDuration(absl::Milliseconds(3100)), "3.1s");
  EXPECT_EQ(HumanDuration(absl::Seconds(61)), "1m 1s");
  EXPECT_EQ(HumanDuration(absl::Hours(292)), "12d 4h");
  EXPECT_EQ(Rfc3339(absl::FromUnixMillis(1'700'000'000'500)), "2023-11-14T22:13:20.5Z");
}

TEST(SuggestTest, FindsTheNearWord) {
  const std::vector<std::string> words = {"account", "namespace", "state", "status", "shard"};
  EXPECT_EQ(Nearest("acount", words), "account");
  EXPECT_EQ(Nearest("shrad", words), "shard");
  EXPECT_EQ(Nearest("statsu", words), "status");
  EXPECT_EQ(Nearest("name", words), "namespace");
  EXPECT_EQ(Nearest("zebra", words), std::nullopt);
  EXPECT_EQ(Nearest(std::string(1000, 'a'), words), std::nullopt);
}

TEST(LatenciesTest, PercentilesAreNearTheTruth) {
  Latencies latencies;
  for (int i = 1; i <= 10'000; ++i) latencies.Add(absl::Microseconds(i));
  for (const double fraction : {0.5, 0.9, 0.99, 0.999}) {
    const double truth = fraction * 10'000;
    const double found = absl::ToDoubleMicroseconds(latencies.Percentile(fraction));
    EXPECT_NEAR(found, truth, truth * 0.04) << fraction;
  }
  EXPECT_EQ(latencies.max(), absl::Milliseconds(10));
  EXPECT_EQ(latencies.Percentile(1), absl::Milliseconds(10));
}

TEST(LatenciesTest, BoundsWhatItIsGiven) {
  Latencies latencies;
  EXPECT_EQ(latencies.Percentile(0.5), absl::ZeroDuration());
  latencies.Add(absl::Seconds(-1));
  latencies.Add(absl::ZeroDuration());
  EXPECT_EQ(latencies.Percentile(1), absl::ZeroDuration());
  Latencies other;
  other.Add(absl::Hours(24 * 365));
  latencies.Merge(other);
  EXPECT_EQ(latencies.count(), 3u);
  EXPECT_GT(latencies.Percentile(1), absl::Hours(24 * 340));
}

struct ColorCase {
  const char* name;
  ColorWish wish;
  bool tty;
  std::map<std::string, std::string> environment;
  bool color;
};

TEST(TerminalTest, ColourFollowsFlagEnvironmentAndTerminal) {
  const ColorCase cases[] = {
      {"terminal", ColorWish::kAuto, true, {}, true},
      {"pipe", ColorWish::kAuto, false, {}, false},
      {"NO_COLOR", ColorWish::kAuto, true, {{"NO_COLOR", "1"}}, false},
      {"empty NO_COLOR", ColorWish::kAuto, true, {{"NO_COLOR", ""}}, true},
      {"dumb", ColorWish::kAuto, true, {{"TERM", "dumb"}}, false},
      {"FORCE_COLOR", ColorWish::kAuto, false, {{"FORCE_COLOR", "1"}}, true},
      {"flag beats NO_COLOR", ColorWish::kAlways, false, {{"NO_COLOR", "1"}}, true},
      {"flag beats FORCE_COLOR", ColorWish::kNever, true, {{"FORCE_COLOR", "1"}}, false},
  };
  for (const ColorCase& test : cases) {
    std::istringstream in;
    std::ostringstream out;
    Terminal terminal{in, out, out};
    terminal.environment = [&](const std::string& name) -> std::optional<std::string> {
      const auto found = test.environment.find(name);
      if (found == test.environment.end()) return std::nullopt;
      return found->second;
    };
    EXPECT_EQ(UseColor(terminal, test.wish, test.tty), test.color) << test.name;
  }
}

}  // namespace
}  // namespace shardd::shardctl
