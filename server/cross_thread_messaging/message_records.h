#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/account/record_key.h"
#include "server/account/routing_key.h"
#include "server/cross_thread_messaging/message.h"
#include "storage/store.h"

namespace shardd {

// The records of messages, byte by byte in storage/FORMAT.md. They lie in a family of their own,
// the type first: what a shard has under way is found without reading its accounts, and a rehome
// leaves them where they are. Decode errors: kStorageCorrupt.

// What a record in the family is. Stored; never reuse a number.
enum class MessageRecordType : uint8_t {
  kOutbox = 1,    // sent, and not yet known to be with its receiver
  kMailbox = 2,   // can be received
  kDelayed = 3,   // can be received later
  kMark = 4,      // the newest message that was taken in from one sender
  kAttempts = 5,  // how often a message in the mailbox was received in vain
  kUndeliverable = 6,  // see server/routing/undeliverable.h
};

// Makes keys:
//   record type (1) | routing key (16) | namespace length (1) | namespace | id length (2) | id |
//   the record's own key
// The account is the sender of what is in an outbox, else the receiver.
std::string MessageKey(MessageRecordType type, const AccountKeys& account,
                       absl::string_view own_key);
// The own keys.
std::string OutboxOwnKey(SendNumber number);
std::string MailboxOwnKey(uint64_t number);
std::string DelayedOwnKey(absl::Time deliver_time, uint64_t number);
std::string MarkOwnKey(const AccountKeys& sender);
absl::StatusOr<AccountRef> ParseMarkOwnKey(absl::string_view own_key);  // the sender
std::string UndeliverableOwnKey(const AccountKeys& sender, SendNumber number);

// All records of one type, of one account or of all in a range.
storage::KeyBounds MessageBounds(MessageRecordType type, const AccountKeys& account);
storage::KeyBounds MessageBounds(MessageRecordType type, const KeyRange& range);

// A key taken apart. `account` is a copy; `own_key` points into the key.
struct MessageRecordKey {
  MessageRecordType type = MessageRecordType::kOutbox;
  AccountRef account;
  absl::string_view own_key;
};
absl::StatusOr<MessageRecordKey> ParseMessageKey(absl::string_view key);
absl::StatusOr<SendNumber> ParseOutboxOwnKey(absl::string_view own_key);
absl::StatusOr<uint64_t> ParseMailboxOwnKey(absl::string_view own_key);
struct DelayedMessage {
  absl::Time deliver_time;
  uint64_t number = 0;
};
absl::StatusOr<DelayedMessage> ParseDelayedOwnKey(absl::string_view own_key);

// A message without its receiver, who stands in the key.
std::string EncodeMessage(const Message& message);
absl::StatusOr<Message> DecodeMessage(AccountRef receiver, absl::string_view bytes);

// A message in an outbox.
std::string EncodeOutbox(const Message& message);
absl::StatusOr<Message> DecodeOutbox(absl::string_view bytes);

struct MarkRecord {
  SendNumber number;
  absl::Time time;  // when it was taken in

  std::string Encode() const;
  static absl::StatusOr<MarkRecord> Decode(absl::string_view bytes);
};

struct AttemptsRecord {
  uint32_t attempts = 0;  // that ended without an acknowledgement
  absl::Time first_time;  // of the end of the first
  absl::Time last_time;   // of the last
  absl::Time not_before;  // it is not received again before

  std::string Encode() const;
  static absl::StatusOr<AttemptsRecord> Decode(absl::string_view bytes);
};

}  // namespace shardd
