#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/account/routing_key.h"
#include "server/cross_thread_messaging/message.h"

namespace shardd {

// A sender and a receiver: messages from one to the other arrive in the order of their numbers.
struct MessagePair {
  AccountRef sender;
  AccountRef receiver;
  friend auto operator<=>(const MessagePair&, const MessagePair&) = default;
};

// What became of a message that was delivered to its receiver's owner.
enum class DeliveryOutcome : uint8_t {
  kTaken,        // it is durable there, be it as undeliverable
  kBusy,         // the owner had no room for it in its queue
  kOutOfOrder,   // the one before it is not there yet
  kMailboxFull,  // the receiver's mailbox is
};

// What the accounts of one shard have sent and is not known to be with its receivers: which message
// goes next. The messages are stored; this remembers their numbers.
//
// A pair's messages go in order, several at a time. When one is turned away, all that are on their
// way behind it come back too, because each names the one before it; then the pair rests, longer
// each time, and begins again where it stopped. Pairs take turns, so that one that rests, or has
// much to send, holds up no other.
//
// Thread safety: none. A value: what belongs to a range of senders can be taken out of one and put
// into another.
// Invariants: (1) Messages of a pair are given out by rising numbers, and none again before the
// answer to every one given out since. (2) On their way are at most in_flight_max, of a pair at
// most pair_in_flight_max.
class Outbox {
 public:
  struct Bounds {
    size_t messages_max = 0;
    size_t bytes_max = 0;
    size_t in_flight_max = 0;
    size_t pair_in_flight_max = 0;
    absl::Duration rest_min;  // after a refusal; doubled by each that follows
    absl::Duration rest_max;
  };
  // Those of server/base/limits.h.
  static Bounds DefaultBounds();

  explicit Outbox(Bounds bounds = DefaultBounds()) : bounds_(bounds) {}
  Outbox(Outbox&&) = default;
  Outbox& operator=(Outbox&&) = default;

  // Whether so much more may be sent.
  bool HasRoom(size_t messages, size_t bytes) const {
    return count_ + messages <= bounds_.messages_max && bytes_ + bytes <= bounds_.bytes_max;
  }
  // Until when the receiver is taken for full: it said so, and has taken in nothing since. The
  // infinite past: it is not.
  absl::Time FullUntil(const AccountRef& receiver) const;
  // The newest message of the pair that is under way; number 0: none.
  SendNumber Newest(const MessagePair& pair) const;

  // A message is stored. REQUIRES: its number is above Newest(pair). Bounds do not count: what is
  // stored was let in before. `sent`: when.
  void Add(const MessagePair& pair, SendNumber number, size_t bytes, absl::Time sent);

  // The message that goes next, as of `now`; it is on its way then.
  struct Dispatch {
    MessagePair pair;
    SendNumber number;
  };
  std::optional<Dispatch> Next(absl::Time now);

  // The answer to one that was on its way. Whether it was under way at all; if it was, and was
  // taken, it is forgotten.
  bool Settle(const MessagePair& pair, SendNumber number, DeliveryOutcome outcome, absl::Time now);

  // When Next may have something without anything else happening.
  absl::Time wake_at() const;

  // Takes out what accounts of the range have sent.
  Outbox Release(const KeyRange& range);
  // Adds what was taken out of another one, whose senders are not those here.
  void Take(Outbox other);

  size_t count() const { return count_; }
  size_t bytes() const { return bytes_; }
  size_t in_flight() const { return in_flight_; }
  // When the oldest was sent; the infinite future: there is none.
  absl::Time oldest() const { return ages_.empty() ? absl::InfiniteFuture() : *ages_.begin(); }

 private:
  using Ages = std::multiset<absl::Time>;
  struct Item {
    SendNumber number;
    size_t bytes = 0;
    Ages::iterator age;
  };
  struct Lane {
    std::deque<Item> items;  // in the order of their numbers; the first `gone` were given out
    size_t gone = 0;
    size_t unanswered = 0;  // of those
    bool refused = false;   // one of them was turned away
    bool full = false;      // because the receiver's mailbox is full
    bool queued = false;    // in ready_
    absl::Duration rest;
    absl::Time rests_until = absl::InfinitePast();
  };
  using Lanes = std::map<MessagePair, Lane>;

  bool CanGo(const Lane& lane) const;
  // Puts a lane that can give something among the ready ones.
  void Queue(Lanes::iterator lane);
  void Rest(Lanes::iterator lane, absl::Time now);
  void StayAtRest(Lanes::iterator lane);
  void EndRest(Lanes::iterator lane);
  void Forget(Lanes::iterator lane, std::deque<Item>::iterator item);
  void Adopt(Lanes::node_type node);

  Bounds bounds_;
  Lanes lanes_;
  std::deque<Lanes::iterator> ready_;  // each has something to give, so it is not empty
  std::set<std::pair<absl::Time, MessagePair>> resting_;
  std::map<AccountRef, absl::Time> full_until_;
  Ages ages_;  // when each was sent
  size_t count_ = 0;
  size_t bytes_ = 0;
  size_t in_flight_ = 0;
};

}  // namespace shardd
