#include "server/logging/urgent_log.h"

#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace shardd {

UrgentLog::UrgentLog(int fd, LogFormat format, ThreadRegistry& threads)
    : fd_(fd),
      format_(format),
      record_(threads.Register("urgent-log", ThreadRole::kBackground, std::nullopt,
                               /*queue_depth=*/nullptr)),
      thread_("urgent-log", [this] { Loop(); }) {}

UrgentLog::~UrgentLog() {
  stop_.store(true, std::memory_order_release);
  changed_.Post();
  thread_.Join();
}

bool UrgentLog::Write(const LogLine& line) {
  const size_t at = written_.load(std::memory_order_relaxed);
  if (at - read_.load(std::memory_order_acquire) == kLinesMax) {
    ++dropped_;
    return false;
  }
  LogLine whole = line;
  std::string message(line.message);
  if (dropped_ > 0) absl::StrAppend(&message, " (", dropped_, " lines before this were dropped)");
  dropped_ = 0;
  whole.message = message;
  std::string& text = ring_[at % kLinesMax];
  text = format_ == LogFormat::kJson ? ToJson(whole) : ToText(whole);
  text.push_back('\n');
  written_.store(at + 1, std::memory_order_release);
  changed_.Post();
  return true;
}

void UrgentLog::Loop() {
  record_->EnterPhase(ThreadPhase::kIdle);
  for (;;) {
    changed_.Wait();
    // First, so that what was written before the end is written.
    const bool stop = stop_.load(std::memory_order_acquire);
    const size_t written = written_.load(std::memory_order_acquire);
    for (size_t at = read_.load(std::memory_order_relaxed); at != written; ++at) {
      record_->EnterPhase(ThreadPhase::kReplying);
      WriteAll(ring_[at % kLinesMax]);
      read_.store(at + 1, std::memory_order_release);
      record_->CountItems(1);
    }
    record_->EnterPhase(ThreadPhase::kIdle);
    if (stop) break;
  }
  record_->Stop();
}

void UrgentLog::WriteAll(const std::string& text) const {
  for (size_t written = 0; written < text.size();) {
    const ssize_t bytes = write(fd_, text.data() + written, text.size() - written);
    if (bytes < 0 && errno != EINTR) return;  // nobody to tell
    if (bytes > 0) written += static_cast<size_t>(bytes);
  }
}

}  // namespace shardd
