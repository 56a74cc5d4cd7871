#include "server/shard_state_operations/shard_reader.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/shard_state_operations/page_token.h"

namespace shardd {
namespace {

// The part of a scan's answer that depends on the query alone: a page token is good for this query
// only.
Hash128 QueryHash(const ScanRequest& request) {
  return StableHash128(ByteWriter()
                           .Bytes("scan")
                           .Bytes(request.account.name_space)
                           .Bytes(request.account.id)
                           .Bytes(request.prefix)
                           .Bytes(request.start)
                           .Bytes(request.end)
                           .Byte(request.reverse)
                           .Byte(request.keys_only)
                           .view());
}

// The stored keys a scan covers, after the place its token names.
storage::KeyBounds ScanBounds(const AccountKeys& keys, const ScanRequest& request,
                              absl::string_view resume_after) {
  storage::KeyBounds bounds = keys.Bounds(RecordType::kEntry, request.prefix);
  if (!request.start.empty()) {
    bounds.lower = std::max(bounds.lower, keys.Key(RecordType::kEntry, request.start));
  }
  if (!request.end.empty()) {
    bounds.upper = std::min(bounds.upper, keys.Key(RecordType::kEntry, request.end));
  }
  if (!resume_after.empty()) {
    std::string place = keys.Key(RecordType::kEntry, resume_after);
    if (request.reverse) {
      bounds.upper = std::min(bounds.upper, place);
    } else {
      place.push_back('\0');  // the next possible key
      bounds.lower = std::max(bounds.lower, place);
    }
  }
  return bounds;
}

absl::Status TooMuch() {
  return InvalidField("keys", absl::StrCat("name entries of more than ", limits::kFrameReadBytesMax,
                                           " bytes together; ask for fewer at once"));
}

}  // namespace

absl::Status AccountNotFound(const AccountRef& account) {
  return Error(Reason::kAccountNotFound,
               absl::StrCat("account \"", account.id, "\" does not exist in namespace \"",
                            account.name_space, "\""));
}

absl::StatusOr<std::optional<AccountRecord>> ShardReader::FindAccount(
    const AccountKeys& keys) const {
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(const bool found,
                          reader_.Get(home_, keys.Key(RecordType::kAccount), &bytes));
  if (!found) return std::nullopt;
  SHARDD_ASSIGN_OR_RETURN(AccountRecord record, AccountRecord::Decode(bytes));
  return record;
}

absl::StatusOr<std::optional<EntryRecord>> ShardReader::FindEntry(const AccountKeys& keys,
                                                                  absl::string_view key,
                                                                  std::string* bytes) const {
  SHARDD_ASSIGN_OR_RETURN(const bool found,
                          reader_.Get(home_, keys.Key(RecordType::kEntry, key), bytes));
  if (!found) return std::nullopt;
  SHARDD_ASSIGN_OR_RETURN(const EntryRecord record, EntryRecord::Decode(*bytes));
  return record;
}

absl::StatusOr<std::optional<OutcomeRecord>> ShardReader::FindOutcome(
    const AccountKeys& keys, absl::string_view request_id) const {
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(const bool found,
                          reader_.Get(home_, keys.Key(RecordType::kOutcome, request_id), &bytes));
  if (!found) return std::nullopt;
  SHARDD_ASSIGN_OR_RETURN(OutcomeRecord record, OutcomeRecord::Decode(bytes));
  return record;
}

absl::StatusOr<OutcomeOrderRecord> ShardReader::ReadOutcomeOrder(const AccountKeys& keys,
                                                                 uint64_t number) const {
  const std::string own_key = ByteWriter().Fixed64(number).Take();
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(const bool found,
                          reader_.Get(home_, keys.Key(RecordType::kOutcomeOrder, own_key), &bytes));
  if (!found) {
    return Error(Reason::kStorageCorrupt, absl::StrCat("outcome number ", number, " is missing"));
  }
  return OutcomeOrderRecord::Decode(bytes);
}

absl::StatusOr<GetResult> ShardReader::Get(const GetRequest& request) const {
  const AccountKeys keys(request.account);
  GetResult result;
  std::string bytes;
  size_t value_bytes = 0;
  for (const std::string& key : request.keys) {
    SHARDD_ASSIGN_OR_RETURN(const std::optional<EntryRecord> entry, FindEntry(keys, key, &bytes));
    if (entry.has_value()) {
      value_bytes += entry->value.size();
      if (value_bytes > limits::kFrameReadBytesMax) return TooMuch();
      result.entries.push_back(Entry{key, std::string(entry->value), entry->revision});
    } else {
      result.missing_keys.push_back(key);
    }
  }
  // An account that has an entry exists.
  if (!result.entries.empty()) return result;
  SHARDD_ASSIGN_OR_RETURN(const std::optional<AccountRecord> account, FindAccount(keys));
  if (!account.has_value() || !account->exists()) return AccountNotFound(request.account);
  return result;
}

absl::StatusOr<ScanResult> ShardReader::Scan(const ScanRequest& request) const {
  const AccountKeys keys(request.account);
  SHARDD_ASSIGN_OR_RETURN(const std::optional<AccountRecord> account, FindAccount(keys));
  if (!account.has_value() || !account->exists()) return AccountNotFound(request.account);
  const Hash128 query = QueryHash(request);
  SHARDD_ASSIGN_OR_RETURN(const std::string resume_after,
                          DecodePageToken(request.page_token, query));
  const storage::KeyBounds bounds = ScanBounds(keys, request, resume_after);
  ScanResult result;
  result.revision = account->revision;
  if (bounds.lower >= bounds.upper) return result;

  const size_t page_size = PageSize(request.page_size);
  const std::unique_ptr<storage::Cursor> cursor = reader_.NewCursor(home_, bounds);
  size_t bytes = 0;
  request.reverse ? cursor->SeekToLast() : cursor->SeekToFirst();
  while (cursor->Valid()) {
    if (result.entries.size() == page_size || bytes >= limits::kPageBytesMax) {
      result.next_page_token = EncodePageToken(query, result.entries.back().key);
      break;
    }
    SHARDD_ASSIGN_OR_RETURN(const EntryRecord record, EntryRecord::Decode(cursor->value()));
    Entry& entry = result.entries.emplace_back();
    entry.key = std::string(cursor->key().substr(keys.prefix_bytes()));
    entry.revision = record.revision;
    if (!request.keys_only) entry.value = std::string(record.value);
    bytes += entry.key.size() + entry.value.size();
    request.reverse ? cursor->Prev() : cursor->Next();
  }
  SHARDD_RETURN_IF_ERROR(cursor->status());
  return result;
}

absl::StatusOr<GetResult> GetFromStore(const storage::Store& store, storage::Family home,
                                       const GetRequest& request) {
  if (request.keys.size() == 1) {
    const std::string& key = request.keys[0];
    std::string bytes;
    SHARDD_ASSIGN_OR_RETURN(
        const std::optional<EntryRecord> entry,
        ShardReader(store, home).FindEntry(AccountKeys(request.account), key, &bytes));
    if (entry.has_value()) {
      GetResult result;
      result.entries.push_back(Entry{key, std::string(entry->value), entry->revision});
      return result;
    }
  }
  const std::unique_ptr<storage::Reader> snapshot = store.Snapshot();
  return ShardReader(*snapshot, home).Get(request);
}

absl::StatusOr<AccountResult> GetAccountFrom(const storage::Reader& reader, storage::Family home,
                                             const AccountRef& account) {
  SHARDD_ASSIGN_OR_RETURN(std::optional<AccountRecord> record,
                          ShardReader(reader, home).FindAccount(AccountKeys(account)));
  if (!record.has_value() || !record->exists()) return AccountNotFound(account);
  return AccountResult{account, *std::move(record)};
}

}  // namespace shardd
