#include "client/shardctl/live_screen.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/error.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

constexpr absl::Duration kWatchIntervalDefault = absl::Seconds(2);
// How long an interrupt may go unnoticed.
constexpr absl::Duration kLookInterval = absl::Milliseconds(100);

constexpr char kEnter[] = "\x1b[?1049h\x1b[?25l\x1b[?7l";  // own screen, no cursor, no wrapping
constexpr char kLeave[] = "\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr char kHome[] = "\x1b[H";
constexpr char kClearLine[] = "\x1b[K";
constexpr char kClearBelow[] = "\x1b[J";

// The part of the terminal that is the view's while this exists. Without `own_screen` frames are
// printed below each other.
class Canvas {
 public:
  Canvas(Terminal& terminal, bool own_screen) : terminal_(terminal), own_screen_(own_screen) {}
  ~Canvas() {
    if (entered_) terminal_.out << kLeave << std::flush;
  }
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  TerminalSize size() const { return terminal_.size(); }

  // `note` takes the last line, if it is not empty.
  void Show(const std::string& frame, const std::string& note) {
    if (!own_screen_) {
      terminal_.out << frame << std::flush;
      return;
    }
    if (!entered_) terminal_.out << kEnter;
    entered_ = true;
    std::vector<std::string> lines = absl::StrSplit(absl::StripSuffix(frame, "\n"), '\n');
    const size_t lines_max = std::max<size_t>(size().height, 2) - (note.empty() ? 0 : 1);
    if (lines.size() > lines_max) {
      const size_t cut = lines.size() - lines_max + 1;
      lines.resize(lines_max - 1);
      lines.push_back(absl::StrCat("… ", cut, " more lines"));
    }
    if (!note.empty()) lines.push_back(note);
    terminal_.out << kHome << absl::StrJoin(lines, absl::StrCat(kClearLine, "\r\n")) << kClearLine
                  << kClearBelow << std::flush;
  }

 private:
  Terminal& terminal_;
  const bool own_screen_;
  bool entered_ = false;
};

class LiveLoop {
 public:
  LiveLoop(Invocation& invocation, const LiveOptions& options, const LiveView& view)
      : invocation_(invocation),
        options_(options),
        view_(view),
        own_screen_(options.interval > absl::ZeroDuration() && invocation.terminal.out_is_tty &&
                    !invocation.machine_readable()),
        canvas_(invocation.terminal, own_screen_) {}

  absl::StatusOr<ExitCode> Run() {
    // The wait notices an interrupt by itself; the scope only keeps it from ending the process.
    const Interrupt::Scope scope(invocation_.interrupt, [] {});
    give_up_ = invocation_.clock.Now() + options_.retry_for;
    for (size_t frames = 1;; ++frames) {
      const absl::Time next = invocation_.clock.Now() + options_.interval;
      if (const absl::Status drawn = DrawFrame(); !drawn.ok()) return drawn;
      if (options_.interval == absl::ZeroDuration() || frames == options_.count) return kOk;
      AwaitNext(next);
      if (invocation_.interrupt.requested()) return kInterrupted;
      if (quit_) return kOk;
    }
  }

 private:
  absl::Status DrawFrame() {
    std::ostringstream frame;
    const absl::Status drawn = view_.draw(canvas_.size(), frame);
    const absl::Time now = invocation_.clock.Now();
    if (drawn.ok()) {
      if (shown_ && !own_screen_ && !invocation_.machine_readable())
        invocation_.terminal.out << "\n";
      picture_ = frame.str();
      shown_ = true;
      give_up_ = now + options_.retry_for;
      canvas_.Show(picture_, "");
      return drawn;
    }
    // What was never there, or will not come back, is an error.
    if (!shown_ || !client::IsTransient(drawn) || now >= give_up_) return drawn;
    const std::string note =
        absl::StrCat("the daemon is away; trying again: ", Printable(std::string(drawn.message())));
    if (own_screen_) {
      canvas_.Show(picture_, note);
    } else {
      invocation_.Note(note);
    }
    return absl::OkStatus();
  }

  // Returns at `next`, when interrupted, or when a key asks for it.
  void AwaitNext(absl::Time next) {
    Terminal& terminal = invocation_.terminal;
    for (bool paused = false; !invocation_.interrupt.requested() && !quit_;) {
      const absl::Duration left =
          paused ? absl::InfiniteDuration() : next - invocation_.clock.Now();
      if (left <= absl::ZeroDuration()) return;
      const absl::Duration wait = std::min(left, kLookInterval);
      if (!own_screen_ || terminal.await_key == nullptr) {
        invocation_.clock.Wait(wait);
        continue;
      }
      const char key = terminal.await_key(wait);
      quit_ = key == 'q' || key == 'Q';
      if (key == ' ') {
        paused = !paused;
        if (!paused) return;
        canvas_.Show(picture_, "stopped; the space bar goes on");
      } else if (key != 0 && !quit_ && view_.on_key != nullptr && view_.on_key(key)) {
        return;
      }
    }
  }

  Invocation& invocation_;
  const LiveOptions& options_;
  const LiveView& view_;
  const bool own_screen_;
  Canvas canvas_;
  std::string picture_;  // the last one that could be drawn
  bool shown_ = false;
  bool quit_ = false;
  absl::Time give_up_;
};

}  // namespace

absl::StatusOr<ExitCode> ShowLive(Invocation& invocation, const LiveOptions& options,
                                  const LiveView& view) {
  return LiveLoop(invocation, options, view).Run();
}

void AddWatchOptions(CLI::App* app, LiveOptions* options) {
  AddDuration(app, "--watch", &options->interval,
              "Show it again and again, until interrupted: each 2s, or as often as said by "
              "--watch=5s.")
      ->expected(0, 1)
      ->default_str(absl::FormatDuration(kWatchIntervalDefault));
  app->add_option("--count", options->count, "With --watch: stop after this many times.")
      ->type_name("N");
}

}  // namespace shardd::shardctl
