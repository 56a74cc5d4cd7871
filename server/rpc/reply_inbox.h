#pragma once

#include <grpcpp/alarm.h>

#include <cstdint>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/core/coordinator_core.h"
#include "server/core/event.h"
#include "server/rpc/call_registry.h"
#include "server/rpc/completion.h"

namespace shardd::rpc {

// Brings answers of the runtime to the poller of a lane, which finishes the calls.
//
// Why not on the threads that bring them: gRPC serializes everything on a connection, so a worker
// that finishes calls and the poller that takes them stand in each other's way, and gRPC passes
// what collides to a thread of its own. All answers of a turn wake the poller once.
//
// Thread safety: Put from any thread. Bounded by the slots of the calls under way, each of which is
// answered once.
class ReplyInbox final : public CompletionTag {
 public:
  using Answer = std::variant<absl::StatusOr<ShardAnswer>, absl::StatusOr<CoordinatorAnswer>>;

  explicit ReplyInbox(Lane& lane) : lane_(lane) {}

  // Has `target` answered on the poller, after everything put before.
  void Put(DirectTarget& target, uint32_t slot, Answer answer);

  void Complete(bool ok) override;

 private:
  struct Item {
    DirectTarget* target = nullptr;
    uint32_t slot = 0;
    Answer answer;
  };

  Lane& lane_;
  grpc::Alarm alarm_;  // wakes the poller; set by whoever finds it asleep

  Mutex mutex_;
  bool awake_ ABSL_GUARDED_BY(mutex_) = false;  // the poller will come
  std::vector<Item> items_ ABSL_GUARDED_BY(mutex_);

  std::vector<Item> taken_;  // of the poller
};

}  // namespace shardd::rpc
