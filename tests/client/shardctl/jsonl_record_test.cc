// Plan: accounts of any bytes must come back from a line as they went in; malformed lines must be
// named and leave the others alone.
#include "client/shardctl/jsonl_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

namespace shardd::shardctl {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAreArray;

TEST(JsonlRecordTest, WritesAReadableLine) {
  Record record;
  record.name_space = "shop";
  record.id = "cart \"17\"";
  record.labels = std::map<std::string, std::string>{{"tier", "gold"}};
  record.entries = {{"color", "blü"}, {"raw", "\xff"}, {"\xfe", "x"}};
  EXPECT_EQ(
      ToJsonl(record),
      R"({"namespace":"shop","id":"cart \"17\"","labels":{"tier":"gold"},)"
      R"("entries":{"color":"blü","raw":{"base64":"/w=="}},"entries_base64":[["/g==","eA=="]]})");
}

TEST(JsonlRecordTest, ReadsBackWhatItWrote) {
  Record record;
  record.name_space = "shop";
  record.id = "cart\n\"17\"\\";
  record.labels = std::map<std::string, std::string>{{"tier", "gold"}, {"", ""}};
  record.limits = {7, 18446744073709551615u};
  record.frozen = true;
  record.entries = {{"", ""},
                    {"text", "line\nline\ttab"},
                    {"{\"base64\":\"x\"}", "{\"base64\":\"eA==\"}"},
                    {std::string("\0key", 4), std::string("\0\xff", 2)},
                    {"\xc3\x28", "not UTF-8 key"},
                    {"emoji", "\xf0\x9f\x98\x80"}};
  const auto back = FromJsonl(ToJsonl(record), 5);
  ASSERT_TRUE(std::holds_alternative<Record>(back)) << std::get<BadRecord>(back).why;
  const Record& read = std::get<Record>(back);
  EXPECT_EQ(read.line, 5u);
  EXPECT_EQ(read.name_space, record.name_space);
  EXPECT_EQ(read.id, record.id);
  EXPECT_EQ(read.labels, record.labels);
  EXPECT_EQ(read.limits, record.limits);
  EXPECT_EQ(read.frozen, record.frozen);
  EXPECT_THAT(read.entries, UnorderedElementsAreArray(record.entries));
}

TEST(JsonlRecordTest, WhatIsLeftOutIsNotWhatIsEmpty) {
  const auto nothing = std::get<Record>(FromJsonl(R"({"id":"a"})", 1));
  EXPECT_FALSE(nothing.labels.has_value());
  EXPECT_FALSE(nothing.limits.has_value());
  EXPECT_FALSE(nothing.frozen.has_value());
  const auto empty = std::get<Record>(
      FromJsonl(R"({"id":"a","labels":{},"limits":{"bytes_max":9},"state":"active"})", 1));
  EXPECT_TRUE(empty.labels.has_value());
  EXPECT_EQ(empty.limits, (RecordLimits{0, 9}));
  EXPECT_EQ(empty.frozen, false);
}

TEST(JsonlRecordTest, NamesWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"{", "not JSON"},
      {"nonsense", "not JSON"},
      {"{\"id\":\"a\"} trailing", "not JSON"},
      {"{\"id\":\"\xff\"}", "not JSON"},
      {"[]", "not a JSON object"},
      {"\"a\"", "not a JSON object"},
      {"{}", "\"id\" is missing"},
      {R"({"id":7})", "\"id\" is not a string"},
      {R"({"id":"a","namespace":null})", "\"namespace\" is not a string"},
      {R"({"id":"a","labels":[]})", "\"labels\" is not an object"},
      {R"({"id":"a","labels":{"x":1}})", "label \"x\" is not a string"},
      {R"({"id":"a","state":"thawed"})", "\"state\" is neither"},
      {R"({"id":"a","state":1})", "\"state\" is neither"},
      {R"({"id":"a","limits":7})", "\"limits\" is not an object"},
      {R"({"id":"a","limits":{"bytes_max":-1}})", "limit \"bytes_max\" is not a whole number"},
      {R"({"id":"a","limits":{"bytes_max":"1"}})", "limit \"bytes_max\" is not a whole number"},
      {R"({"id":"a","limits":{"bytes":1}})", "there is no limit \"bytes\""},
      {R"({"id":"a","entries":[]})", "\"entries\" is not an object"},
      {R"({"id":"a","entries":{"x":1}})", "entry \"x\" is neither"},
      {R"({"id":"a","entries":{"x":{"base64":"eA==","y":1}}})", "entry \"x\" is neither"},
      {R"({"id":"a","entries":{"x":{"base64":"e"}}})", "entry \"x\" is not base64"},
      {R"({"id":"a","entries_base64":{}})", "\"entries_base64\" is not"},
      {R"({"id":"a","entries_base64":[["eA=="]]})", "\"entries_base64\" is not"},
      {R"({"id":"a","entries_base64":[["eA==","?"]]})", "\"entries_base64\" is not"},
      {R"({"id":"a","id":"b"})", "\"id\" comes twice"},
      {R"({"id":"a","entries":{"x":"1","x":"2"}})", "\"x\" comes twice"},
      {R"({"id":"a","entrys":{}})", "there is no field \"entrys\""},
  };
  for (const auto& [line, why] : cases) {
    const auto read = FromJsonl(line, 3);
    ASSERT_TRUE(std::holds_alternative<BadRecord>(read)) << line;
    EXPECT_EQ(std::get<BadRecord>(read).line, 3u) << line;
    EXPECT_THAT(std::get<BadRecord>(read).why, HasSubstr(why)) << line;
  }
}

TEST(JsonlReaderTest, CountsLinesAndPassesOverEmptyOnes) {
  std::istringstream in("{\"id\":\"a\"}\n\n  \nbad\n{\"id\":\"b\",\"namespace\":\"own\"}");
  JsonlReader reader(in, "shop");
  const auto a = reader.Next();
  EXPECT_EQ(std::get<Record>(*a).name_space, "shop");
  const auto bad = reader.Next();
  EXPECT_EQ(std::get<BadRecord>(*bad).line, 4u);
  const auto b = reader.Next();
  EXPECT_EQ(std::get<Record>(*b).line, 5u);
  EXPECT_EQ(std::get<Record>(*b).name_space, "own");
  EXPECT_FALSE(reader.Next().has_value());
}

}  // namespace
}  // namespace shardd::shardctl
