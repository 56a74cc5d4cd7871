#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/core/coordinator_core.h"
#include "server/core/event.h"

namespace shardd::rpc {

// Whoever waits for answers of the runtime.
//
// Its methods are called on worker and coordinator threads. A target overrides those it asked for.
class ReplyTarget {
 public:
  virtual ~ReplyTarget() = default;
  virtual void OnReply(uint32_t slot, absl::StatusOr<ShardAnswer> answer);
  virtual void OnWatchEvent(WatchEvent event);
  virtual void OnCoordinatorReply(absl::StatusOr<CoordinatorAnswer> answer);
};

// The id under which `target` is answered exactly once per slot: its address, which is even. The
// target must live until then, also when its caller is gone. No look-up, no lock: this is the way
// of every write.
CallId DirectId(ReplyTarget* target, uint32_t slot = 0);

// Gives ids to targets that are answered any number of times, or perhaps never: such an id is never
// used again, so a late answer finds nobody and is dropped.
//
// Thread safety: safe. A lock, since answers arrive on any thread and targets go at any time.
class CallRegistry {
 public:
  // The registry keeps a share of `target` until it is removed.
  CallId Add(std::shared_ptr<ReplyTarget> target);
  void Remove(CallId id);

  // Hands an answer to whom it may concern. `deliver` takes a ReplyTarget&.
  template <typename Delivery>
  void Deliver(CallId id, Delivery deliver) {
    if (IsDirect(id)) return deliver(*reinterpret_cast<ReplyTarget*>(id.call));
    if (const std::shared_ptr<ReplyTarget> target = Find(id)) deliver(*target);
  }

 private:
  static bool IsDirect(CallId id) { return (id.call & 1) == 0; }
  std::shared_ptr<ReplyTarget> Find(CallId id) const;

  mutable Mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<ReplyTarget>> targets_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;  // odd
};

}  // namespace shardd::rpc
