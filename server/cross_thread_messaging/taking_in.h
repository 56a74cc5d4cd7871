#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "server/cross_thread_messaging/message.h"
#include "server/cross_thread_messaging/message_records.h"
#include "server/routing/undeliverable.h"

namespace shardd {

// What a receiver's mailbox may hold, and how long a chain of messages may be.
struct MailboxBounds {
  uint64_t messages_max = 0;
  uint64_t bytes_max = 0;
  uint32_t hops_max = 0;
};

// The receiver as it is, and how full its mailbox is. Without a record nothing exists.
struct ReceiverState {
  bool exists = false;
  uint64_t message_count = 0;
  uint64_t byte_count = 0;
};

// What becomes of a message that arrives at its receiver's owner.
enum class TakingIn : uint8_t {
  kTakenBefore,    // a repeat: nothing changes
  kOutOfOrder,     // turned away: the one before it is not here
  kMailboxFull,    // turned away
  kUndeliverable,  // kept as that; see the reason
  kReceivable,     // into the mailbox
  kDelayed,        // into the mailbox, to be received later
};
struct TakingInDecision {
  TakingIn what = TakingIn::kTakenBefore;
  UndeliverableReason reason = UndeliverableReason::kNoAccount;  // for kUndeliverable
};

// Decides it. `mark`: the newest that was taken in from its sender, if any is kept.
//
// What is turned away leaves no trace, so that the sender's owner can deliver it again. Everything
// else raises the mark, in the batch that does it; so a message is taken in once, be it as
// undeliverable (tests/models/messages.pml).
TakingInDecision DecideTakingIn(const Message& message, const std::optional<MarkRecord>& mark,
                                const ReceiverState& receiver, const MailboxBounds& bounds,
                                absl::Time now);

}  // namespace shardd
