#include "server/cross_thread_messaging/taking_in.h"

namespace shardd {

TakingInDecision DecideTakingIn(const Message& message, const std::optional<MarkRecord>& mark,
                                const ReceiverState& receiver, const MailboxBounds& bounds,
                                absl::Time now) {
  const SendNumber newest = mark.has_value() ? mark->number : SendNumber();
  if (message.number <= newest) return {TakingIn::kTakenBefore};
  if (message.after > newest) return {TakingIn::kOutOfOrder};
  const bool full = receiver.message_count >= bounds.messages_max ||
                    receiver.byte_count + message.ByteSize() > bounds.bytes_max;
  const auto undeliverable = [](UndeliverableReason reason) {
    return TakingInDecision{TakingIn::kUndeliverable, reason};
  };
  if (!receiver.exists) return undeliverable(UndeliverableReason::kNoAccount);
  if (message.hops > bounds.hops_max) return undeliverable(UndeliverableReason::kTooManyHops);
  if (now >= message.expire_time) {
    return undeliverable(full ? UndeliverableReason::kMailboxFull : UndeliverableReason::kExpired);
  }
  if (full) return {TakingIn::kMailboxFull};
  return {message.deliver_time > now ? TakingIn::kDelayed : TakingIn::kReceivable};
}

}  // namespace shardd
