#include "server/shard_state_operations/account_walk.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/account/record_key.h"
#include "server/base/status_macros.h"
#include "server/shard_state_operations/account_cursor.h"
#include "server/shard_state_operations/records.h"

namespace shardd {
namespace {

// One page in the making.
class PageBuilder {
 public:
  explicit PageBuilder(const AccountPageQuery& query) : query_(query) {}

  bool IsFull() const {
    return examined_ == query_.examined_max || page_.accounts.size() == query_.accounts_max ||
           bytes_ >= limits::kPageBytesMax;
  }

  void Examine(const StoredAccount& account) {
    ++examined_;
    last_examined_ = account.ref;
    const bool wanted =
        !query_.name_space.has_value() || *query_.name_space == account.ref.name_space;
    if (!wanted || !account.record.exists()) return;
    bytes_ += ByteSize(account);
    page_.accounts.push_back({account.ref, account.record});
  }

  AccountPage Take(bool more) {
    if (more) page_.next_position = PositionOf(last_examined_);
    return std::move(page_);
  }

 private:
  // Roughly what it takes in a message.
  static size_t ByteSize(const StoredAccount& account) {
    size_t size = sizeof(AccountRecord) + account.ref.name_space.size() + account.ref.id.size();
    for (const auto& [key, value] : account.record.labels) size += key.size() + value.size();
    return size;
  }

  const AccountPageQuery& query_;
  AccountPage page_;
  size_t examined_ = 0;
  size_t bytes_ = 0;
  AccountRef last_examined_;
};

}  // namespace

// A position is the stored key of the account it follows: those keys sort in the order of the walk,
// whatever home they lie in.
std::string PositionOf(const AccountRef& account) {
  return AccountKeys(account).Key(RecordType::kAccount);
}

std::string FirstPosition() { return ToBytes(kFirstRoutingKey); }

absl::StatusOr<AccountPage> ReadAccountPage(const storage::Reader& reader, const RouteTable& table,
                                            const AccountPageQuery& query) {
  const KeyRange wanted = RangeOfNamespace(query.name_space.value_or(""));
  const absl::string_view position = query.position;
  PageBuilder page(query);
  for (const Route& route : table.routes()) {
    if (!route.range.Overlaps(wanted)) continue;
    const KeyRange range = route.range.Intersection(wanted);
    const storage::KeyBounds bounds = BoundsOf(range);
    if (!bounds.upper.empty() && position >= bounds.upper) continue;
    AccountCursor cursor(reader, route.home, range,
                         position >= bounds.lower ? position : absl::string_view());
    while (cursor.Next()) {
      if (page.IsFull()) return page.Take(true);
      page.Examine(cursor.account());
    }
    SHARDD_RETURN_IF_ERROR(cursor.status());
  }
  return page.Take(false);
}

absl::StatusOr<EntryPage> ReadEntries(const storage::Reader& reader, storage::Family home,
                                      const AccountRef& account, absl::string_view after_key,
                                      size_t bytes_max) {
  const AccountKeys keys(account);
  storage::KeyBounds bounds = keys.Bounds(RecordType::kEntry);
  if (!after_key.empty()) {
    bounds.lower =
        absl::StrCat(keys.Key(RecordType::kEntry, after_key), absl::string_view("\0", 1));
  }
  EntryPage page;
  const std::unique_ptr<storage::Cursor> cursor = reader.NewCursor(home, bounds);
  size_t bytes = 0;
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    if (bytes >= bytes_max) {
      page.more = true;
      return page;
    }
    SHARDD_ASSIGN_OR_RETURN(const EntryRecord record, EntryRecord::Decode(cursor->value()));
    Entry& entry = page.entries.emplace_back();
    entry.key = std::string(cursor->key().substr(keys.prefix_bytes()));
    entry.value = std::string(record.value);
    entry.revision = record.revision;
    bytes += entry.key.size() + entry.value.size();
  }
  SHARDD_RETURN_IF_ERROR(cursor->status());
  return page;
}

}  // namespace shardd
