#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "server/cross_thread_messaging/message_rates.h"

namespace shardd {

// What has become of the messages of one shard since its owner began.
struct MessageCounts {
  uint64_t sent = 0;           // stored with their senders' commits
  uint64_t delivered = 0;      // taken into mailboxes
  uint64_t received = 0;       // handed to consumers, each time
  uint64_t redelivered = 0;    // of these, not for the first time
  uint64_t acknowledged = 0;   // with their receivers' commits
  uint64_t undeliverable = 0;  // that became so
};

// The messages of one shard, for those who watch it.
struct MessageStatus {
  MessageCounts counts;
  uint64_t outbox_count = 0;  // sent, and not known to be in their mailboxes
  absl::Time outbox_oldest = absl::InfiniteFuture();  // when the oldest of these was sent
  uint64_t undeliverable_count = 0;  // that are kept
  std::vector<MessageRate> rates;  // of those taken into mailboxes, by where they come from
};

}  // namespace shardd
