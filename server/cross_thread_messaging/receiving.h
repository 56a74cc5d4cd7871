#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/cross_thread_messaging/mailboxes.h"
#include "server/cross_thread_messaging/message.h"

namespace shardd {

// What consumers ask of mailboxes, as plain values. The meaning of each is in proto/shardd/v1.

// How messages are handed out.
struct ReceiveTerms {
  size_t messages_max = 1;
  absl::Duration lease;  // how long they are held
  // Whether one account may have several out at a time; else its messages come one by one.
  bool several = false;
};

// The messages of one account.
struct ReceiveRequest {
  AccountRef account;
  ReceiveTerms terms;
};
// Those of any account that one shard has of a namespace.
struct ReceiveAnyRequest {
  std::string name_space;
  std::optional<std::pair<std::string, std::string>> label;  // that the account must have
  ReceiveTerms terms;
};

struct ReceivedMessage {
  Message message;
  Lease lease;
  absl::Time until;
  uint32_t attempt = 1;  // 1: it was never received before
};
struct ReceiveResult {
  std::vector<ReceivedMessage> messages;  // none: nothing is there to be received
  size_t bytes = 0;                       // what they weigh in an answer, at most

  void Add(ReceivedMessage message);
};

// Puts off the end of leases, all of them or none: kMessageLeaseEnded.
struct ExtendLeasesRequest {
  AccountRef account;
  std::vector<Lease> leases;
  absl::Duration lease;  // from now on
};
// Gives messages back, all of them or none: kMessageLeaseEnded.
struct NackRequest {
  AccountRef account;
  std::vector<Lease> leases;
  absl::Duration delay;  // they are not received again before
  // Whether it counts as an attempt; not if the messages did not reach a consumer. Then there is no
  // delay.
  bool counts = true;
};
// Until when the messages are held, or not received again.
struct LeasesResult {
  absl::Time until;
};

// Sends an undeliverable message anew, or throws it away. kUndeliverableNotFound, and for one that
// has nowhere to go still: kAccountNotFound, kAccountMailboxFull.
struct SettleUndeliverableRequest {
  AccountRef account;   // its receiver
  std::string own_key;  // of its record, see message_records.h
  bool redrive = false;
};
struct UndeliverableSettled {};

// OK, or kInvalidField naming what is out of bounds and what is allowed.
absl::Status Validate(const ReceiveRequest& request);
absl::Status Validate(const ReceiveAnyRequest& request);
absl::Status Validate(const ExtendLeasesRequest& request);
absl::Status Validate(const NackRequest& request);
absl::Status Validate(const SettleUndeliverableRequest& request);
// The same for the leases that a request names in a field; there may be none.
absl::Status ValidateLeases(absl::string_view field, const std::vector<Lease>& leases);

// What a request weighs in a queue: its memory, with all that it points to.
size_t ByteSize(const ReceiveRequest& request);
size_t ByteSize(const ReceiveAnyRequest& request);
size_t ByteSize(const ExtendLeasesRequest& request);
size_t ByteSize(const NackRequest& request);
size_t ByteSize(const SettleUndeliverableRequest& request);

}  // namespace shardd
