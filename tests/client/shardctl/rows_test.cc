// Plan: write the same rows in every format, with values that are hard for one of them, and compare
// with what must come out.
#include "client/shardctl/rows.h"

#include <gtest/gtest.h>

#include <sstream>

namespace shardd::shardctl {
namespace {

const std::vector<Column>& Columns() {
  static const auto* const columns =
      new std::vector<Column>{{"id"}, {"size", false, true}, {"note", true}};
  return *columns;
}

Row MakeRow(const std::string& id, uint64_t size, const std::string& note) {
  Row row;
  row.AddBytes("id", id);
  row.Add(NumberCell(size));
  row.Add(TextCell(note));
  return row;
}

std::string Write(Format format, const std::vector<Row>& rows, bool color = false,
                  size_t width = 0) {
  std::ostringstream out;
  RowsOptions options;
  options.format = format;
  options.color = color;
  options.cell_width_max = width;
  RowWriter writer(out, options, "things", Columns());
  for (const Row& row : rows) writer.Add(row);
  writer.Finish({{"epoch", 3}});
  return out.str();
}

const std::vector<Row>& Samples() {
  static const auto* const rows =
      new std::vector<Row>{MakeRow("a", 7, "x,y"), MakeRow("blü", 1234, "say \"hi\"")};
  return *rows;
}

TEST(RowsTest, TableIsPlainColumns) {
  EXPECT_EQ(Write(Format::kTable, Samples()), "ID   SIZE\na       7\nblü  1234\n");
}

TEST(RowsTest, WideShowsAllColumnsAndLinesHaveNoTail) {
  EXPECT_EQ(Write(Format::kWide, Samples()),
            "ID   SIZE  NOTE\na       7  x,y\nblü  1234  say \"hi\"\n");
}

TEST(RowsTest, JsonIsOneDocument) {
  const Json json = Json::parse(Write(Format::kJson, Samples()));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["kind"], "things");
  EXPECT_EQ(json["epoch"], 3);
  ASSERT_EQ(json["items"].size(), 2u);
  EXPECT_EQ(json["items"][1]["id"], "blü");
  EXPECT_EQ(json["items"][1]["size"], 1234);
}

TEST(RowsTest, JsonlIsOneObjectALine) {
  EXPECT_EQ(Write(Format::kJsonl, Samples()),
            "{\"id\":\"a\",\"size\":7,\"note\":\"x,y\"}\n"
            "{\"id\":\"blü\",\"size\":1234,\"note\":\"say \\\"hi\\\"\"}\n");
}

TEST(RowsTest, CsvQuotesWhatItMust) {
  EXPECT_EQ(Write(Format::kCsv, Samples()),
            "id,size,note\na,7,\"x,y\"\nblü,1234,\"say \"\"hi\"\"\"\n");
}

TEST(RowsTest, NameIsTheFirstColumn) { EXPECT_EQ(Write(Format::kName, Samples()), "a\nblü\n"); }

TEST(RowsTest, AnEmptyListIsEmptyButWellFormed) {
  EXPECT_EQ(Write(Format::kTable, {}), "");
  EXPECT_EQ(Write(Format::kName, {}), "");
  EXPECT_EQ(Write(Format::kJsonl, {}), "");
  EXPECT_EQ(Write(Format::kCsv, {}), "id,size,note\n");
  EXPECT_EQ(Json::parse(Write(Format::kJson, {}))["items"].size(), 0u);
}

TEST(RowsTest, BytesThatAreNotTextAreInHexBesideANull) {
  const std::vector<Row> rows = {MakeRow("\xff\x01", 1, "")};
  const Json json = Json::parse(Write(Format::kJson, rows));
  EXPECT_TRUE(json["items"][0]["id"].is_null());
  EXPECT_EQ(json["items"][0]["id_hex"], "ff01");
  EXPECT_EQ(Write(Format::kTable, rows), "ID        SIZE\n\\xff\\x01     1\n");
}

TEST(RowsTest, ControlCharactersDoNotReachATerminal) {
  const std::string table = Write(Format::kTable, {MakeRow("a\x1b[31m\nb", 1, "")});
  EXPECT_EQ(table.find('\x1b'), std::string::npos);
  EXPECT_NE(table.find("a\\x1b[31m\\nb"), std::string::npos);
}

TEST(RowsTest, CutsLongCellsOnlyIfAsked) {
  const std::vector<Row> rows = {MakeRow("abcdefgh", 1, "")};
  EXPECT_EQ(Write(Format::kTable, rows, false, 4), "ID    SIZE\nabc…     1\n");
  EXPECT_EQ(Write(Format::kTable, rows), "ID        SIZE\nabcdefgh     1\n");
}

TEST(RowsTest, LargeNumbersAreStringsInJson) {
  EXPECT_EQ(JsonNumber((uint64_t{1} << 53) - 1), 9007199254740991);
  EXPECT_EQ(JsonNumber(uint64_t{1} << 53), "9007199254740992");
  EXPECT_EQ(JsonInteger(-5), -5);
  EXPECT_EQ(JsonInteger(-(int64_t{1} << 53)), "-9007199254740992");
}

TEST(RowsTest, AnObjectIsALineForEachField) {
  std::ostringstream table, json;
  RowsOptions options;
  PrintObject(table, options, "thing", Columns(), Samples()[0]);
  EXPECT_EQ(table.str(), "Id    a\nSize  7\nNote  x,y\n");
  options.format = Format::kJson;
  PrintObject(json, options, "thing", Columns(), Samples()[0]);
  const Json document = Json::parse(json.str());
  EXPECT_EQ(document["schema_version"], 1);
  EXPECT_EQ(document["kind"], "thing");
  EXPECT_EQ(document["size"], 7);
}

}  // namespace
}  // namespace shardd::shardctl
