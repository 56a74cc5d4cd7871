#pragma once

#include <cstddef>
#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <string>

#include "absl/time/time.h"

namespace shardd::shardctl {

struct TerminalSize {
  size_t width = 80;
  size_t height = 24;
};

// What shardctl sees of the world around it; a test brings its own.
struct Terminal {
  std::istream& in;
  // Data.
  std::ostream& out;
  // Talk: errors, hints, progress.
  std::ostream& err;
  bool in_is_tty = false;
  bool out_is_tty = false;
  bool err_is_tty = false;
  // Columns of the terminal.
  size_t width = 80;
  // Bytes of standard input if it is a file, else 0.
  size_t in_bytes = 0;
  // The size as it is now: a window may change it. Without it, `width` and 24 lines.
  std::function<TerminalSize()> size_now = nullptr;
  // Waits so long for a key to be pressed; 0 if none was. Without it there is no keyboard.
  std::function<char(absl::Duration)> await_key = nullptr;
  // An environment variable; nothing if it is not set.
  std::function<std::optional<std::string>(const std::string&)> environment =
      [](const std::string&) { return std::optional<std::string>(); };

  TerminalSize size() const {
    return size_now != nullptr ? size_now() : TerminalSize{.width = width};
  }
};

enum class ColorWish { kAuto, kAlways, kNever };

// Whether to colour what goes to a stream. FORCE_COLOR beats NO_COLOR; both count only if not
// empty.
bool UseColor(const Terminal& terminal, ColorWish wish, bool is_tty);

// How a word is meant; shown as a colour, never by colour alone.
enum class Tone { kPlain, kGood, kWarn, kBad, kFaint, kBold };

// `text` with the escape codes for `tone` if `color` is set.
std::string Paint(const std::string& text, Tone tone, bool color);

}  // namespace shardd::shardctl
