#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"

// spdlog stays inside this room: only log.cc and its formatter see it.
namespace spdlog::sinks {
class sink;
}

namespace shardd {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : uint8_t { kText, kJson };

// "debug", "info", "warn", "error"; kInfo for anything else.
LogLevel LogLevelNamed(absl::string_view name);
// "text", "json"; for anything else, such as "auto": kText if stderr is a terminal, else kJson.
LogFormat LogFormatNamed(absl::string_view name);

// A fact beside the message: numbers and truth values stay what they are in JSON.
struct LogField {
  LogField(absl::string_view k, absl::string_view v) : key(k), value(std::string(v)) {}
  LogField(absl::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(absl::string_view k, const char* v) : key(k), value(std::string(v)) {}
  LogField(absl::string_view k, bool v) : key(k), value(v) {}
  LogField(absl::string_view k, int v) : key(k), value(int64_t{v}) {}
  LogField(absl::string_view k, int64_t v) : key(k), value(v) {}
  LogField(absl::string_view k, uint64_t v) : key(k), value(v) {}

  absl::string_view key;  // must outlive the field: give a literal
  std::variant<std::string, bool, int64_t, uint64_t> value;
};
using LogFields = std::initializer_list<LogField>;

// One line for each thing worth telling an operator: ts, level, component, msg and fields.
//
// Meant for the life of the daemon, not for requests: a call writes before it returns. Never give
// it values or ids of accounts.
//
// Thread safety: safe; lines are never mixed.
class Log {
 public:
  static std::unique_ptr<Log> ToStderr(LogLevel level, LogFormat format);
  // `out` must outlive the log.
  static std::unique_ptr<Log> ToStream(std::ostream& out, LogLevel level, LogFormat format);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void Debug(absl::string_view component, absl::string_view message, LogFields fields = {});
  void Info(absl::string_view component, absl::string_view message, LogFields fields = {});
  void Warning(absl::string_view component, absl::string_view message, LogFields fields = {});
  void Error(absl::string_view component, absl::string_view message, LogFields fields = {});

  // Lines below `level` are dropped from now on.
  void SetLevel(LogLevel level) { level_.store(level, std::memory_order_relaxed); }
  // Everything written so far has left the process when it returns.
  void Flush();

 private:
  Log(std::shared_ptr<spdlog::sinks::sink> sink, LogLevel level, LogFormat format);
  void Write(LogLevel level, absl::string_view component, absl::string_view message,
             LogFields fields);

  const std::shared_ptr<spdlog::sinks::sink> sink_;
  std::atomic<LogLevel> level_;
};

}  // namespace shardd
