#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/account/account_record.h"
#include "server/account/account_ref.h"
#include "server/account/routing_key.h"
#include "storage/store.h"

namespace shardd {

// An account's record with its name.
struct StoredAccount {
  AccountRef ref;
  AccountRecord record;
};

// Walks the account records of a range in one home, in key order, passing over everything between
// them with one seek per account. Deleted accounts that still have a record are shown too.
//
// Thread safety: none. Holds a view of `reader` until destroyed.
//   AccountCursor cursor(reader, home, range);
//   while (cursor.Next()) Use(cursor.account());
//   SHARDD_RETURN_IF_ERROR(cursor.status());
class AccountCursor {
 public:
  // `position`: where an earlier cursor over the same range stood; it goes on with the account
  // after it.
  AccountCursor(const storage::Reader& reader, storage::Family home, const KeyRange& range,
                absl::string_view position = {});

  // To the next account; false at the end and on errors.
  bool Next();
  const StoredAccount& account() const { return account_; }

  // The stored key of the account last shown; empty before the first.
  const std::string& position() const { return position_; }
  // Of the key and the value it is stored in.
  size_t record_bytes() const { return record_bytes_; }
  absl::Status status() const { return status_; }

 private:
  void SeekPastAccount();

  std::unique_ptr<storage::Cursor> cursor_;
  StoredAccount account_;
  std::string position_;
  size_t record_bytes_ = 0;
  bool started_ = false;
  absl::Status status_;
};

}  // namespace shardd
