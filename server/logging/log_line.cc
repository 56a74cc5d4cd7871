#include "server/logging/log_line.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace shardd {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

absl::string_view NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%E4Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

bool IsContinuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

// The lead bytes of well-formed UTF-8 and what may follow them (Unicode, table 3-7): overlong
// forms, surrogates and code points past U+10FFFF are not well-formed.
struct Utf8Form {
  uint8_t lead_first, lead_last;
  uint8_t second_first, second_last;
  size_t length;
};
constexpr std::array<Utf8Form, 8> kUtf8Forms = {{
    {0xC2, 0xDF, 0x80, 0xBF, 2},
    {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3},
    {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4},
    {0xF4, 0xF4, 0x80, 0x8F, 4},
}};

bool Matches(const Utf8Form& form, absl::string_view text) {
  if (text.size() < form.length) return false;
  const auto second = static_cast<uint8_t>(text[1]);
  if (second < form.second_first || second > form.second_last) return false;
  for (size_t i = 2; i < form.length; ++i) {
    if (!IsContinuation(text[i])) return false;
  }
  return true;
}

// The length of the well-formed sequence of several bytes at the front; 0 if there is none.
size_t MultiByteLength(absl::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  for (const Utf8Form& form : kUtf8Forms) {
    if (lead >= form.lead_first && lead <= form.lead_last) {
      return Matches(form, text) ? form.length : 0;
    }
  }
  return 0;
}

void AppendAscii(char byte, std::string* out) {
  switch (byte) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      break;
  }
  if (static_cast<uint8_t>(byte) < 0x20 || byte == 0x7F) {
    absl::StrAppendFormat(out, "\\u%04x", static_cast<unsigned>(byte));
  } else {
    out->push_back(byte);
  }
}

// Without the quotes around it.
void AppendEscaped(absl::string_view text, std::string* out) {
  while (!text.empty()) {
    size_t length = 1;
    if (static_cast<uint8_t>(text[0]) < 0x80) {
      AppendAscii(text[0], out);
    } else if (const size_t sequence = MultiByteLength(text); sequence > 0) {
      out->append(text.data(), sequence);
      length = sequence;
    } else {
      absl::StrAppend(out, kReplacement);
    }
    text.remove_prefix(length);
  }
}

template <typename Value>
void AppendNumberOrBool(const Value& value, std::string* out) {
  if constexpr (std::is_same_v<Value, bool>) {
    absl::StrAppend(out, value ? "true" : "false");
  } else {
    absl::StrAppend(out, value);
  }
}

void AppendJsonValue(const LogField& field, std::string* out) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    AppendJsonString(*text, out);
    return;
  }
  std::visit(
      [out](const auto& value) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
          AppendNumberOrBool(value, out);
        }
      },
      field.value);
}

// Quotes only what would be read as more than one word.
void AppendTextValue(const LogField& field, std::string* out) {
  const auto* text = std::get_if<std::string>(&field.value);
  const bool plain =
      text == nullptr || (!text->empty() && text->find_first_of(" \"=\t") == std::string::npos);
  if (text == nullptr || !plain) return AppendJsonValue(field, out);
  AppendEscaped(*text, out);
}

}  // namespace

void AppendJsonString(absl::string_view text, std::string* out) {
  out->push_back('"');
  AppendEscaped(text, out);
  out->push_back('"');
}

std::string ToJson(const LogLine& line) {
  std::string out = absl::StrCat("{\"ts\":\"", TimeText(line.time), "\",\"level\":\"",
                                 NameOf(line.level), "\",\"component\":");
  AppendJsonString(line.component, &out);
  out.append(",\"msg\":");
  AppendJsonString(line.message, &out);
  for (const LogField& field : line.fields) {
    out.push_back(',');
    AppendJsonString(field.key, &out);
    out.push_back(':');
    AppendJsonValue(field, &out);
  }
  out.push_back('}');
  return out;
}

std::string ToText(const LogLine& line) {
  std::string out =
      absl::StrFormat("%s %-5s %-8s ", TimeText(line.time), NameOf(line.level), line.component);
  AppendEscaped(line.message, &out);
  for (const LogField& field : line.fields) {
    absl::StrAppend(&out, " ", field.key, "=");
    AppendTextValue(field, &out);
  }
  return out;
}

}  // namespace shardd
