#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "server/core/event.h"
#include "server/cross_thread_messaging/mailboxes.h"
#include "server/cross_thread_messaging/outbox.h"
#include "server/routing/undeliverables.h"
#include "server/shard_state_operations/change_history.h"
#include "server/shard_state_operations/records.h"

namespace shardd {

// A watch of an account.
struct Watch {
  std::string account;         // AccountKeys::name()
  RoutingKey key;              // of the account
  uint64_t next_revision = 0;  // the first to be told
  uint64_t seen_revision = 0;  // of the account; may be lower
};

// What an owner knows of a range and has not stored, as a value: it goes to the next owner with the
// range. Requests that wait are in the mailbox and go with that.
struct HandOver {
  ShardStats stats;
  std::map<CallId, Watch> watches;
  ChangeHistory history;
  // Namespaces that are being deleted, or were and are not created again; by the order in which
  // they were closed.
  std::map<std::string, uint64_t, std::less<>> closed_namespaces;
  Outbox outbox;
  Mailboxes mailboxes{limits::kMailboxesPerShardMax};
  uint64_t next_lease = 0;      // no token so high was given
  Undeliverables undeliverables{{limits::kUndeliverableMessagesMax,
                                 limits::kUndeliverableBytesMax}};
  std::set<AccountRef> redriven;  // accounts that get what was undeliverable
  std::set<AccountRef> orphaned;  // accounts whose mailboxes are from before their deletion
  size_t cache_bytes = 0;  // what the next owner may use
  absl::Time since;        // when the owner stopped, if it did before the table was changed
  absl::Time paused_until = absl::InfinitePast();
};

}  // namespace shardd
