#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "client/shardctl/terminal.h"
#include "nlohmann/json.hpp"

namespace shardd::shardctl {

using Json = nlohmann::ordered_json;

// The version of every JSON document that shardctl prints. Fields are only ever added; a change of
// meaning would raise it.
inline constexpr int kSchemaVersion = 1;

enum class Format { kTable, kWide, kJson, kJsonl, kCsv, kName };

// One column of a list, or one line of a single object.
struct Column {
  // The JSON field, in snake_case.
  std::string key;
  // Shown in -o wide and for single objects, not in -o table.
  bool wide_only = false;
  bool right = false;
  // What people see in place of the key.
  std::string title = "";
};

// One value: JSON for programs, text for people.
struct Cell {
  Cell() = default;
  Cell(Json json_value, std::string text_value, Tone cell_tone = Tone::kPlain)
      : json(std::move(json_value)), text(std::move(text_value)), tone(cell_tone) {}

  Json json;
  std::string text;
  Tone tone = Tone::kPlain;
};

// Cells. Numbers from 2^53 on are strings in JSON, since many readers would round them.
Cell TextCell(std::string text, Tone tone = Tone::kPlain);
Cell NumberCell(uint64_t number);
Cell BoolCell(bool value);
Json JsonNumber(uint64_t number);
Json JsonInteger(int64_t number);

// A value that may be any bytes. Cells that belong to a field `key` and are not UTF-8 are null, and
// a second field `key`_hex holds them; see AddBytes.
struct Row {
  std::vector<Cell> cells;
  // JSON fields that have no column.
  Json more = Json::object();

  void Add(Cell cell) { cells.push_back(std::move(cell)); }
  void AddBytes(const std::string& key, const std::string& bytes);
};

// A cell as a field of a CSV line.
std::string CsvText(const Cell& cell);

struct RowsOptions {
  Format format = Format::kTable;
  bool color = false;
  // Longer cells are cut; 0 means never.
  size_t cell_width_max = 0;
};

// Writes rows in the format asked for, so that a command only says what its columns are.
//
// jsonl, csv and name are written row by row, so a list of any length streams through; table and
// json are kept until Finish. The columns' JSON fields are the same in json and jsonl.
// Thread safety: none.
class RowWriter {
 public:
  // `kind` names the list in JSON, such as "accounts". `name_column` is what -o name prints.
  RowWriter(std::ostream& out, const RowsOptions& options, std::string kind,
            std::vector<Column> columns, size_t name_column = 0);

  void Add(const Row& row);

  // Ends the list. `more` are JSON fields beside the items.
  void Finish(const Json& more = Json::object());

 private:
  void PrintTable() const;
  void PrintCsvLine(const std::vector<std::string>& fields) const;

  std::ostream& out_;
  const RowsOptions options_;
  const std::string kind_;
  const std::vector<Column> columns_;
  const size_t name_column_;
  bool csv_header_done_ = false;
  std::vector<Row> kept_;
};

// Writes one object: in a table one line for each field, in JSON one document.
void PrintObject(std::ostream& out, const RowsOptions& options, const std::string& kind,
                 const std::vector<Column>& columns, const Row& row, size_t name_column = 0);

// The JSON of a row: its columns' fields and then `row.more`.
Json RowJson(const std::vector<Column>& columns, const Row& row);

}  // namespace shardd::shardctl
