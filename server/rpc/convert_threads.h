#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/base/ids.h"
#include "server/threads_tracking_service/stack_dump.h"
#include "server/threads_tracking_service/thread_event.h"
#include "server/threads_tracking_service/thread_record.h"
#include "shardd/v1/thread_tracking.pb.h"

namespace shardd::rpc {

// Threads as callers see them.

void ToProto(const ThreadStatus& status, v1::Thread& proto);
void ToProto(const ThreadEvent& event, v1::ThreadEvent& proto);
void ToProto(const ThreadStack& stack, v1::ThreadStack& proto);

// `t-N`, or `os-N` for an external thread; and the way back, nullopt for anything else.
std::string ThreadName(ThreadId id);
std::optional<ThreadId> ParseThreadName(absl::string_view text);

}  // namespace shardd::rpc
