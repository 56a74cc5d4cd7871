#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/account/routing_key.h"

namespace shardd {

// Names one time that a message was handed to a consumer.
struct Lease {
  uint64_t number = 0;  // of the message in its mailbox
  uint64_t token = 0;   // never used twice for one account
  friend constexpr auto operator<=>(Lease, Lease) = default;
};

// Which accounts of one shard have messages to be received, and which of those messages consumers
// hold. The messages are stored; this remembers where they are.
//
// An account stands in the line of its namespace once, however many messages it has, and goes to
// its end when one was handed out: accounts take turns. While a consumer holds one of its messages
// the account is passed over, unless several at a time are asked for: so its messages are processed
// in order, by however many consumers.
//
// Thread safety: none. A value: what belongs to a range can be taken out of one and put into
// another.
// Invariants: (1) An account is in line, waits for a time, or is neither because its messages are
// held. (2) At most accounts_max are remembered, but for those whose messages are held.
class Mailboxes {
 public:
  explicit Mailboxes(size_t accounts_max) : accounts_max_(accounts_max) {}
  Mailboxes(Mailboxes&&) = default;
  Mailboxes& operator=(Mailboxes&&) = default;

  // The account has a message that can be received from `when` on; an earlier time replaces a later
  // one. If there is no room for it, complete() turns false, and somebody must look for it again.
  void Note(const AccountRef& account, absl::Time when, absl::Time now);
  // Accounts whose time has come get in line. Call it before Next.
  void Advance(absl::Time now);

  // The account of the namespace whose turn it is, taken out of the line: say by Lend what was
  // handed out, and by Note whether there is more. nullopt: none.
  std::optional<AccountRef> Next(const std::string& name_space, bool several);
  // Whether this one is in line; if so, it is taken out likewise.
  bool Pick(const AccountRef& account, bool several);

  void Lend(const AccountRef& account, Lease lease, absl::Time until);
  // Until when the lease is valid; nullopt: it is not, as of `now`.
  std::optional<absl::Time> Until(const AccountRef& account, Lease lease, absl::Time now) const;
  // Puts the end of a valid lease off. REQUIRES: Until is not nullopt.
  void Extend(const AccountRef& account, Lease lease, absl::Time until);
  // The message was acknowledged, or given back. REQUIRES: it is lent.
  void EndLease(const AccountRef& account, uint64_t number);
  bool IsLent(const AccountRef& account, uint64_t number) const;
  bool HoldsAny(const AccountRef& account) const;
  // A lease that has passed; it is ended.
  struct Passed {
    AccountRef account;
    uint64_t number = 0;
  };
  std::optional<Passed> NextPassed(absl::Time now);

  // When Advance or NextPassed may have something to do.
  absl::Time wake_at() const;
  // Whether every account with messages is remembered. Complete says that all were noted again.
  bool complete() const { return complete_; }
  void SetComplete() { complete_ = true; }
  // Whether so few are remembered that it is time to look for more.
  bool HasMuchRoom() const { return boxes_.size() < accounts_max_ / 2; }

  // Takes out what is in the range.
  Mailboxes Release(const KeyRange& range);
  void Take(Mailboxes other);

  size_t size() const { return boxes_.size(); }
  size_t lent() const { return leases_.size(); }
  bool HasReady(const std::string& name_space) const { return lines_.contains(name_space); }

 private:
  struct Lent {
    uint64_t token = 0;
    absl::Time until;
  };
  using Line = std::list<AccountRef>;
  struct Box {
    std::map<uint64_t, Lent> lent;  // by number
    std::optional<Line::iterator> place;
    absl::Time waits_until = absl::InfiniteFuture();
  };
  using Boxes = std::map<AccountRef, Box>;

  const Lent* FindLent(const AccountRef& account, uint64_t number) const;
  void GetInLine(Boxes::iterator box);
  void LeaveLine(Boxes::iterator box);
  void Wait(Boxes::iterator box, absl::Time until);
  void EndWait(Boxes::iterator box);
  // An account of which there is nothing to say is forgotten.
  void ForgetIfDone(Boxes::iterator box);
  Boxes::iterator Adopt(Boxes::node_type node);

  size_t accounts_max_;
  Boxes boxes_;
  std::map<std::string, Line> lines_;  // by namespace; none is empty
  std::set<std::pair<absl::Time, AccountRef>> waiting_;
  std::set<std::tuple<absl::Time, AccountRef, uint64_t>> leases_;
  bool complete_ = true;
};

}  // namespace shardd
