#include "server/logging/log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "absl/time/time.h"
#include "server/logging/log_line.h"

namespace shardd {
namespace {

using nlohmann::json;

LogLine Line(absl::string_view message, LogFields fields) {
  return {.time = absl::UnixEpoch() + absl::Milliseconds(1),
          .level = LogLevel::kInfo,
          .component = "test",
          .message = message,
          .fields = fields};
}

// Plan: format messages with every kind of dangerous byte and expect an independent JSON parser to
// read back the same text, with U+FFFD for what is not UTF-8.
TEST(LogLineTest, JsonReadsBackWhateverTheMessageHolds) {
  struct Row {
    const char* name;
    std::string message;
    std::string read_back;
  };
  const std::string replacement = "\xEF\xBF\xBD";
  const Row rows[] = {
      {"plain", "ready", "ready"},
      {"quotes and backslashes", R"(a "b" \c)", R"(a "b" \c)"},
      {"line ends", "a\nb\r\tc", "a\nb\r\tc"},
      {"control characters", std::string("\x00\x01\x1b[31m\x7f", 8),
       std::string("\x00\x01\x1b[31m\x7f", 8)},
      {"two, three and four bytes", "ä€😀", "ä€😀"},
      {"lone continuation", "a\x80z", "a" + replacement + "z"},
      {"cut sequence at the end", "a\xE2\x82", "a" + replacement + replacement},
      {"overlong slash", "\xC0\xAF", replacement + replacement},
      {"surrogate", "\xED\xA0\x80", replacement + replacement + replacement},
      {"past U+10FFFF", "\xF4\x90\x80\x80", replacement + replacement + replacement + replacement},
      {"lead byte that never is", "\xFF", replacement},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const std::string line = ToJson(Line(row.message, {{"value", row.message}}));
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const json parsed = json::parse(line, nullptr, /*allow_exceptions=*/false);
    ASSERT_FALSE(parsed.is_discarded()) << line;
    EXPECT_EQ(parsed["msg"].get<std::string>(), row.read_back);
    EXPECT_EQ(parsed["value"].get<std::string>(), row.read_back);
  }
}

// Plan: give one field of each type and expect JSON to keep the types, text to keep one line.
TEST(LogLineTest, FieldsKeepTheirTypes) {
  const LogFields fields = {{"address", "127.0.0.1:7400"}, {"ok", true},
                            {"less", int64_t{-3}},         {"more", uint64_t{1} << 63},
                            {"words", "two words"},        {"none", ""}};
  EXPECT_EQ(ToJson(Line("m", fields)),
            R"({"ts":"1970-01-01T00:00:00.001Z","level":"info","component":"test","msg":"m",)"
            R"("address":"127.0.0.1:7400","ok":true,"less":-3,"more":9223372036854775808,)"
            R"("words":"two words","none":""})");
  EXPECT_EQ(ToText(Line("m\n", fields)),
            "1970-01-01T00:00:00.001Z info  test     m\\n address=127.0.0.1:7400 ok=true less=-3 "
            "more=9223372036854775808 words=\"two words\" none=\"\"");
}

// Plan: write at every level through a stream and expect only those at or above the level in force.
TEST(LogTest, LinesBelowTheLevelAreDropped) {
  std::ostringstream out;
  const std::unique_ptr<Log> log = Log::ToStream(out, LogLevel::kWarning, LogFormat::kJson);
  log->Debug("c", "one");
  log->Info("c", "two");
  log->Warning("c", "three");
  log->Error("c", "four", {{"code", 7}});
  log->SetLevel(LogLevel::kDebug);
  log->Debug("c", "five");
  log->Flush();
  std::istringstream lines(out.str());
  std::string messages;
  for (std::string line; std::getline(lines, line);) {
    const json parsed = json::parse(line);
    messages += parsed["level"].get<std::string>() + ":" + parsed["msg"].get<std::string>() + " ";
  }
  EXPECT_EQ(messages, "warn:three error:four debug:five ");
}

// Plan: every name means its level or format; others fall back.
TEST(LogTest, NamesOfLevelsAndFormats) {
  EXPECT_EQ(LogLevelNamed("debug"), LogLevel::kDebug);
  EXPECT_EQ(LogLevelNamed("info"), LogLevel::kInfo);
  EXPECT_EQ(LogLevelNamed("warn"), LogLevel::kWarning);
  EXPECT_EQ(LogLevelNamed("error"), LogLevel::kError);
  EXPECT_EQ(LogLevelNamed("loud"), LogLevel::kInfo);
  EXPECT_EQ(LogFormatNamed("text"), LogFormat::kText);
  EXPECT_EQ(LogFormatNamed("json"), LogFormat::kJson);
}

}  // namespace
}  // namespace shardd
