#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/logging/log.h"

namespace shardd {

// What one line says. A view: used only while the line is written.
struct LogLine {
  absl::Time time;
  LogLevel level = LogLevel::kInfo;
  absl::string_view component;
  absl::string_view message;
  LogFields fields;
};

// One JSON object on one line, valid whatever bytes the message and the values hold: control
// characters are escaped and bytes that are not UTF-8 become U+FFFD. Ends without a line feed.
std::string ToJson(const LogLine& line);

// The same for people: "2026-01-02T03:04:05.678Z info  daemon  ready grpc=127.0.0.1:7400". Control
// characters are escaped here too, so that no value can forge a line or drive the terminal.
std::string ToText(const LogLine& line);

// Appends `text` between quotes, as JSON wants it.
void AppendJsonString(absl::string_view text, std::string* out);

}  // namespace shardd
