#include "server/cross_thread_messaging/undeliverable_page.h"

#include <algorithm>
#include <utility>

#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/cross_thread_messaging/message_records.h"

namespace shardd {
namespace {

absl::StatusOr<StoredUndeliverable> Decode(const AccountRef& receiver, absl::string_view own_key,
                                           absl::string_view bytes) {
  StoredUndeliverable stored;
  stored.own_key = std::string(own_key);
  SHARDD_ASSIGN_OR_RETURN(stored.record, UndeliverableRecord::Decode(bytes));
  SHARDD_ASSIGN_OR_RETURN(stored.message, DecodeMessage(receiver, stored.record.message));
  stored.record.message.clear();
  return stored;
}

}  // namespace

absl::StatusOr<UndeliverablePage> ReadUndeliverablePage(const storage::Reader& reader,
                                                        const UndeliverablePageQuery& query) {
  const KeyRange all{kFirstRoutingKey, std::nullopt};
  const storage::KeyBounds bounds =
      MessageBounds(MessageRecordType::kUndeliverable,
                    query.name_space.empty() ? all : RangeOfNamespace(query.name_space));
  UndeliverablePage page;
  size_t bytes = 0;
  size_t examined = 0;
  const auto cursor = reader.NewCursor(storage::kMessages, bounds);
  for (cursor->Seek(std::max(bounds.lower, query.position)); cursor->Valid(); cursor->Next()) {
    if (page.messages.size() == query.messages_max || bytes >= limits::kPageBytesMax ||
        examined++ == limits::kPageExaminedMax) {
      page.next_position = std::string(cursor->key());
      break;
    }
    SHARDD_ASSIGN_OR_RETURN(const MessageRecordKey key, ParseMessageKey(cursor->key()));
    // Another namespace may share the hash.
    if (!query.name_space.empty() && key.account.name_space != query.name_space) continue;
    bytes += cursor->value().size();
    SHARDD_ASSIGN_OR_RETURN(page.messages.emplace_back(),
                            Decode(key.account, key.own_key, cursor->value()));
  }
  SHARDD_RETURN_IF_ERROR(cursor->status());
  return page;
}

absl::StatusOr<std::optional<StoredUndeliverable>> FindUndeliverable(const storage::Reader& reader,
                                                                     const AccountRef& receiver,
                                                                     const std::string& own_key) {
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(
      const bool found,
      reader.Get(storage::kMessages,
                 MessageKey(MessageRecordType::kUndeliverable, AccountKeys(receiver), own_key),
                 &bytes));
  if (!found) return std::nullopt;
  SHARDD_ASSIGN_OR_RETURN(StoredUndeliverable stored, Decode(receiver, own_key, bytes));
  return stored;
}

}  // namespace shardd
