#include "server/rpc/dump_stacks.h"

#include <utility>

#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/rpc/convert_threads.h"

namespace shardd::rpc {

void DumpStacksStream::OnStart() {
  std::optional<ThreadId> only;
  if (!request().thread_id().empty()) {
    only = ParseThreadName(request().thread_id());
    if (!only.has_value()) {
      return Finish(InvalidField(
          "thread_id", "is not the id of a thread; they look like t-3, external ones like os-42"));
    }
  }
  {
    MutexLock lock(inbox_->mutex);
    inbox_->stream = this;
  }
  const absl::Status started = dumper_.Start(only, [inbox = inbox_](Stacks stacks) {
    MutexLock lock(inbox->mutex);
    if (inbox->stream == nullptr) return;
    inbox->stacks = std::move(stacks);
    inbox->stream->Poke();
  });
  if (!started.ok()) Finish(started);
}

void DumpStacksStream::OnPoked() {
  if (over()) return;
  std::optional<Stacks> stacks;
  {
    MutexLock lock(inbox_->mutex);
    stacks = std::exchange(inbox_->stacks, std::nullopt);
  }
  if (!stacks.has_value()) return;
  if (!stacks->ok()) return Finish(stacks->status());
  stacks_ = **std::move(stacks);
  WriteNext();
}

void DumpStacksStream::WriteNext() {
  if (writing() || over()) return;
  if (sent_ == stacks_.size()) return Finish(absl::OkStatus());
  v1::DumpStacksResponse response;
  size_t bytes = 0;
  while (sent_ < stacks_.size() && bytes < limits::kPageBytesMax) {
    v1::ThreadStack& stack = *response.add_stacks();
    ToProto(stacks_[sent_++], stack);
    bytes += stack.ByteSizeLong();
  }
  Write(response);
}

void DumpStacksStream::OnOver() {
  MutexLock lock(inbox_->mutex);
  inbox_->stream = nullptr;
}

}  // namespace shardd::rpc
