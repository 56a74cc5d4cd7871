#include "server/rpc/reply_inbox.h"

#include <grpc/support/time.h>

#include <utility>

namespace shardd::rpc {
namespace {

// Memory that a burst of answers took is kept up to this many of them.
constexpr size_t kItemsKept = 4096;

}  // namespace

void ReplyInbox::Put(DirectTarget& target, uint32_t slot, Answer answer) {
  {
    MutexLock lock(mutex_);
    items_.push_back(Item{&target, slot, std::move(answer)});
    if (std::exchange(awake_, true)) return;
  }
  alarm_.Set(lane_.queue(), gpr_time_0(GPR_CLOCK_MONOTONIC), lane_.Begin(this));
}

void ReplyInbox::Complete(bool) {
  {
    MutexLock lock(mutex_);
    awake_ = false;
    taken_.swap(items_);
  }
  for (Item& item : taken_) {
    if (auto* answer = std::get_if<absl::StatusOr<ShardAnswer>>(&item.answer)) {
      item.target->OnReply(item.slot, std::move(*answer));
    } else {
      item.target->OnCoordinatorReply(
          std::get<absl::StatusOr<CoordinatorAnswer>>(std::move(item.answer)));
    }
  }
  taken_.clear();
  if (taken_.capacity() > kItemsKept) taken_ = {};
}

}  // namespace shardd::rpc
