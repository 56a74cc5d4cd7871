#include "server/threads_tracking_service/thread_event.h"

#include "absl/strings/str_cat.h"

namespace shardd {
namespace {

std::string Rounded(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(10)));
}

absl::string_view Sentence(StallCause cause) {
  switch (cause) {
    case StallCause::kWork:
      return "its own work takes so long";
    case StallCause::kStorage:
      return "storage has not answered";
    case StallCause::kAnswers:
      return "answers cannot be handed out";
    case StallCause::kOtherThread:
      return "another thread has not answered";
    case StallCause::kNotWoken:
      return "it was not woken";
  }
  return "";
}

std::string During(const ThreadEvent& event) {
  if (event.operation.empty()) return "";
  return absl::StrCat(" during ", event.operation);
}

}  // namespace

StallCause CauseOf(ThreadPhase phase) {
  switch (phase) {
    case ThreadPhase::kIdle:
      return StallCause::kNotWoken;
    case ThreadPhase::kRunning:
      return StallCause::kWork;
    case ThreadPhase::kCommitting:
    case ThreadPhase::kSyncing:
    case ThreadPhase::kCompacting:
      return StallCause::kStorage;
    case ThreadPhase::kReplying:
      return StallCause::kAnswers;
    case ThreadPhase::kWaiting:
      return StallCause::kOtherThread;
  }
  return StallCause::kWork;
}

absl::string_view NameOf(ThreadEventKind kind) {
  switch (kind) {
    case ThreadEventKind::kStarted:
      return "started";
    case ThreadEventKind::kStalled:
      return "stalled";
    case ThreadEventKind::kRecovered:
      return "recovered";
    case ThreadEventKind::kStopped:
      return "stopped";
  }
  return "";
}

absl::string_view NameOf(StallCause cause) {
  switch (cause) {
    case StallCause::kWork:
      return "work";
    case StallCause::kStorage:
      return "storage";
    case StallCause::kAnswers:
      return "answers";
    case StallCause::kOtherThread:
      return "other_thread";
    case StallCause::kNotWoken:
      return "not_woken";
  }
  return "";
}

std::string ToText(const ThreadEvent& event) {
  const std::string thread = absl::StrCat("thread ", event.name);
  const bool idle = event.phase == ThreadPhase::kIdle;
  switch (event.kind) {
    case ThreadEventKind::kStarted:
      return absl::StrCat(thread, " started");
    case ThreadEventKind::kStalled:
      return absl::StrCat(thread, " has been ", NameOf(event.phase), During(event), " for ",
                          Rounded(event.phase_time), idle ? " while requests wait; " : "; ",
                          Sentence(CauseOf(event.phase)));
    case ThreadEventKind::kRecovered:
      if (idle) {
        return absl::StrCat(thread, " was idle for ", Rounded(event.phase_time),
                            " while requests waited");
      }
      return absl::StrCat(thread, " goes on after ", Rounded(event.phase_time), " of ",
                          NameOf(event.phase), During(event));
    case ThreadEventKind::kStopped:
      return absl::StrCat(thread, " stopped");
  }
  return thread;
}

}  // namespace shardd
