#pragma once

#include <string>
#include <vector>

#include "server/cross_thread_messaging/message_records.h"
#include "tests/support/shard_fixture.h"

namespace shardd {

// One shard with two accounts that can send each other messages. What the core passes on is given
// back to it, as the runtime would.
class MessageFixture : public ShardFixture {
 protected:
  MessageFixture();

  // From sender_.
  ApplyRequest SendRequest(const std::vector<std::string>& payloads,
                           const AccountRef& receiver) const;
  // The turn in which the request is run.
  TurnResult RunApply(ApplyRequest request);
  // Runs what was passed on, in one turn.
  TurnResult PassOn(std::vector<ShardRequestBody> bodies);
  // The same until nothing is passed on any more; with the other effects of all turns.
  TurnResult Settle(TurnResult turn);

  // Payloads of the stored messages of a type, in the order of their keys; of undeliverable ones,
  // why they are.
  std::vector<std::string> Stored(MessageRecordType type) const;
  std::vector<std::string> Outbox() const { return Stored(MessageRecordType::kOutbox); }
  std::vector<std::string> Mailbox() const { return Stored(MessageRecordType::kMailbox); }

  const AccountRef sender_{"ns", "sender"};
  const AccountRef receiver_{"ns", "receiver"};
};

}  // namespace shardd
