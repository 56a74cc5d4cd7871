#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/account/routing_key.h"

namespace shardd {

// Which undeliverable messages a shard keeps, how many there may be, and how old they are. The
// messages are stored; this remembers where.
//
// Thread safety: none. A value: what belongs to a range of receivers can be taken out of one and
// put into another.
class Undeliverables {
 public:
  struct Bounds {
    size_t messages_max = 0;
    size_t bytes_max = 0;
  };

  explicit Undeliverables(Bounds bounds) : bounds_(bounds) {}
  Undeliverables(Undeliverables&&) = default;
  Undeliverables& operator=(Undeliverables&&) = default;

  // Whether so much more may be kept.
  bool HasRoom(size_t messages, size_t bytes) const {
    return count_ + messages <= bounds_.messages_max && bytes_ + bytes <= bounds_.bytes_max;
  }
  struct Item {
    absl::Time first_time;
    size_t bytes = 0;
    bool awaits_receiver = false;  // goes on by itself when the receiver is created
  };
  // `own_key`: of its record, below the receiver; what is there under it is replaced, as its record
  // is. Bounds do not count: what is stored was let in before.
  void Add(const AccountRef& receiver, std::string own_key, const Item& item);
  // Harmless if it is not there.
  void Remove(const AccountRef& receiver, absl::string_view own_key);

  // Of those that await their receiver: the first `count_max` keys, in order; whose there are.
  std::vector<std::string> Awaiting(const AccountRef& receiver, size_t count_max) const;
  std::vector<AccountRef> Awaited() const;

  size_t count() const { return count_; }
  size_t bytes() const { return bytes_; }
  // Since when the oldest is there; the infinite future: there is none.
  absl::Time oldest() const { return times_.empty() ? absl::InfiniteFuture() : *times_.begin(); }

  Undeliverables Release(const KeyRange& range);
  // Adds what was taken out of another one, whose receivers are not those here.
  void Take(Undeliverables other);

 private:
  using Items = std::map<std::string, Item, std::less<>>;

  void Count(const Items& items, bool added);

  Bounds bounds_;
  std::map<AccountRef, Items> receivers_;  // none is without items
  std::multiset<absl::Time> times_;
  size_t count_ = 0;
  size_t bytes_ = 0;
};

}  // namespace shardd
