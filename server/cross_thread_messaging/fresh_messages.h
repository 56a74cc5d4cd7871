#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "server/account/account_ref.h"
#include "server/account/routing_key.h"
#include "server/cross_thread_messaging/message.h"

namespace shardd {

// Messages that have just come into the mailboxes of a shard and were not handed out yet, so that
// one that is received soon is not read again; at most `bytes_max` of them, and the oldest make
// room. Each is stored too: who does not find one here reads it.
//
// Thread safety: none.
class FreshMessages {
 public:
  explicit FreshMessages(size_t bytes_max) : bytes_max_(bytes_max) {}

  // `key`: of the receiver. `number`: the message's in its mailbox, not given before.
  void Add(RoutingKey key, uint64_t number, Message message);

  // nullptr: it is not here. Else it was never handed out. Valid until the next call that changes anything.
  const Message* Find(const AccountRef& receiver, RoutingKey key, uint64_t number) const;
  // Takes out what Find has found.
  Message Take(RoutingKey key, uint64_t number);
  // The message is handed out, or gone.
  void Forget(RoutingKey key, uint64_t number);

  // Needed when messages have left mailboxes without being handed out, since a mailbox that is made
  // anew gives their numbers again.
  void Clear();

  size_t bytes() const { return bytes_; }

 private:
  using Place = std::pair<RoutingKey, uint64_t>;
  struct Hash {
    // A routing key is a hash already.
    size_t operator()(const Place& place) const { return place.first.low + place.second; }
  };
  using Messages = std::list<std::pair<Place, Message>>;

  static size_t Weight(const Message& message);

  size_t bytes_max_;
  size_t bytes_ = 0;
  Messages messages_;  // the oldest first
  absl::flat_hash_map<Place, Messages::iterator, Hash> places_;
};

}  // namespace shardd
