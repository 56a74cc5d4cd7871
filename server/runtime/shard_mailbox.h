#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "server/account/routing_key.h"
#include "server/base/bounded_queue.h"
#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/core/event.h"
#include "server/core/shard_command.h"
#include "server/runtime/shard_load.h"
#include "server/threads_tracking_service/waiting_work.h"

namespace shardd {

// What waits for a shard's worker: requests, within bounds, and commands of the coordinator, which
// are few. Requests that arrive together are one item.
//
// A mailbox remembers since which routing table its shard has the range it has. A push by an older
// table may be for another shard by now, and is turned away (kMoved): ShardMailboxes knows whose it
// is.
//
// Thread safety: safe; Pop from one thread at a time. Why a lock: as BoundedQueue.
class ShardMailbox {
 public:
  using Item = std::vector<ShardRequest>;
  enum class PushResult { kAccepted, kFull, kClosed, kMoved };
  struct Mail {
    std::vector<ShardCommand> commands;
    std::vector<Item> items;
    absl::Time oldest = absl::InfiniteFuture();  // when the first of the items came
  };

  ShardMailbox(QueueLimits limits, TableEpoch since, const Clock& clock)
      : limits_(limits), clock_(clock), meter_(since.value), since_(since) {}

  // REQUIRES: item is not empty. On refusal it is left as it was.
  PushResult Push(Item&& item, TableEpoch table);
  // Never refused while open: there are a few for each running operation.
  void PushCommand(ShardCommand command);
  // A message of the coordinator among the requests; likewise.
  void PushMessage(ShardRequestBody body);

  // Moves what waits into `out`, which must be empty: commands or, if there are none, items, unless
  // they are not to be taken while it is open. (Commands change what items a shard has.) Waits
  // until there is something, the mailbox is closed, or `wake_at`. Returns false when it is closed
  // and empty.
  bool Pop(Mail& out, bool take_items, absl::Time wake_at);
  // The next command if it is an Absorb. It takes nothing away, so that it can be run after any
  // request, and those to the other range wait for it.
  std::optional<Absorb> PopAbsorb();

  // Refuses further pushes. What waits is still handed out.
  void Close();

  // Whether there is something for Pop.
  bool Waits(bool take_items) const;
  // Requests that wait, and since when the oldest does; InfiniteFuture if none.
  size_t depth() const;
  absl::Time oldest() const;

  // Whether there is something that the worker would take if it came.
  std::shared_ptr<const WaitingWork> waiting_work() const { return waiting_work_; }

  // What the shard is asked for.
  ShardLoadMeter& meter() { return meter_; }

 private:
  friend class ShardMailboxes;

  // What goes from one mailbox to another.
  struct Taken {
    std::vector<Item> items;
    absl::Time oldest = absl::InfiniteFuture();  // none came before
  };

  // For a change of the table. Takes out what is for accounts in the range, in order; what is for
  // no account is copied. From now on pushes by tables before `since` are turned away.
  Taken TakeRange(const KeyRange& range, TableEpoch since);
  // Takes out everything; all pushes are turned away.
  Taken TakeAll();
  // Adds what was taken out of another one; bounds do not count.
  void Append(Taken taken, TableEpoch since);
  PushResult PushAnyway(Item&& item);

  struct Weight {
    size_t items = 0;
    size_t bytes = 0;
  };
  static Weight WeightOf(const Item& item);

  PushResult Add(Item& item, const Weight& weight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Count(const Weight& weight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Notify() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteCommands() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // After each change of what waits, or of what is taken.
  void NoteWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const QueueLimits limits_;
  const Clock& clock_;
  ShardLoadMeter meter_;
  const std::shared_ptr<WaitingWork> waiting_work_ = std::make_shared<WaitingWork>();
  mutable Mutex mutex_;
  CondVar ready_;
  std::vector<ShardCommand> commands_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> absorb_waits_{false};  // the first command is one; changed under the lock
  std::vector<Item> items_ ABSL_GUARDED_BY(mutex_);
  absl::Time oldest_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  size_t depth_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  TableEpoch since_ ABSL_GUARDED_BY(mutex_);
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  bool wants_items_ ABSL_GUARDED_BY(mutex_) = true;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// All mailboxes by the ranges of their shards, as of the newest change of the table: also of one
// that is stored and not yet published.
//
// A change takes what waits out of one mailbox and puts it into another before anything newer can
// get there: pushes by an older table come through here, under the same lock as the change, and
// pushes by the new table begin after it is published. So requests for one account are run in the
// order in which they were pushed, whatever happens to its shard (tests/models/epoch_flip.pml).
//
// Thread safety: safe. The lock is taken by changes and by pushes around them only.
class ShardMailboxes {
 public:
  // What could not be pushed, and why.
  struct Refused {
    ShardMailbox::Item requests;
    ShardMailbox::PushResult why;
  };

  // At start.
  void Add(const KeyRange& range, std::shared_ptr<ShardMailbox> mailbox);

  // Pushes requests for accounts that `table` says are `mailbox`'s.
  std::vector<Refused> Push(ShardMailbox& mailbox, ShardMailbox::Item requests, TableEpoch table);
  // Pushes a message to every mailbox that has a part of the range.
  void PushMessage(const KeyRange& range, const ShardRequestBody& body);

  // The range, the end of `from`'s, goes to `to`, with what waits for it.
  void Split(const std::shared_ptr<ShardMailbox>& from, const KeyRange& range,
             std::shared_ptr<ShardMailbox> to, TableEpoch since);
  // Everything of `from`, a neighbour, goes to `to`.
  void Merge(const std::shared_ptr<ShardMailbox>& from, const std::shared_ptr<ShardMailbox>& to,
             TableEpoch since);

 private:
  using Owners = std::map<RoutingKey, std::shared_ptr<ShardMailbox>>;

  const std::shared_ptr<ShardMailbox>& OwnerOf(RoutingKey key) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<Refused> PushByOwner(ShardMailbox::Item requests);

  mutable Mutex mutex_;
  Owners owners_ ABSL_GUARDED_BY(mutex_);  // by the first key of the range
};

}  // namespace shardd
