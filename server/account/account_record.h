#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/limits.h"

namespace shardd {

// Stored; never reuse a number.
enum class AccountState : uint8_t {
  kActive = 1,
  kFrozen = 2,
  // Kept for a while after a deletion: it remembers the revision and the outcomes of requests.
  kDeleted = 3,
};

// Bounds on one account's state; 0 means the daemon's maximum.
struct AccountLimits {
  uint64_t entries_max = 0;
  uint64_t bytes_max = 0;

  uint64_t EntriesAllowed() const {
    return entries_max == 0 ? limits::kAccountEntriesMax : entries_max;
  }
  uint64_t BytesAllowed() const { return bytes_max == 0 ? limits::kAccountBytesMax : bytes_max; }
  friend bool operator==(const AccountLimits&, const AccountLimits&) = default;
};

// The mailbox of an account: its messages are numbered in the order of their coming. All zero as
// long as none ever came.
struct MailboxState {
  uint64_t first = 0;   // no message has a lower number
  uint64_t next = 0;    // of the next message
  uint64_t count = 0;   // of messages, those to be received later included
  uint64_t bytes = 0;
  uint64_t delayed = 0;  // of messages to be received later
  // Messages with lower numbers came before the account was deleted: nobody receives them.
  uint64_t orphans_end = 0;

  bool HasOrphans() const { return first < orphans_end; }

  friend bool operator==(const MailboxState&, const MailboxState&) = default;
};

using Labels = std::map<std::string, std::string>;

// An account without its entries, as stored (storage/FORMAT.md, "Account").
struct AccountRecord {
  AccountState state = AccountState::kActive;
  uint64_t revision = 0;
  uint64_t entry_count = 0;
  uint64_t byte_count = 0;
  AccountLimits limits;
  absl::Time create_time;
  absl::Time update_time;
  // Outcomes are numbered in the order stored; those in [first, next) are kept. The oldest one's
  // time is kept here so that a write need not look for outdated ones.
  uint64_t outcome_first = 0;
  uint64_t outcome_next = 0;
  absl::Time outcome_oldest_time;
  Labels labels;
  MailboxState mailbox;

  bool exists() const { return state != AccountState::kDeleted; }
  std::string Encode() const;
  // Errors: kStorageCorrupt.
  static absl::StatusOr<AccountRecord> Decode(absl::string_view bytes);
  friend bool operator==(const AccountRecord&, const AccountRecord&) = default;
};

// OK, or kInvalidField naming what is wrong and what is allowed.
absl::Status ValidateLabels(const Labels& labels);
absl::Status ValidateLimits(const AccountLimits& wanted);

// Times are stored in microseconds since 1970.
int64_t ToStoredTime(absl::Time time);
absl::Time FromStoredTime(int64_t microseconds);

}  // namespace shardd
