// Plan: read package indexes, good and bad; values must be the very bytes of the file, and a bad
// stanza must be named by its line and leave the others alone.
#include "client/shardctl/deb822_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace shardd::shardctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::vector<std::variant<Record, BadRecord>> ReadRecords(const std::string& text) {
  std::istringstream in(text);
  Deb822Reader reader(in, "debian");
  std::vector<std::variant<Record, BadRecord>> all;
  while (auto next = reader.Next()) all.push_back(*std::move(next));
  EXPECT_EQ(reader.bytes_read(), text.size());
  return all;
}

TEST(Deb822ReaderTest, ReadsFieldsAsTheyStand) {
  const auto all = ReadRecords(
      "Package: bash\n"
      "Version: 5.2.15-2+b13\n"
      "Description: GNU Bourne Again SHell\n"
      " Bash is a shell.\n"
      " .\n"
      "  * indented\n"
      "Empty:\n"
      "Conffiles:\n"
      " /etc/bash.bashrc abc\n"
      "Tight:no-space\n"
      "Wide:   three  \n"
      "Url: https://a.example/b:c\n");
  ASSERT_EQ(all.size(), 1u);
  const Record& record = std::get<Record>(all[0]);
  EXPECT_EQ(record.line, 1u);
  EXPECT_EQ(record.name_space, "debian");
  EXPECT_EQ(record.id, "bash");
  EXPECT_TRUE(record.version.has_value());
  EXPECT_THAT(record.entries,
              ElementsAre(Pair("Package", "bash"), Pair("Version", "5.2.15-2+b13"),
                          Pair("Description",
                               "GNU Bourne Again SHell\n Bash is a shell.\n .\n  * indented"),
                          Pair("Empty", ""), Pair("Conffiles", "\n /etc/bash.bashrc abc"),
                          Pair("Tight", "no-space"), Pair("Wide", "  three  "),
                          Pair("Url", "https://a.example/b:c")));
}

TEST(Deb822ReaderTest, SeparatesStanzasByBlankLines) {
  const auto all = ReadRecords(
      "\n\nPackage: a\nVersion: 1\n\n \t\n\nPackage: b\nVersion: 2\n\nPackage: c\nVersion: 3");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(std::get<Record>(all[0]).line, 3u);
  EXPECT_EQ(std::get<Record>(all[1]).id, "b");
  EXPECT_EQ(std::get<Record>(all[1]).line, 8u);
  EXPECT_EQ(std::get<Record>(all[2]).id, "c");
}

TEST(Deb822ReaderTest, EmptyInputHoldsNothing) {
  EXPECT_TRUE(ReadRecords("").empty());
  EXPECT_TRUE(ReadRecords("\n \n\n").empty());
}

struct BadCase {
  const char* name;
  std::string text;
  uint64_t line;
  const char* why;
};

TEST(Deb822ReaderTest, NamesTheLineOfABadRecordAndGoesOn) {
  const BadCase cases[] = {
      {"no colon", "Package: a\nVersion 1\n", 2, "no colon"},
      {"continuation first", " text\nPackage: a\n", 1, "no field before it"},
      {"name with a space", "Package: a\nMy Field: x\n", 2, "field's name"},
      {"comment", "# text: x\nPackage: a\n", 1, "field's name"},
      {"empty name", ": x\n", 1, "field's name"},
      {"name that is not ASCII", "Pack\xc3\xa4ge: x\n", 1, "field's name"},
      {"field twice", "Package: a\nVersion: 1\nVersion: 2\n", 3, "Version comes twice"},
      {"no package", "Version: 1\n", 1, "no Package"},
      {"empty package", "Package: \nVersion: 1\n", 1, "no Package"},
      {"no version", "Package: a\nSize: 1\n", 1, "package a has no Version"},
      {"bad version", "Package: a\nVersion: 1_0\n", 1, "package a: version \"1_0\""},
      {"long line", "Package: a\nX: " + std::string(5 << 20, 'x') + "\n", 2, "longer than"},
  };
  for (const BadCase& bad : cases) {
    const auto all = ReadRecords(bad.text + "\nPackage: good\nVersion: 1\n");
    ASSERT_EQ(all.size(), 2u) << bad.name;
    ASSERT_TRUE(std::holds_alternative<BadRecord>(all[0])) << bad.name;
    EXPECT_EQ(std::get<BadRecord>(all[0]).line, bad.line) << bad.name;
    EXPECT_THAT(std::get<BadRecord>(all[0]).why, HasSubstr(bad.why)) << bad.name;
    ASSERT_TRUE(std::holds_alternative<Record>(all[1])) << bad.name;
    EXPECT_EQ(std::get<Record>(all[1]).id, "good") << bad.name;
  }
}

TEST(Deb822ReaderTest, BoundsAStanza) {
  std::string text = "Package: a\nVersion: 1\nDescription: x\n";
  const std::string line = " " + std::string(1 << 20, 'x') + "\n";
  for (int i = 0; i < 20; ++i) text += line;
  const auto all = ReadRecords(text);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_THAT(std::get<BadRecord>(all[0]).why, HasSubstr("record is longer"));
}

}  // namespace
}  // namespace shardd::shardctl
