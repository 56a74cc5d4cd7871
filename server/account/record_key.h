#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/account/account_ref.h"
#include "server/account/routing_key.h"
#include "storage/store.h"

namespace shardd {

// What a record in a home is. Stored; never reuse a number. Account records come first, so that a
// walk finds an account before its parts.
enum class RecordType : uint8_t {
  kAccount = 1,
  kEntry = 2,
  kOutcome = 3,
  kOutcomeOrder = 4,
};

// Makes the keys of one account's records (storage/FORMAT.md, "Keys in a home"):
//   routing key (16) | record type (1) | namespace length (1) | namespace | id length (2) | id |
//   the record's own key
// Every key begins with the routing key, so a shard's range is one interval of keys, whichever home
// it lies in.
class AccountKeys {
 public:
  explicit AccountKeys(const AccountRef& ref);

  RoutingKey routing_key() const { return routing_key_; }
  std::string Key(RecordType type, absl::string_view own_key = {}) const;
  // All records of one type whose own key begins with `own_prefix`.
  storage::KeyBounds Bounds(RecordType type, absl::string_view own_prefix = {}) const;
  // How long a key is before the record's own key.
  size_t prefix_bytes() const { return kRoutingKeyBytes + 1 + name_.size(); }
  // The bytes that stand for the account itself: equal for equal accounts only.
  const std::string& name() const { return name_; }

 private:
  RoutingKey routing_key_;
  std::string name_;  // namespace and id with their lengths
};

// A key taken apart. The views point into the key.
struct RecordKey {
  RoutingKey routing_key;
  RecordType type = RecordType::kAccount;
  absl::string_view name_space;
  absl::string_view id;
  absl::string_view own_key;
};

// Errors: kStorageCorrupt for anything AccountKeys never makes.
absl::StatusOr<RecordKey> ParseRecordKey(absl::string_view key);

// The keys of all records in a range of routing keys.
storage::KeyBounds BoundsOf(const KeyRange& range);

// The first key after all that begin with `prefix`; empty if there is none.
std::string PrefixEnd(std::string prefix);

}  // namespace shardd
