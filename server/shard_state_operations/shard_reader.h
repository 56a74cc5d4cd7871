#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/account/record_key.h"
#include "server/shard_state_operations/records.h"
#include "server/shard_state_operations/requests.h"
#include "storage/store.h"

namespace shardd {

// Reads the records of accounts from one home.
//
// Thread safety: that of the reader given. Errors of all methods: kStorageCorrupt, kStorageFailed,
// and those named.
class ShardReader {
 public:
  ShardReader(const storage::Reader& reader, storage::Family home) : reader_(reader), home_(home) {}

  // nullopt if there is no record; a deleted account still has one.
  absl::StatusOr<std::optional<AccountRecord>> FindAccount(const AccountKeys& keys) const;

  // nullopt if there is no such entry. `*bytes` receives the record's bytes, into which the value
  // points.
  absl::StatusOr<std::optional<EntryRecord>> FindEntry(const AccountKeys& keys,
                                                       absl::string_view key,
                                                       std::string* bytes) const;

  absl::StatusOr<std::optional<OutcomeRecord>> FindOutcome(const AccountKeys& keys,
                                                           absl::string_view request_id) const;
  absl::StatusOr<OutcomeOrderRecord> ReadOutcomeOrder(const AccountKeys& keys,
                                                      uint64_t number) const;

  // The entries asked for. kAccountNotFound. REQUIRES: the reader sees one moment, and
  // Validate(request) is OK.
  absl::StatusOr<GetResult> Get(const GetRequest& request) const;

  // A page of entries. kAccountNotFound, kInvalidPageToken. REQUIRES: likewise.
  absl::StatusOr<ScanResult> Scan(const ScanRequest& request) const;

  const storage::Reader& reader() const { return reader_; }
  storage::Family home() const { return home_; }

 private:
  const storage::Reader& reader_;
  const storage::Family home_;
};

// Get for any thread, on the latest commits of `store`, without visiting the worker that owns the
// shard.
//
// Why this is linearizable: a commit becomes visible to readers of the store after it is on stable
// storage and before its OK is sent, all of it at once, in one order for the whole store. Reading
// one key, found, reads one moment between call and answer: the write behind it is durable, and
// every write that was answered before the call is visible. Everything else (several keys, an
// absent key, which needs the account record too) reads a snapshot, which is one such moment.
absl::StatusOr<GetResult> GetFromStore(const storage::Store& store, storage::Family home,
                                       const GetRequest& request);

// The account, or kAccountNotFound.
absl::StatusOr<AccountResult> GetAccountFrom(const storage::Reader& reader, storage::Family home,
                                             const AccountRef& account);

// kAccountNotFound for this account.
absl::Status AccountNotFound(const AccountRef& account);

}  // namespace shardd
