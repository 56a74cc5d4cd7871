#include "server/runtime/ready_board.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/base/check.h"

namespace shardd {

void ReadyBoard::Tell(const MessagesReady& ready) {
  std::vector<Call> calls;
  {
    MutexLock lock(mutex_);
    for (const auto& [name, is] : ready.news.lines) {
      const auto line = lines_.try_emplace(name).first;
      if (is) {
        line->second.shards.insert(ready.shard);
      } else {
        line->second.shards.erase(ready.shard);
      }
      if (line->second.shards.empty()) lines_.erase(line);
    }
    for (const auto& [account, held] : ready.news.came) {
      CallFirst(account, held, calls);
      CallFirst({account.name_space, ""}, held, calls);
    }
  }
  for (const Call& call : calls) call();
}

void ReadyBoard::Forget(ShardId shard) {
  MutexLock lock(mutex_);
  for (auto line = lines_.begin(); line != lines_.end();) {
    line->second.shards.erase(shard);
    line = line->second.shards.empty() ? lines_.erase(line) : std::next(line);
  }
}

std::optional<ShardId> ReadyBoard::Next(const std::string& name_space, bool several) {
  MutexLock lock(mutex_);
  std::optional<ShardId> next = NextOf({name_space, false});
  if (!next.has_value() && several) next = NextOf({name_space, true});
  return next;
}

std::optional<ShardId> ReadyBoard::NextOf(const LineName& name) {
  const auto found = lines_.find(name);
  if (found == lines_.end()) return std::nullopt;
  Line& line = found->second;
  auto next = line.shards.upper_bound(line.last);
  if (next == line.shards.end()) next = line.shards.begin();
  line.last = *next;
  return *next;
}

ReadyBoard::WaitId ReadyBoard::Wait(Topic topic, Call call) {
  MutexLock lock(mutex_);
  const WaitId id = next_wait_++;
  queues_[topic.account].push_back(id);
  waits_.emplace(id, Waiting{std::move(topic), std::move(call), false});
  return id;
}

void ReadyBoard::WaitOn(WaitId id) {
  MutexLock lock(mutex_);
  Waiting& waiting = waits_.at(id);
  if (!std::exchange(waiting.called, false)) return;
  queues_[waiting.topic.account].push_back(id);
}

void ReadyBoard::CallFirst(const AccountRef& topic, bool held, std::vector<Call>& calls) {
  const auto queue = queues_.find(topic);
  if (queue == queues_.end()) return;
  bool called = false;  // one who takes any
  std::vector<WaitId> leave;
  for (const WaitId id : queue->second) {
    Waiting& waiting = waits_.at(id);
    if (held && !waiting.topic.several) continue;
    if (!waiting.topic.choosy && std::exchange(called, true)) continue;
    waiting.called = true;
    calls.push_back(waiting.call);
    leave.push_back(id);
  }
  for (const WaitId id : leave) LeaveQueue(topic, id);
}

void ReadyBoard::LeaveQueue(const AccountRef& topic, WaitId wait) {
  const auto queue = queues_.find(topic);
  std::erase(queue->second, wait);
  if (queue->second.empty()) queues_.erase(queue);
}

void ReadyBoard::Done(WaitId id) {
  std::vector<Call> calls;
  {
    MutexLock lock(mutex_);
    auto node = waits_.extract(id);
    SHARDD_CHECK(!node.empty());
    const AccountRef& topic = node.mapped().topic.account;
    if (!node.mapped().called) {
      LeaveQueue(topic, id);
    } else if (!topic.id.empty()) {
      // Nobody knows whether the account has more: the next one looks.
      CallFirst(topic, false, calls);
    } else {
      if (lines_.contains({topic.name_space, false})) {
        CallFirst(topic, false, calls);
      } else if (lines_.contains({topic.name_space, true})) {
        CallFirst(topic, true, calls);
      }
    }
  }
  for (const Call& call : calls) call();
}

size_t ReadyBoard::waiting() const {
  MutexLock lock(mutex_);
  return waits_.size();
}

}  // namespace shardd
