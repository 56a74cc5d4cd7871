#include "client/shardctl/jsonl_record.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/shardctl/text.h"
#include "nlohmann/json.hpp"

namespace shardd::shardctl {
namespace {

// Not the ordered kind: its look-ups take time in proportion to the number of entries.
using ParsedJson = nlohmann::json;

// The largest account, all of it in base64, with room for names.
constexpr size_t kRecordLineBytesMax = size_t{192} << 20;

constexpr char kActive[] = "active";
constexpr char kFrozen[] = "frozen";
constexpr char kEntriesMax[] = "entries_max";
constexpr char kBytesMax[] = "bytes_max";

// Each of these adds to `record` and returns what is wrong, or nothing.
std::string TakeText(const char* field, const ParsedJson& json, std::string& out) {
  if (!json.is_string()) return absl::StrCat("\"", field, "\" is not a string");
  out = json.get<std::string>();
  return "";
}

std::string TakeState(const ParsedJson& json, Record& record) {
  if (json != kActive && json != kFrozen) {
    return absl::StrCat("\"state\" is neither \"", kActive, "\" nor \"", kFrozen, "\"");
  }
  record.frozen = json == kFrozen;
  return "";
}

std::string TakeLimits(const ParsedJson& json, Record& record) {
  if (!json.is_object()) return "\"limits\" is not an object";
  RecordLimits limits;
  for (const auto& [name, value] : json.items()) {
    if (name != kEntriesMax && name != kBytesMax) {
      return absl::StrCat("there is no limit \"", name, "\"");
    }
    if (!value.is_number_unsigned()) {
      return absl::StrCat("limit \"", name, "\" is not a whole number from 0 on");
    }
    (name == kEntriesMax ? limits.entries_max : limits.bytes_max) = value.get<uint64_t>();
  }
  record.limits = limits;
  return "";
}

std::string TakeLabels(const ParsedJson& json, Record& record) {
  if (!json.is_object()) return "\"labels\" is not an object";
  record.labels.emplace();
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) return absl::StrCat("label \"", key, "\" is not a string");
    (*record.labels)[key] = value.get<std::string>();
  }
  return "";
}

std::string TakeEntries(const ParsedJson& json, Record& record) {
  if (!json.is_object()) return "\"entries\" is not an object";
  for (const auto& [key, value] : json.items()) {
    if (value.is_string()) {
      record.entries.emplace_back(key, value.get<std::string>());
      continue;
    }
    if (!value.is_object() || value.size() != 1 || !value.contains("base64") ||
        !value["base64"].is_string()) {
      return absl::StrCat("entry \"", key, "\" is neither a string nor {\"base64\":\"...\"}");
    }
    auto bytes = FromBase64(value["base64"].get<std::string>());
    if (!bytes.ok()) return absl::StrCat("entry \"", key, "\" is not base64");
    record.entries.emplace_back(key, *std::move(bytes));
  }
  return "";
}

std::string TakeBase64Entries(const ParsedJson& json, Record& record) {
  constexpr char kWrong[] = "\"entries_base64\" is not a list of pairs in base64";
  if (!json.is_array()) return kWrong;
  for (const ParsedJson& pair : json) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      return kWrong;
    }
    auto key = FromBase64(pair[0].get<std::string>());
    auto value = FromBase64(pair[1].get<std::string>());
    if (!key.ok() || !value.ok()) return kWrong;
    record.entries.emplace_back(*std::move(key), *std::move(value));
  }
  return "";
}

std::string TakeField(const std::string& field, const ParsedJson& json, Record& record) {
  if (field == "namespace") return TakeText("namespace", json, record.name_space);
  if (field == "id") return TakeText("id", json, record.id);
  if (field == "state") return TakeState(json, record);
  if (field == "limits") return TakeLimits(json, record);
  if (field == "labels") return TakeLabels(json, record);
  if (field == "entries") return TakeEntries(json, record);
  if (field == "entries_base64") return TakeBase64Entries(json, record);
  return absl::StrCat("there is no field \"", field, "\"");
}

// Notices names that come twice in one object, which the parser itself lets pass.
class TwiceNamed {
 public:
  bool operator()(int /*depth*/, ParsedJson::parse_event_t event, ParsedJson& parsed) {
    if (event == ParsedJson::parse_event_t::object_start) names_.emplace_back();
    if (event == ParsedJson::parse_event_t::object_end) names_.pop_back();
    if (event == ParsedJson::parse_event_t::key &&
        !names_.back().insert(parsed.get<std::string>()).second) {
      twice_ = parsed.get<std::string>();
    }
    return true;
  }

  const std::optional<std::string>& twice() const { return twice_; }

 private:
  std::vector<std::set<std::string>> names_;
  std::optional<std::string> twice_;
};

std::string Read(std::string_view text, Record& record) {
  TwiceNamed names;
  const ParsedJson json = ParsedJson::parse(
      text,
      [&names](int depth, ParsedJson::parse_event_t event, ParsedJson& parsed) {
        return names(depth, event, parsed);
      },
      /*allow_exceptions=*/false);
  if (json.is_discarded()) return "the line is not JSON";
  if (!json.is_object()) return "the line is not a JSON object";
  if (names.twice().has_value()) return absl::StrCat("\"", *names.twice(), "\" comes twice");
  if (!json.contains("id")) return "\"id\" is missing";
  for (const auto& [field, value] : json.items()) {
    if (std::string why = TakeField(field, value, record); !why.empty()) return why;
  }
  return "";
}

}  // namespace

std::string ToJsonl(const Record& record) {
  ParsedJson entries = ParsedJson::object();
  ParsedJson base64_entries = ParsedJson::array();
  for (const auto& [key, value] : record.entries) {
    if (!IsUtf8(key)) {
      base64_entries.push_back(ParsedJson::array({Base64(key), Base64(value)}));
    } else if (!IsUtf8(value)) {
      entries[key] = {{"base64", Base64(value)}};
    } else {
      entries[key] = value;
    }
  }
  // Put together by hand, so that the name comes first.
  std::string line = absl::StrCat("{\"namespace\":", ParsedJson(record.name_space).dump(),
                                  ",\"id\":", ParsedJson(record.id).dump());
  if (record.frozen.has_value()) {
    absl::StrAppend(&line, ",\"state\":\"", *record.frozen ? kFrozen : kActive, "\"");
  }
  if (record.limits.has_value()) {
    absl::StrAppend(&line, ",\"limits\":{\"", kEntriesMax, "\":", record.limits->entries_max, ",\"",
                    kBytesMax, "\":", record.limits->bytes_max, "}");
  }
  if (record.labels.has_value()) {
    absl::StrAppend(&line, ",\"labels\":", ParsedJson(*record.labels).dump());
  }
  absl::StrAppend(&line, ",\"entries\":", entries.dump());
  if (!base64_entries.empty()) {
    absl::StrAppend(&line, ",\"entries_base64\":", base64_entries.dump());
  }
  return line + "}";
}

std::variant<Record, BadRecord> FromJsonl(std::string_view text, uint64_t line) {
  Record record;
  record.line = line;
  if (std::string why = Read(text, record); !why.empty()) return BadRecord{line, std::move(why)};
  return record;
}

JsonlReader::JsonlReader(std::istream& in, std::string default_namespace)
    : lines_(in, kRecordLineBytesMax), default_namespace_(std::move(default_namespace)) {}

std::optional<std::variant<Record, BadRecord>> JsonlReader::Next() {
  while (const auto line = lines_.Next()) {
    if (line->too_long) {
      return BadRecord{line->number,
                       absl::StrCat("the line is longer than ", kRecordLineBytesMax, " bytes")};
    }
    if (line->text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto record = FromJsonl(line->text, line->number);
    if (auto* good = std::get_if<Record>(&record); good != nullptr && good->name_space.empty()) {
      good->name_space = default_namespace_;
    }
    return record;
  }
  return std::nullopt;
}

}  // namespace shardd::shardctl
