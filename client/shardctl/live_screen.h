#pragma once

#include <cstddef>
#include <functional>
#include <ostream>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/shardctl/command.h"
#include "client/shardctl/terminal.h"

namespace shardd::shardctl {

struct LiveOptions {
  // From the start of one frame to the start of the next. 0 means that one frame is all.
  absl::Duration interval;
  // Stop after this many frames; 0 means never.
  size_t count = 0;
  // How long the daemon may be away.
  absl::Duration retry_for = absl::Seconds(30);
};

// What is shown, again and again.
struct LiveView {
  // Writes the picture as it is now: whole lines, or documents for programs. `size` is that of the
  // screen; more lines than fit are cut off. An error that may pass leaves the last picture where
  // it is.
  std::function<absl::Status(const TerminalSize& size, std::ostream& out)> draw;
  // A key was pressed that means nothing to the screen itself (q ends it, the space bar stops and
  // restarts it). Returns whether to draw at once. May be empty.
  std::function<bool(char key)> on_key = nullptr;
};

// Shows `view` until it is interrupted, the user presses q, or `options.count` frames are drawn.
//
// On a terminal, and unless the output is for programs, each frame takes the place of the one
// before, on a screen of its own that is gone afterwards. Elsewhere frames follow each other, those
// for people with an empty line between them. With an interval of 0 the frame is simply printed.
absl::StatusOr<ExitCode> ShowLive(Invocation& invocation, const LiveOptions& options,
                                  const LiveView& view);

// --watch[=INTERVAL], which sets `options->interval`, and --count. Without --watch the interval
// stays 0.
void AddWatchOptions(CLI::App* app, LiveOptions* options);

}  // namespace shardd::shardctl
