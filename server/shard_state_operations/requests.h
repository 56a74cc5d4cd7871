#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "server/account/account_record.h"
#include "server/account/account_ref.h"
#include "server/base/hash.h"
#include "server/cross_thread_messaging/mailboxes.h"
#include "server/cross_thread_messaging/message.h"

namespace shardd {

// What can be asked of a shard, as plain values. The meaning of each is in proto/shardd/v1; the
// fields are the same.

struct EntryExists {
  std::string key;
};
struct EntryAbsent {
  std::string key;
};
struct EntryRevisionIs {
  std::string key;
  uint64_t revision = 0;
};
struct EntryValueIs {
  std::string key;
  std::string value;
};
struct AccountRevisionIs {
  uint64_t revision = 0;
};
using Precondition =
    std::variant<EntryExists, EntryAbsent, EntryRevisionIs, EntryValueIs, AccountRevisionIs>;

struct Put {
  std::string key;
  std::string value;
};
struct Delete {
  std::string key;
};
struct DeletePrefix {
  std::string prefix;
};
struct AddInteger {
  std::string key;
  int64_t delta = 0;
};
struct Append {
  std::string key;
  std::string value;
};
using Mutation = std::variant<Put, Delete, DeletePrefix, AddInteger, Append>;

struct MutationResult {
  int64_t integer = 0;
  uint64_t deleted = 0;
  uint64_t length = 0;
  friend bool operator==(const MutationResult&, const MutationResult&) = default;
};

struct ApplyRequest {
  AccountRef account;
  std::string request_id;
  bool create_account = false;
  std::vector<Precondition> preconditions;
  std::vector<Mutation> mutations;
  std::vector<Lease> acks;  // messages of the account's mailbox that this request deals with
  std::vector<Send> sends;
};
struct ApplyResult {
  uint64_t revision = 0;
  std::vector<MutationResult> results;
  bool replayed = false;
};

struct CreateAccountRequest {
  AccountRef account;
  std::string request_id;
  Labels labels;
  AccountLimits limits;
};
struct UpdateAccountRequest {
  AccountRef account;
  std::string request_id;
  std::optional<Labels> labels;
  std::optional<AccountLimits> limits;
  std::optional<AccountState> state;  // kActive or kFrozen
  uint64_t expected_revision = 0;     // 0: any
};
struct DeleteAccountRequest {
  AccountRef account;
  std::string request_id;
  uint64_t expected_revision = 0;  // 0: any
};
struct GetAccountRequest {
  AccountRef account;
};
// The answer to the four above; a deleted account is shown as it was, with the revision of the
// deletion.
struct AccountResult {
  AccountRef account;
  AccountRecord record;
};

struct Entry {
  std::string key;
  std::string value;
  uint64_t revision = 0;
  friend bool operator==(const Entry&, const Entry&) = default;
};

struct GetRequest {
  AccountRef account;
  std::vector<std::string> keys;
};
struct GetResult {
  std::vector<Entry> entries;
  std::vector<std::string> missing_keys;
};

struct ScanRequest {
  AccountRef account;
  std::string prefix;
  std::string start;
  std::string end;  // empty: no end
  bool reverse = false;
  bool keys_only = false;
  size_t page_size = 0;  // 0: the default
  std::string page_token;
};
struct ScanResult {
  std::vector<Entry> entries;
  std::string next_page_token;
  uint64_t revision = 0;
};

struct GetOutcomeRequest {
  AccountRef account;
  std::string request_id;
  bool forbid = false;
};
enum class RequestOutcome : uint8_t { kUnknown, kApplied, kNotApplied };
struct OutcomeResult {
  RequestOutcome outcome = RequestOutcome::kUnknown;
  ApplyResult applied;
  absl::Status refused;
};

// Asks for the changes of an account from a revision on; 0: from the next change on.
struct WatchRequest {
  AccountRef account;
  uint64_t start_revision = 0;
};
// Ends a watch; named by the call that began it.
struct UnwatchRequest {
  AccountRef account;
};

struct EntryChange {
  std::string key;
  std::optional<std::string> value;  // nullopt: deleted
};
// All that one commit did to an account.
struct AccountChange {
  uint64_t revision = 0;
  std::vector<EntryChange> entries;  // in key order
  bool created = false;
  bool deleted = false;
  bool updated = false;

  size_t ByteSize() const;
};

// OK, or an error that names what is out of bounds and what is allowed. Called before a request is
// queued.
absl::Status Validate(const ApplyRequest& request);
absl::Status Validate(const CreateAccountRequest& request);
absl::Status Validate(const UpdateAccountRequest& request);
absl::Status Validate(const DeleteAccountRequest& request);
absl::Status Validate(const GetAccountRequest& request);
absl::Status Validate(const GetRequest& request);
absl::Status Validate(const ScanRequest& request);
absl::Status Validate(const GetOutcomeRequest& request);
absl::Status Validate(const WatchRequest& request);

// Two requests with one request_id are the same request if and only if these agree.
Hash128 Fingerprint(const ApplyRequest& request);
Hash128 Fingerprint(const CreateAccountRequest& request);
Hash128 Fingerprint(const UpdateAccountRequest& request);
Hash128 Fingerprint(const DeleteAccountRequest& request);

// What a request weighs in a queue: its memory, with all that it points to.
size_t ByteSize(const ApplyRequest& request);
size_t ByteSize(const CreateAccountRequest& request);
size_t ByteSize(const UpdateAccountRequest& request);
size_t ByteSize(const DeleteAccountRequest& request);
size_t ByteSize(const GetRequest& request);
size_t ByteSize(const ScanRequest& request);
size_t ByteSize(const GetOutcomeRequest& request);
size_t ByteSize(const WatchRequest& request);

// What an answer to a read weighs in a message, at most.
size_t ByteSize(const GetResult& result);
size_t ByteSize(const ScanResult& result);

}  // namespace shardd
