#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/account/account_ref.h"

namespace shardd {

// The place of a message among all that its sender has sent: the revision of the sender's commit,
// and which of that commit's messages it is. It only rises, because revisions only rise, also for a
// name that is used again.
struct SendNumber {
  uint64_t revision = 0;  // 1 or more; 0: no message
  uint32_t index = 0;
  friend constexpr auto operator<=>(SendNumber, SendNumber) = default;
};

using Headers = std::map<std::string, std::string>;

// What an account asks to be sent. The meaning is in proto/shardd/v1; the fields are the same.
struct Send {
  AccountRef receiver;
  std::string message_id;  // empty: one is made
  Headers headers;
  std::string payload;
  absl::Duration delay;                                  // not to be received before
  absl::Duration time_to_live = absl::ZeroDuration();    // zero: for ever
  std::optional<AccountRef> reply_to;
  uint32_t attempts_max = 0;  // 0: the default
};

// A message on its way, or in its receiver's mailbox.
struct Message {
  AccountRef sender;
  AccountRef receiver;
  SendNumber number;
  // The one before it to the same receiver that was not yet known to be there: this one must not
  // be taken in before that. Number 0: none.
  SendNumber after;
  std::string id;
  Headers headers;
  std::string payload;
  std::optional<AccountRef> reply_to;
  absl::Time send_time;
  absl::Time deliver_time = absl::InfinitePast();   // not to be received before
  absl::Time expire_time = absl::InfiniteFuture();  // not to be received after
  uint32_t hops = 0;  // messages that led to it, each sent in the commit that took the one before
  uint32_t attempts_max = 0;

  // What it counts for in a mailbox: its id, headers and payload.
  size_t ByteSize() const;
  friend bool operator==(const Message&, const Message&) = default;
};

// OK, or kInvalidField naming what is out of bounds and what is allowed. `field` is where the send
// stands in its request, like "sends[2]".
absl::Status Validate(const Send& send, absl::string_view field);

// The message that `send` becomes at `now`; `number` and `after` are left to the sender's owner.
Message MakeMessage(Send send, const AccountRef& sender, absl::Time now);

}  // namespace shardd
