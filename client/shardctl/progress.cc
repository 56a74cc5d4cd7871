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
    : terminal_(terminal), clock_(clock), unit_(std::move(unit)), bytes_total_(bytes_total) {}

Progress::~Progress() { Hide(); }

void Progress::Show(uint64_t count, uint64_t bytes_done) {
  if (!terminal_.err_is_tty) return;
  const absl::Time now = clock_.Now();
  if (now < next_) return;
  next_ = now + kInterval;
  if (!start_.has_value() || count < last_count_) start_ = {now, count, bytes_done};
  last_count_ = count;
  const double seconds = absl::ToDoubleSeconds(now - start_->time);
  std::string line = absl::StrCat(Thousands(count), " ", unit_);
  if (seconds > 0) {
    const double rate = static_cast<double>(count - start_->count) / seconds;
    absl::StrAppend(&line, "  ", Thousands(static_cast<uint64_t>(rate)), "/s");
  }
  if (bytes_total_ > 0) {
    const auto total = static_cast<double>(bytes_total_);
    const double fraction = std::min(1.0, static_cast<double>(bytes_done) / total);
    line = absl::StrCat(Bar(fraction), " ", static_cast<int>(fraction * 100), "%  ", line);
    const double since =
        (static_cast<double>(bytes_done) - static_cast<double>(start_->bytes)) / total;
    if (since > 0.01) {
      const auto left = absl::Seconds(seconds * (1 - fraction) / since);
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
