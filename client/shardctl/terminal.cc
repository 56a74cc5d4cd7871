#include "client/shardctl/terminal.h"

#include "absl/strings/str_cat.h"

namespace shardd::shardctl {
namespace {

bool IsSet(const Terminal& terminal, const std::string& name) {
  const std::optional<std::string> value = terminal.environment(name);
  return value.has_value() && !value->empty();
}

const char* Code(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarn:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kFaint:
      return "\x1b[2m";
    case Tone::kBold:
      return "\x1b[1m";
  }
  return "";
}

}  // namespace

bool UseColor(const Terminal& terminal, ColorWish wish, bool is_tty) {
  switch (wish) {
    case ColorWish::kAlways:
      return true;
    case ColorWish::kNever:
      return false;
    case ColorWish::kAuto:
      break;
  }
  if (IsSet(terminal, "FORCE_COLOR")) return true;
  if (IsSet(terminal, "NO_COLOR")) return false;
  if (terminal.environment("TERM").value_or("") == "dumb") return false;
  return is_tty;
}

std::string Paint(const std::string& text, Tone tone, bool color) {
  if (!color || tone == Tone::kPlain) return text;
  return absl::StrCat(Code(tone), text, "\x1b[0m");
}

}  // namespace shardd::shardctl
