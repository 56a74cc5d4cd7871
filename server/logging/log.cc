#include "server/logging/log.h"

#include <spdlog/details/log_msg.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "server/logging/log_line.h"

namespace shardd {
namespace {

// A message with its fields, on its way through a sink. Only Log::Write makes one, and it gives the
// sink nothing else, so the formatter knows what it gets.
struct Message : spdlog::details::log_msg {
  Message(LogLevel log_level, absl::string_view log_component, absl::string_view text,
          LogFields log_fields)
      : spdlog::details::log_msg({}, spdlog::level::info, {}),
        line{.time = absl::FromChrono(time),
             .level = log_level,
             .component = log_component,
             .message = text,
             .fields = log_fields} {}
  LogLine line;
};

// spdlog's own patterns do not escape a message, so each line is made here.
class LineFormatter final : public spdlog::formatter {
 public:
  explicit LineFormatter(LogFormat format) : format_(format) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const LogLine& line = static_cast<const Message&>(message).line;
    const std::string text = format_ == LogFormat::kJson ? ToJson(line) : ToText(line);
    out.append(text.data(), text.data() + text.size());
    out.push_back('\n');
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(format_);
  }

 private:
  const LogFormat format_;
};

}  // namespace

LogLevel LogLevelNamed(absl::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warn") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

LogFormat LogFormatNamed(absl::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  return isatty(STDERR_FILENO) == 1 ? LogFormat::kText : LogFormat::kJson;
}

std::unique_ptr<Log> Log::ToStderr(LogLevel level, LogFormat format) {
  return std::unique_ptr<Log>(
      new Log(std::make_shared<spdlog::sinks::stderr_sink_mt>(), level, format));
}

std::unique_ptr<Log> Log::ToStream(std::ostream& out, LogLevel level, LogFormat format) {
  return std::unique_ptr<Log>(
      new Log(std::make_shared<spdlog::sinks::ostream_sink_mt>(out), level, format));
}

Log::Log(std::shared_ptr<spdlog::sinks::sink> sink, LogLevel level, LogFormat format)
    : sink_(std::move(sink)), level_(level) {
  sink_->set_formatter(std::make_unique<LineFormatter>(format));
}

Log::~Log() = default;

void Log::Debug(absl::string_view component, absl::string_view message, LogFields fields) {
  Write(LogLevel::kDebug, component, message, fields);
}

void Log::Info(absl::string_view component, absl::string_view message, LogFields fields) {
  Write(LogLevel::kInfo, component, message, fields);
}

void Log::Warning(absl::string_view component, absl::string_view message, LogFields fields) {
  Write(LogLevel::kWarning, component, message, fields);
}

void Log::Error(absl::string_view component, absl::string_view message, LogFields fields) {
  Write(LogLevel::kError, component, message, fields);
}

void Log::Flush() { sink_->flush(); }

void Log::Write(LogLevel level, absl::string_view component, absl::string_view message,
                LogFields fields) {
  if (level < level_.load(std::memory_order_relaxed)) return;
  sink_->log(Message(level, component, message, fields));
}

}  // namespace shardd
