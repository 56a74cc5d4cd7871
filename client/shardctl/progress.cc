#include "client/shardctl/progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(200);

std::string Bar(double fraction) {
  constexpr int kCells = 24;
  const int full = std::clamp(static_cast<int>(fraction * kCells), 0, kCells);
  std::string bar;
  for (int i = 0; i < kCells; ++i) bar += i < full ? "█" : "░";
  return bar;
}

}  // namespace

Progress::Progress(Terminal& terminal, client::Clock& clock, std::string unit, uint64_t bytes_total)
    : terminal_(terminal),
      clock_(clock),
      unit_(std::move(unit)),
      bytes_total_(bytes_total),
      start_(clock.Now()),
      next_(start_) {}

Progress::~Progress() { Hide(); }

void Progress::Show(uint64_t count, uint64_t bytes_done) {
  if (!terminal_.err_is_tty) return;
  const absl::Time now = clock_.Now();
  if (now < next_) return;
  next_ = now + kInterval;
  const double seconds = std::max(absl::ToDoubleSeconds(now - start_), 0.001);
  std::string line = absl::StrCat(Thousands(count), " ", unit_, "  ",
                                  Thousands(static_cast<uint64_t>(count / seconds)), "/s");
  if (bytes_total_ > 0) {
    const double fraction =
        std::min(1.0, static_cast<double>(bytes_done) / static_cast<double>(bytes_total_));
    line = absl::StrCat(Bar(fraction), " ", static_cast<int>(fraction * 100), "%  ", line);
    if (fraction > 0.01) {
      const auto left = absl::Seconds(seconds * (1 - fraction) / fraction);
      absl::StrAppend(&line, "  ETA ", HumanDuration(left));
    }
  }
  if (!words_.empty()) absl::StrAppend(&line, "  ", words_);
  terminal_.err << "\r\x1b[K" << Truncate(line, std::max<size_t>(terminal_.width, 2) - 1)
                << std::flush;
  shown_ = true;
}

void Progress::Hide() {
  if (std::exchange(shown_, false)) terminal_.err << "\r\x1b[K" << std::flush;
}

}  // namespace shardd::shardctl
