#include "server/cross_thread_messaging/mailbox_page.h"

#include <string>

#include "server/base/limits.h"
#include "server/base/status_macros.h"

namespace shardd {

absl::StatusOr<MailboxPage> ReadMailboxPage(const storage::Reader& reader,
                                            const MailboxPageQuery& query) {
  const AccountKeys keys(query.account);
  MailboxPage page;
  size_t bytes = 0;
  const auto cursor = reader.NewCursor(storage::kMessages,
                                       MessageBounds(MessageRecordType::kMailbox, keys));
  cursor->Seek(MessageKey(MessageRecordType::kMailbox, keys, MailboxOwnKey(query.start_number)));
  for (; cursor->Valid(); cursor->Next()) {
    SHARDD_ASSIGN_OR_RETURN(const MessageRecordKey key, ParseMessageKey(cursor->key()));
    SHARDD_ASSIGN_OR_RETURN(const uint64_t number, ParseMailboxOwnKey(key.own_key));
    if (page.messages.size() == query.messages_max || bytes >= limits::kPageBytesMax) {
      page.next_number = number;
      break;
    }
    bytes += cursor->value().size();
    StoredMessage& stored = page.messages.emplace_back();
    stored.number = number;
    SHARDD_ASSIGN_OR_RETURN(stored.message, DecodeMessage(query.account, cursor->value()));
    std::string attempts;
    SHARDD_ASSIGN_OR_RETURN(
        const bool tried,
        reader.Get(storage::kMessages,
                   MessageKey(MessageRecordType::kAttempts, keys, MailboxOwnKey(number)),
                   &attempts));
    if (!tried) continue;
    SHARDD_ASSIGN_OR_RETURN(stored.attempts, AttemptsRecord::Decode(attempts));
  }
  SHARDD_RETURN_IF_ERROR(cursor->status());
  return page;
}

}  // namespace shardd
