#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/account/account_ref.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/core/event.h"
#include "server/cross_thread_messaging/mailboxes.h"

namespace shardd {

// Which shards have messages of a namespace that can be received, as their owners say; and who
// waits to hear of some.
//
// Who waits is called when a message that he could have has got ready and nobody else was called
// for it. He begins to wait before he looks, so that nothing gets ready unseen in between. If he finds
// nothing, he waits on; when he has received something, or gives up, he says Done, and if something
// is ready still, the next one is called. So nothing that is ready lies there while somebody waits
// for it, and few are called in vain.
//
// Thread safety: safe. A lock: consumers are served by threads of the front end, which have no
// queue that a worker could put a message into. Calls are made without it.
class ReadyBoard {
 public:
  // What is waited for.
  struct Topic {
    AccountRef account;    // without id: messages of the whole namespace
    bool several = false;  // also those of accounts of whom others hold messages
    bool choosy = false;   // not those of every account: called for each, whoever else is
  };
  // Must not block, and must not call the board.
  using Call = std::function<void()>;
  using WaitId = uint64_t;

  // From the owner of a shard, in the order of its turns.
  void Tell(const MessagesReady& ready);
  // The shard has ended.
  void Forget(ShardId shard);

  // A shard with messages of the namespace; they take turns. nullopt: there is none.
  std::optional<ShardId> Next(const std::string& name_space, bool several);

  WaitId Wait(Topic topic, Call call);
  // Waits on, behind the others. He was called and has found nothing.
  void WaitOn(WaitId wait);
  // Ends a wait, be it called or not. REQUIRES: it was not ended before.
  void Done(WaitId wait);

  // How many wait.
  size_t waiting() const;

 private:
  struct Waiting {
    Topic topic;
    Call call;
    bool called = false;
  };
  struct Line {
    std::set<ShardId> shards;  // where somebody is in it
    ShardId last;              // that was given out
  };
  using Queue = std::deque<WaitId>;

  std::optional<ShardId> NextOf(const LineName& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of those who wait for an account, or a namespace, adds the call of the first who takes any, and
  // those of all who are choosy. `held`: others hold messages of it.
  void CallFirst(const AccountRef& topic, bool held, std::vector<Call>& calls)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LeaveQueue(const AccountRef& topic, WaitId wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::map<LineName, Line> lines_ ABSL_GUARDED_BY(mutex_);     // none is without shards
  std::map<AccountRef, Queue> queues_ ABSL_GUARDED_BY(mutex_);  // not called; none is empty
  std::map<WaitId, Waiting> waits_ ABSL_GUARDED_BY(mutex_);
  WaitId next_wait_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace shardd
