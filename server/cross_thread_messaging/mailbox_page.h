#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/cross_thread_messaging/message.h"
#include "server/cross_thread_messaging/message_records.h"
#include "storage/store.h"

namespace shardd {

// Reads what is in a mailbox without visiting its owner, and without receiving it: for people who
// want to see why something is stuck. Errors: kStorageCorrupt, kStorageFailed.

struct StoredMessage {
  uint64_t number = 0;  // its place in the mailbox
  Message message;
  AttemptsRecord attempts;  // all that were in vain
};

struct MailboxPageQuery {
  AccountRef account;
  uint64_t start_number = 0;  // the first that may be in it
  size_t messages_max = 0;
};

// In the order in which they are received.
struct MailboxPage {
  std::vector<StoredMessage> messages;
  std::optional<uint64_t> next_number;  // where the next page begins; nullopt: there is none
};

// Reads a page; it also ends at kPageBytesMax. Delayed messages are not in it before their time.
absl::StatusOr<MailboxPage> ReadMailboxPage(const storage::Reader& reader,
                                            const MailboxPageQuery& query);

}  // namespace shardd
