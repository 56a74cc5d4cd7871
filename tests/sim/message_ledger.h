#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/account/account_record.h"
#include "server/cross_thread_messaging/receiving.h"
#include "storage/store.h"
#include "tests/sim/trace.h"
#include "tests/sim/verdict.h"

namespace shardd::sim {

class Model;

// A message, whatever became of it.
struct MessageName {
  AccountRef sender;
  SendNumber number;
  friend auto operator<=>(const MessageName&, const MessageName&) = default;
};

// What was sent by a commit.
struct ModelSend {
  SendNumber number;
  AccountRef receiver;
  std::string payload;
  uint64_t serial = 0;  // counts all that was sent in a run of the simulator
};

// What an account has to do with messages, by its commits.
struct ModelMessages {
  std::vector<ModelSend> sent;
  std::set<MessageName> dealt_with;              // acknowledged
  std::map<AccountRef, SendNumber> newest_from;  // of those that were not delayed, by sender
};

// Follows every message from the commit that sends it to the one that acknowledges it: who holds
// it, and whether it is where it should be. What was sent and acknowledged is the model's, which
// knows which commits have survived.
//
// Thread safety: none.
class MessageLedger {
 public:
  // A message that reached a consumer.
  struct Delivered {
    AccountRef account;
    Lease lease;
  };

  MessageLedger(Verdict& verdict, Trace& trace) : verdict_(verdict), trace_(trace) {}

  uint64_t NextSerial() { return next_serial_++; }

  // Leases, as a consumer may rely on them.
  bool Held(const AccountRef& account, Lease lease, absl::Time now) const;
  bool AllHeld(const AccountRef& account, const std::vector<Lease>& leases, absl::Time now) const;
  void Received(const AccountRef& account, const ReceiveResult& result, absl::Time now,
                const Model& model);
  void Extended(const AccountRef& account, const std::vector<Lease>& leases, absl::Time until);
  // Acknowledged or given back. Returns what was held.
  std::vector<Message> Ended(const AccountRef& account, const std::vector<Lease>& leases);
  void Deleted(const AccountRef& account);
  // What the accounts of a namespace had is gone.
  void Purged(const std::string& name_space) { purged_[name_space] = next_serial_; }
  void Died() { held_.clear(); }

  void Reached(const ReceiveResult& result);
  // All that ever reached a consumer, oldest first.
  const std::vector<Delivered>& reached() const { return reached_; }

  // Everything stored, with no turn in flight. `record_of`: the stored record of an account.
  using RecordOf = std::function<std::optional<AccountRecord>(const AccountRef&)>;
  void Check(const storage::Reader& reader, const Model& model, const RecordOf& record_of);
  // The first message that is under way or still to be received; none: all have arrived.
  static std::optional<std::string> StillToArrive(const storage::Reader& reader);

 private:
  struct Holding {
    uint64_t token = 0;
    absl::Time until;
    Message message;
  };

  void Fail(const std::string& what) { verdict_.Fail(what); }

  Verdict& verdict_;
  Trace& trace_;
  uint64_t next_serial_ = 1;
  std::map<AccountRef, std::map<uint64_t, Holding>> held_;  // by number in the mailbox
  std::map<AccountRef, std::set<uint64_t>> tokens_;       // all ever given
  std::vector<Delivered> reached_;
  std::map<std::string, uint64_t> purged_;  // what was sent before may be gone
};

}  // namespace shardd::sim
