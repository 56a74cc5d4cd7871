#include "client/shardctl/rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

std::string Title(const Column& column) {
  return absl::StrReplaceAll(column.title.empty() ? column.key : column.title, {{"_", " "}});
}

std::string Header(const Column& column) { return absl::AsciiStrToUpper(Title(column)); }

std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// Text with spaces up to `width`; none after the last column, so that lines have no tail.
std::string Pad(const std::string& text, size_t width, bool right, bool last) {
  const size_t own = DisplayWidth(text);
  const std::string spaces(width > own ? width - own : 0, ' ');
  if (right) return spaces + text;
  return last ? text : text + spaces;
}

std::string CsvField(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  return absl::StrCat("\"", absl::StrReplaceAll(field, {{"\"", "\"\""}}), "\"");
}

// The plain value, not the one made for people.
std::string PlainText(const Cell& cell) {
  if (cell.json.is_string()) return cell.json.get<std::string>();
  if (cell.json.is_null()) return "";
  return Dump(cell.json, -1);
}

}  // namespace

std::string CsvText(const Cell& cell) { return CsvField(PlainText(cell)); }

Cell TextCell(std::string text, Tone tone) {
  std::string shown = text.empty() ? "-" : Printable(text);
  return Cell(std::move(text), std::move(shown), tone);
}

Json JsonNumber(uint64_t number) {
  constexpr uint64_t kExactMax = uint64_t{1} << 53;
  if (number < kExactMax) return number;
  return absl::StrCat(number);
}

Json JsonInteger(int64_t number) {
  constexpr int64_t kExactMax = int64_t{1} << 53;
  if (number < kExactMax && number > -kExactMax) return number;
  return absl::StrCat(number);
}

Cell NumberCell(uint64_t number) { return Cell(JsonNumber(number), absl::StrCat(number)); }

Cell BoolCell(bool value) { return Cell(value, value ? "yes" : "no"); }

void Row::AddBytes(const std::string& key, const std::string& bytes) {
  if (IsUtf8(bytes)) {
    Add(Cell(bytes, Printable(bytes)));
    return;
  }
  Add(Cell(nullptr, Printable(bytes)));
  more[absl::StrCat(key, "_hex")] = Hex(bytes);
}

Json RowJson(const std::vector<Column>& columns, const Row& row) {
  Json json = Json::object();
  for (size_t i = 0; i < columns.size() && i < row.cells.size(); ++i) {
    json[columns[i].key] = row.cells[i].json;
  }
  json.update(row.more);
  return json;
}

RowWriter::RowWriter(std::ostream& out, const RowsOptions& options, std::string kind,
                     std::vector<Column> columns, size_t name_column)
    : out_(out),
      options_(options),
      kind_(std::move(kind)),
      columns_(std::move(columns)),
      name_column_(name_column) {}

void RowWriter::Add(const Row& row) {
  switch (options_.format) {
    case Format::kTable:
    case Format::kWide:
    case Format::kJson:
      kept_.push_back(row);
      break;
    case Format::kJsonl:
      out_ << Dump(RowJson(columns_, row), -1) << "\n";
      break;
    case Format::kName:
      out_ << row.cells[name_column_].text << "\n";
      break;
    case Format::kCsv: {
      std::vector<std::string> header, fields;
      for (const Column& column : columns_) header.push_back(column.key);
      for (const Cell& cell : row.cells) fields.push_back(CsvText(cell));
      if (!std::exchange(csv_header_done_, true)) PrintCsvLine(header);
      PrintCsvLine(fields);
      break;
    }
  }
}

void RowWriter::Finish(const Json& more) {
  if (options_.format == Format::kJson) {
    Json items = Json::array();
    for (const Row& row : kept_) items.push_back(RowJson(columns_, row));
    Json document = {{"schema_version", kSchemaVersion}, {"kind", kind_}};
    document.update(more);
    document["items"] = std::move(items);
    out_ << Dump(document, 2) << "\n";
  } else if (options_.format == Format::kTable || options_.format == Format::kWide) {
    PrintTable();
  } else if (options_.format == Format::kCsv && !csv_header_done_) {
    std::vector<std::string> header;
    for (const Column& column : columns_) header.push_back(column.key);
    PrintCsvLine(header);
  }
  out_.flush();
}

void RowWriter::PrintCsvLine(const std::vector<std::string>& fields) const {
  for (size_t i = 0; i < fields.size(); ++i) out_ << (i == 0 ? "" : ",") << fields[i];
  out_ << "\n";
}

void RowWriter::PrintTable() const {
  if (kept_.empty()) return;
  std::vector<size_t> shown;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (!columns_[i].wide_only || options_.format == Format::kWide) shown.push_back(i);
  }
  std::vector<size_t> widths(columns_.size());
  const auto text = [&](const Row& row, size_t i) {
    return Truncate(row.cells[i].text, options_.cell_width_max);
  };
  for (const size_t i : shown) {
    widths[i] = DisplayWidth(Header(columns_[i]));
    for (const Row& row : kept_) widths[i] = std::max(widths[i], DisplayWidth(text(row, i)));
  }
  const auto print = [&](auto&& text_of, auto&& tone_of) {
    for (const size_t i : shown) {
      const std::string padded = Pad(text_of(i), widths[i], columns_[i].right, i == shown.back());
      out_ << (i == shown.front() ? "" : "  ") << Paint(padded, tone_of(i), options_.color);
    }
    out_ << "\n";
  };
  print([&](size_t i) { return Header(columns_[i]); }, [](size_t) { return Tone::kBold; });
  for (const Row& row : kept_) {
    print([&](size_t i) { return text(row, i); }, [&](size_t i) { return row.cells[i].tone; });
  }
}

void PrintObject(std::ostream& out, const RowsOptions& options, const std::string& kind,
                 const std::vector<Column>& columns, const Row& row, size_t name_column) {
  if (options.format == Format::kJson || options.format == Format::kJsonl) {
    Json document = {{"schema_version", kSchemaVersion}, {"kind", kind}};
    document.update(RowJson(columns, row));
    out << Dump(document, options.format == Format::kJson ? 2 : -1) << "\n";
    return;
  }
  if (options.format == Format::kCsv || options.format == Format::kName) {
    RowWriter writer(out, options, kind, columns, name_column);
    writer.Add(row);
    writer.Finish();
    return;
  }
  size_t width = 0;
  for (const Column& column : columns) width = std::max(width, Title(column).size());
  for (size_t i = 0; i < columns.size(); ++i) {
    std::string label = Title(columns[i]);
    label[0] = absl::ascii_toupper(label[0]);
    out << Paint(Pad(label, width, false, false), Tone::kBold, options.color) << "  "
        << Paint(row.cells[i].text, row.cells[i].tone, options.color) << "\n";
  }
}

}  // namespace shardd::shardctl
