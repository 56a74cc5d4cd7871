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
#include <vector>

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

// A line of accounts: a namespace; whether it is that of accounts of whom messages are held.
using LineName = std::pair<std::string, bool>;

struct MailboxNews {
  // Who has got into a line, and whether into that of those of whom messages are held.
  std::vector<std::pair<AccountRef, bool>> came;
  std::map<LineName, bool> lines;  // whether somebody is in it now, where that has changed
  bool empty() const { return came.empty() && lines.empty(); }
};

// A message that a consumer holds, and what need not be read again when it is done with.
struct LentMessage {
  uint64_t token = 0;
  absl::Time until;  // the lease is valid before
  size_t bytes = 0;  // Message::ByteSize
  uint32_t hops = 0;
  uint32_t attempts = 0;  // before this one
  uint32_t attempts_max = 0;
};

// Which accounts of one shard have messages to be received, and which of those messages consumers
// hold. The messages are stored; this remembers where they are.
//
// An account stands in line once, however many messages it has, and goes to the end when one was
// handed out: accounts take turns. A namespace has two lines. Those of whom a consumer holds a
// message stand in the second, from which only he is served who asks for several of an account at a
// time: so an account's messages are processed in order, by however many consumers.
//
// Thread safety: none. A value: what belongs to a range can be taken out of one and put into
// another.
// Invariants: (1) An account is in line, waits for a time, or is neither because its messages are
// held. (2) At most accounts_max are remembered, and one for each namespace, but for those whose
// messages are held. (3) A namespace of which some are not remembered has somebody in its first
// line, or MustBeLookedFor: nobody keeps the messages of others from being received.
class Mailboxes {
 public:
  explicit Mailboxes(size_t accounts_max) : accounts_max_(accounts_max) {}
  Mailboxes(Mailboxes&&) = default;
  Mailboxes& operator=(Mailboxes&&) = default;

  // The account has a message that can be received from `when` on; an earlier time replaces a later
  // one. If there is no room, complete() turns false, and who waits longest is forgotten or who is
  // last in the longest line. An account that could be served and is not remembered is news as if it
  // had got in line: who asks for it by name is served. Returns whether it is remembered.
  bool Note(const AccountRef& account, absl::Time when, absl::Time now);
  // Accounts whose time has come get in line. Call it before Next.
  void Advance(absl::Time now);

  // The account of the namespace whose turn it is, taken out of the line: say by Lend what was
  // handed out, and by Note whether there is more. nullopt: none.
  std::optional<AccountRef> Next(const std::string& name_space, bool several);
  // Whether this one is in line, or may have been forgotten; it is taken out likewise.
  bool Pick(const AccountRef& account, bool several);

  // REQUIRES: the message is not lent.
  void Lend(const AccountRef& account, uint64_t number, LentMessage lent);
  // What is held under a lease that is valid as of `now`; nullptr: it is not. Valid until the next
  // call that changes anything.
  const LentMessage* Find(const AccountRef& account, Lease lease, absl::Time now) const;
  // The same, be the lease valid or not; nullptr: it is not lent.
  const LentMessage* FindLent(const AccountRef& account, uint64_t number) const;
  // Puts the end of a lease off. REQUIRES: it is lent.
  void Extend(const AccountRef& account, uint64_t number, absl::Time until);
  // The message was acknowledged, or given back. REQUIRES: it is lent.
  LentMessage EndLease(const AccountRef& account, uint64_t number);
  // Nothing of the account is lent any more, or to be received.
  void Forget(const AccountRef& account);
  bool IsLent(const AccountRef& account, uint64_t number) const {
    return FindLent(account, number) != nullptr;
  }
  size_t LentCount(const AccountRef& account) const;
  // The lease that has passed first; it must be ended.
  struct Passed {
    AccountRef account;
    uint64_t number = 0;
  };
  std::optional<Passed> FirstPassed(absl::Time now) const;

  // When Advance or FirstPassed may have something to do.
  absl::Time wake_at() const;
  // Whether every account with messages is remembered.
  bool complete() const { return complete_; }
  // Whether it is time to note all again, after SetComplete: some are not remembered, and there is
  // much room, the time of one of them has come, or its namespace has nobody else.
  bool MustBeLookedFor(absl::Time now) const {
    return !complete_ &&
           (starves_ || remembered() <= accounts_max_ / 2 || forgotten_until_ <= now);
  }
  void SetComplete();
  // Somebody has begun to look, and did not end it.
  void SetIncomplete() {
    complete_ = false;
    starves_ = true;
  }

  // What has changed since it was asked last.
  MailboxNews TakeNews();

  // Takes out what is in the range.
  Mailboxes Release(const KeyRange& range);
  void Take(Mailboxes other);

  size_t size() const { return boxes_.size(); }
  size_t lent() const { return leases_.size(); }

 private:
  using Line = std::list<AccountRef>;
  struct Box {
    std::map<uint64_t, LentMessage> lent;  // by number
    std::optional<Line::iterator> place;   // in the second line if anything is lent
    absl::Time waits_until = absl::InfiniteFuture();
  };
  using Boxes = std::map<AccountRef, Box>;

  static LineName LineOf(const Boxes::value_type& box) {
    return {box.first.name_space, !box.second.lent.empty()};
  }
  std::optional<AccountRef> First(const LineName& name);
  void GetInLine(Boxes::iterator box);
  void LeaveLine(Boxes::iterator box);
  void Wait(Boxes::iterator box, absl::Time until);
  void EndWait(Boxes::iterator box);
  // Those that the bound is for.
  size_t remembered() const { return boxes_.size() - holding_; }
  // Whether the account can be remembered; others make room.
  bool MakeRoomToWait(absl::Time until);
  bool MakeRoomInLine(const std::string& name_space);
  void ForgetLastWaiting();
  // An account of which there is nothing to say is forgotten.
  void ForgetIfDone(Boxes::iterator box);
  // Those in line, first come first.
  std::vector<AccountRef> InLine(const KeyRange& range) const;
  Boxes::node_type Extract(Boxes::iterator box);
  Boxes::iterator Adopt(Boxes::node_type node);

  size_t accounts_max_;
  Boxes boxes_;
  std::map<LineName, Line> lines_;  // none is empty
  std::set<std::pair<absl::Time, AccountRef>> waiting_;
  std::set<std::tuple<absl::Time, AccountRef, uint64_t>> leases_;
  size_t holding_ = 0;  // boxes of which something is lent
  bool complete_ = true;
  absl::Time forgotten_until_ = absl::InfiniteFuture();  // the first time of one that had to wait
  std::set<std::string> forgotten_;  // namespaces of those that could be served
  bool starves_ = false;             // one of these has nobody in line
  std::vector<std::pair<AccountRef, bool>> came_;  // since TakeNews
  std::set<LineName> touched_;                     // that began or ended since
  std::set<LineName> said_;                        // that somebody was in, when last asked
};

}  // namespace shardd
