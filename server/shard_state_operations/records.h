#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/account/account_record.h"
#include "server/base/error.h"
#include "server/base/hash.h"
#include "server/base/ids.h"
#include "server/shard_state_operations/requests.h"

namespace shardd {

// Records a shard stores beside its accounts, byte by byte in storage/FORMAT.md. Decode errors:
// kStorageCorrupt.

// One entry. The value is a view into the bytes decoded.
struct EntryRecord {
  uint64_t revision = 0;
  absl::string_view value;

  std::string Encode() const;
  static absl::StatusOr<EntryRecord> Decode(absl::string_view bytes);
};

// The first answer to a request that named itself.
struct OutcomeRecord {
  Hash128 fingerprint;
  absl::Time time;
  // Why it was refused; kUnspecified if it took effect.
  Reason reason = Reason::kUnspecified;
  std::string message;
  std::map<std::string, std::string> metadata;  // of the refusal
  // If it took effect: what it answered. `account` is empty for an Apply.
  uint64_t revision = 0;
  std::vector<MutationResult> results;
  std::optional<AccountRecord> account;

  bool applied() const { return reason == Reason::kUnspecified; }
  // The error it answered. REQUIRES: !applied()
  absl::Status error() const;
  std::string Encode() const;
  static absl::StatusOr<OutcomeRecord> Decode(absl::string_view bytes);
};

// Names the request that was answered at some place in an account's order of outcomes.
struct OutcomeOrderRecord {
  absl::Time time;
  std::string request_id;

  std::string Encode() const;
  static absl::StatusOr<OutcomeOrderRecord> Decode(absl::string_view bytes);
};

// What a shard holds, kept up to date in the batches that change it.
struct ShardStats {
  uint64_t account_count = 0;
  uint64_t entry_count = 0;
  uint64_t byte_count = 0;
  // The highest revision of any account that was forgotten here; a new account starts above it, so
  // that revisions never fall for a name that is used again.
  uint64_t revision_floor = 0;

  std::string Encode() const;
  static absl::StatusOr<ShardStats> Decode(absl::string_view bytes);
  friend bool operator==(const ShardStats&, const ShardStats&) = default;
};

// Its key in meta.
std::string ShardStatsKey(ShardId shard);

}  // namespace shardd
