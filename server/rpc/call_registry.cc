#include "server/rpc/call_registry.h"

#include <utility>

#include "server/base/check.h"

namespace shardd::rpc {

static_assert(alignof(ReplyTarget) >= 2, "addresses are even, ids of the registry are odd");

void ReplyTarget::OnReply(uint32_t, absl::StatusOr<ShardAnswer>) { SHARDD_CHECK(false); }
void ReplyTarget::OnWatchEvent(WatchEvent) { SHARDD_CHECK(false); }
void ReplyTarget::OnCoordinatorReply(absl::StatusOr<CoordinatorAnswer>) { SHARDD_CHECK(false); }

CallId DirectId(ReplyTarget* target, uint32_t slot) {
  return {.call = reinterpret_cast<uint64_t>(target), .slot = slot};
}

CallId CallRegistry::Add(std::shared_ptr<ReplyTarget> target) {
  MutexLock lock(mutex_);
  const CallId id{.call = next_id_, .slot = 0};
  next_id_ += 2;
  targets_.emplace(id.call, std::move(target));
  return id;
}

void CallRegistry::Remove(CallId id) {
  std::shared_ptr<ReplyTarget> last_share;  // goes after the lock
  MutexLock lock(mutex_);
  const auto found = targets_.find(id.call);
  if (found == targets_.end()) return;
  last_share = std::move(found->second);
  targets_.erase(found);
}

std::shared_ptr<ReplyTarget> CallRegistry::Find(CallId id) const {
  MutexLock lock(mutex_);
  const auto found = targets_.find(id.call);
  return found == targets_.end() ? nullptr : found->second;
}

}  // namespace shardd::rpc
