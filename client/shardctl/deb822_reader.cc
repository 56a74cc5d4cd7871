#include "client/shardctl/deb822_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace shardd::shardctl {
namespace {

// Far more than any package needs.
constexpr size_t kStanzaLineBytesMax = size_t{4} << 20;
constexpr size_t kStanzaBytesMax = size_t{16} << 20;

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

bool IsFieldName(std::string_view name) {
  if (name.empty() || name.front() == '#' || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return c > 32 && c < 127; });
}

const std::string* Find(const Record& record, std::string_view field) {
  for (const auto& [key, value] : record.entries) {
    if (key == field) return &value;
  }
  return nullptr;
}

}  // namespace

Deb822Reader::Deb822Reader(std::istream& in, std::string name_space)
    : lines_(in, kStanzaLineBytesMax), name_space_(std::move(name_space)) {}

std::optional<std::variant<Record, BadRecord>> Deb822Reader::Next() {
  Record record;
  std::optional<BadRecord> bad;
  size_t bytes = 0;
  while (const auto line = lines_.Next()) {
    if (IsBlank(line->text)) {
      if (record.line == 0) continue;
      break;
    }
    if (record.line == 0) record.line = line->number;
    bytes += line->text.size();
    if (bad.has_value()) continue;
    std::string why;
    if (line->too_long) {
      why = absl::StrCat("the line is longer than ", kStanzaLineBytesMax, " bytes");
    } else if (bytes > kStanzaBytesMax) {
      why = absl::StrCat("the record is longer than ", kStanzaBytesMax, " bytes");
    } else {
      why = TakeLine(line->text, record);
    }
    if (!why.empty()) bad = BadRecord{line->number, std::move(why)};
  }
  if (record.line == 0 || lines_.broken()) return std::nullopt;
  if (!bad.has_value()) {
    if (std::string why = Complete(record); !why.empty())
      bad = BadRecord{record.line, std::move(why)};
  }
  if (bad.has_value()) return *std::move(bad);
  return record;
}

std::string Deb822Reader::TakeLine(std::string_view line, Record& record) {
  if (line.front() != ' ' && line.front() != '\t') return TakeField(line, record);
  if (record.entries.empty()) return "a continuation line has no field before it";
  std::string& value = record.entries.back().second;
  value += '\n';
  value += line;
  return "";
}

std::string Deb822Reader::TakeField(std::string_view line, Record& record) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return "the line has no colon";
  const std::string_view name = line.substr(0, colon);
  if (!IsFieldName(name)) return "the line does not begin with a field's name";
  if (Find(record, name) != nullptr)
    return absl::StrCat("field ", std::string(name), " comes twice");
  std::string_view value = line.substr(colon + 1);
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  record.entries.emplace_back(name, value);
  return "";
}

std::string Deb822Reader::Complete(Record& record) const {
  const std::string* package = Find(record, "Package");
  if (package == nullptr || package->empty()) return "the record has no Package field";
  const std::string* version = Find(record, "Version");
  if (version == nullptr) return absl::StrCat("package ", *package, " has no Version field");
  auto parsed = DebianVersion::Parse(*version);
  if (!parsed.ok()) return absl::StrCat("package ", *package, ": ", parsed.status().message());
  record.name_space = name_space_;
  record.id = *package;
  record.version = *std::move(parsed);
  return "";
}

}  // namespace shardd::shardctl
