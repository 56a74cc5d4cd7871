#include "server/runtime/stack_dumper.h"

#include <utility>

#include "absl/time/time.h"
#include "server/base/error.h"
#include "server/threads_tracking_service/limits.h"

namespace shardd {

StackDumper::~StackDumper() {
  std::unique_ptr<ServiceThread> last;
  {
    MutexLock lock(mutex_);
    last = std::move(thread_);
  }
}

absl::Status StackDumper::Start(std::optional<ThreadId> only, Done done) {
  MutexLock lock(mutex_);
  if (busy_) {
    return WithRetryAfter(Error(Reason::kTooManyCalls, "a stack dump is being made; one at a time"),
                          limits::kStackDumpTimeout);
  }
  busy_ = true;
  thread_.reset();  // has at most its last call of `done` left to do
  thread_ = std::make_unique<ServiceThread>("stack-dump", [this, only, done = std::move(done)] {
    const auto record = threads_.Register("stack-dump", ThreadRole::kBackground, std::nullopt,
                                          /*queue_depth=*/nullptr);
    record->EnterPhase(ThreadPhase::kRunning);
    absl::StatusOr<std::vector<ThreadStack>> stacks = DumpStacks(threads_, only, clock_);
    record->EnterPhase(ThreadPhase::kIdle);
    record->Stop();
    {
      // First: who has the answer may ask again.
      MutexLock busy_lock(mutex_);
      busy_ = false;
    }
    done(std::move(stacks));
  });
  return absl::OkStatus();
}

}  // namespace shardd
