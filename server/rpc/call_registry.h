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

class ReplyInbox;

// Whoever waits for answers of the runtime. A target overrides those it asked for.
//
// Its methods are called on worker and coordinator threads; those of a DirectTarget on its poller.
class ReplyTarget {
 public:
  virtual ~ReplyTarget() = default;
  virtual void OnReply(uint32_t slot, absl::StatusOr<ShardAnswer> answer);
  virtual void OnWatchEvent(WatchEvent event);
  virtual void OnCoordinatorReply(absl::StatusOr<CoordinatorAnswer> answer);
};

// A target that is answered exactly once per slot, through the inbox of its lane.
class DirectTarget : public ReplyTarget {
 public:
  explicit DirectTarget(ReplyInbox& inbox) : inbox_(inbox) {}
  ReplyInbox& inbox() { return inbox_; }

 private:
  ReplyInbox& inbox_;
};

// The id of a slot of `target`: its address, which is even. The target must live until it was
// answered, also when its caller is gone. No look-up: this is the way of every write.
CallId DirectId(DirectTarget* target, uint32_t slot = 0);

// Gives ids to targets that are answered any number of times, or perhaps never: such an id is never
// used again, so a late answer finds nobody and is dropped.
//
// Thread safety: safe. A lock, since answers arrive on any thread and targets go at any time.
class CallRegistry {
 public:
  // The registry keeps a share of `target` until it is removed.
  CallId Add(std::shared_ptr<ReplyTarget> target);
  void Remove(CallId id);

  // Hands an answer to whom it may concern.
  void Deliver(Reply reply);
  void Deliver(WatchEvent event);
  void Deliver(CoordinatorReply reply);

 private:
  // nullptr if the id is one of the registry.
  static DirectTarget* Direct(CallId id);
  std::shared_ptr<ReplyTarget> Find(CallId id) const;

  mutable Mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<ReplyTarget>> targets_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;  // odd
};

}  // namespace shardd::rpc
