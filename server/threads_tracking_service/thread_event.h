#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/threads_tracking_service/thread_record.h"

namespace shardd {

// The same numbers as shardd.v1.ThreadEventKind and StallCause.
enum class ThreadEventKind : uint8_t { kStarted = 1, kStalled = 2, kRecovered = 3, kStopped = 4 };
enum class StallCause : uint8_t {
  kWork = 1,         // the thread's own work
  kStorage = 2,      // storage has not answered
  kAnswers = 3,      // answers cannot be handed out
  kOtherThread = 4,  // another thread has not answered
  kNotWoken = 5,     // it waits for work, and there is some
};

// Who is to blame when a thread does not get out of a phase.
StallCause CauseOf(ThreadPhase phase);

// "stalled", "storage", "another thread", ….
absl::string_view NameOf(ThreadEventKind kind);
absl::string_view NameOf(StallCause cause);

// Something that happened to a thread.
struct ThreadEvent {
  uint64_t revision = 0;  // of the daemon's life: 1 and up
  ThreadEventKind kind = ThreadEventKind::kStarted;
  absl::Time time;
  ThreadId thread;
  std::string name;
  ThreadRole role = ThreadRole::kBackground;
  std::optional<ShardId> shard;
  std::optional<ShardId> parent_shard;

  // Below: of kStalled and kRecovered.
  ThreadPhase phase = ThreadPhase::kIdle;  // the phase that took too long; idle: with work waiting
  std::string operation;
  absl::Duration phase_time;  // so far, or all of it
  absl::Duration cpu_time;    // used since the phase began, as far as it was seen
};

// One sentence: "thread worker/s-0003 has been committing for 2.1s; storage has not answered".
std::string ToText(const ThreadEvent& event);

}  // namespace shardd
