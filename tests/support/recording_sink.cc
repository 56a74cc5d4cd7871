#include "tests/support/recording_sink.h"

#include <utility>

namespace shardd {
namespace {

template <typename Items>
auto FindCall(const Items& items, CallId call) -> decltype(&items[0]) {
  for (const auto& item : items) {
    if (item.call == call) return &item;
  }
  return nullptr;
}

template <typename Items>
std::map<CallId, size_t> CountByCall(const Items& items) {
  std::map<CallId, size_t> counts;
  for (const auto& item : items) ++counts[item.call];
  return counts;
}

}  // namespace

void RecordingSink::OnReply(Reply reply) {
  MutexLock lock(mutex_);
  replies_.push_back(std::move(reply));
  changed_.NotifyAll();
}

void RecordingSink::OnWatchEvent(WatchEvent event) {
  MutexLock lock(mutex_);
  events_.push_back(std::move(event));
  changed_.NotifyAll();
}

void RecordingSink::OnCoordinatorReply(CoordinatorReply reply) {
  MutexLock lock(mutex_);
  coordinator_replies_.push_back(std::move(reply));
  changed_.NotifyAll();
}

absl::StatusOr<ShardAnswer> RecordingSink::WaitForReply(CallId call) {
  MutexLock lock(mutex_);
  while (FindCall(replies_, call) == nullptr) changed_.Wait(mutex_);
  return FindCall(replies_, call)->answer;
}

absl::StatusOr<CoordinatorAnswer> RecordingSink::WaitForCoordinatorReply(CallId call) {
  MutexLock lock(mutex_);
  while (FindCall(coordinator_replies_, call) == nullptr) changed_.Wait(mutex_);
  return FindCall(coordinator_replies_, call)->answer;
}

WatchEvent RecordingSink::WaitForWatchEvent(CallId call, size_t count) {
  MutexLock lock(mutex_);
  while (true) {
    size_t seen = 0;
    for (const WatchEvent& event : events_) {
      if (event.call == call && ++seen == count) return event;
    }
    changed_.Wait(mutex_);
  }
}

std::map<CallId, size_t> RecordingSink::reply_counts() const {
  MutexLock lock(mutex_);
  return CountByCall(replies_);
}

std::map<CallId, size_t> RecordingSink::coordinator_reply_counts() const {
  MutexLock lock(mutex_);
  return CountByCall(coordinator_replies_);
}

std::vector<CallId> RecordingSink::reply_order() const {
  MutexLock lock(mutex_);
  std::vector<CallId> order;
  for (const Reply& reply : replies_) order.push_back(reply.call);
  return order;
}

}  // namespace shardd
