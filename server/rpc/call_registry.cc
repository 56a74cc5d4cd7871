#include "server/rpc/call_registry.h"

#include <utility>

#include "server/base/check.h"
#include "server/rpc/reply_inbox.h"

namespace shardd::rpc {

static_assert(alignof(DirectTarget) >= 2, "addresses are even, ids of the registry are odd");

void ReplyTarget::OnReply(uint32_t, absl::StatusOr<ShardAnswer>) { SHARDD_CHECK(false); }
void ReplyTarget::OnWatchEvent(WatchEvent) { SHARDD_CHECK(false); }
void ReplyTarget::OnCoordinatorReply(absl::StatusOr<CoordinatorAnswer>) { SHARDD_CHECK(false); }

CallId DirectId(DirectTarget* target, uint32_t slot) {
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

void CallRegistry::Deliver(Reply reply) {
  const CallId id = reply.call;
  if (DirectTarget* const target = Direct(id)) {
    return target->inbox().Put(*target, id.slot, std::move(reply.answer));
  }
  if (const auto target = Find(id)) target->OnReply(id.slot, std::move(reply.answer));
}

void CallRegistry::Deliver(WatchEvent event) {
  if (const auto target = Find(event.call)) target->OnWatchEvent(std::move(event));
}

void CallRegistry::Deliver(CoordinatorReply reply) {
  if (DirectTarget* const target = Direct(reply.call)) {
    return target->inbox().Put(*target, reply.call.slot, std::move(reply.answer));
  }
  if (const auto target = Find(reply.call)) target->OnCoordinatorReply(std::move(reply.answer));
}

DirectTarget* CallRegistry::Direct(CallId id) {
  return (id.call & 1) == 0 ? reinterpret_cast<DirectTarget*>(id.call) : nullptr;
}

std::shared_ptr<ReplyTarget> CallRegistry::Find(CallId id) const {
  MutexLock lock(mutex_);
  const auto found = targets_.find(id.call);
  return found == targets_.end() ? nullptr : found->second;
}

}  // namespace shardd::rpc
