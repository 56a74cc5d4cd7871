#include "server/shard_state_operations/account_cursor.h"

#include <utility>

#include "server/account/record_key.h"
#include "server/base/status_macros.h"

namespace shardd {

AccountCursor::AccountCursor(const storage::Reader& reader, storage::Family home,
                             const KeyRange& range, absl::string_view position)
    : cursor_(reader.NewCursor(home, BoundsOf(range))), position_(position) {}

bool AccountCursor::Next() {
  if (!status_.ok() || (started_ && !cursor_->Valid())) return false;
  if (std::exchange(started_, true)) {
    cursor_->Next();
  } else if (position_.empty()) {
    cursor_->SeekToFirst();
  } else {
    SeekPastAccount();
  }
  while (cursor_->Valid()) {
    const absl::StatusOr<RecordKey> key = ParseRecordKey(cursor_->key());
    if (!key.ok()) {
      status_ = key.status();
      return false;
    }
    if (key->type == RecordType::kAccount) {
      absl::StatusOr<AccountRecord> record = AccountRecord::Decode(cursor_->value());
      if (!record.ok()) {
        status_ = record.status();
        return false;
      }
      account_.ref = AccountRef{std::string(key->name_space), std::string(key->id)};
      account_.record = *std::move(record);
      position_ = std::string(cursor_->key());
      record_bytes_ = cursor_->key().size() + cursor_->value().size();
      return true;
    }
    // The account records of one routing key come before its other records: on to the next routing
    // key.
    const std::optional<RoutingKey> next = Successor(key->routing_key);
    if (!next.has_value()) return false;
    cursor_->Seek(ToBytes(*next));
  }
  status_ = cursor_->status();
  return false;
}

void AccountCursor::SeekPastAccount() {
  std::string after = position_;
  after.push_back('\0');
  cursor_->Seek(after);
}

}  // namespace shardd
