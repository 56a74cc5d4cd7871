#include "server/account/account_record.h"

#include "absl/strings/str_cat.h"
#include "server/account/account_ref.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace shardd {
namespace {

constexpr uint8_t kAccountVersion = 1;
// Of an account that has, or had, messages. Without them the first version does, so that a folder
// need not be rewritten, and most accounts are a few bytes smaller.
constexpr uint8_t kAccountWithMailboxVersion = 2;

absl::Status Corrupt() {
  return Error(Reason::kStorageCorrupt, "a stored account record cannot be read");
}

}  // namespace

int64_t ToStoredTime(absl::Time time) { return absl::ToUnixMicros(time); }
absl::Time FromStoredTime(int64_t microseconds) { return absl::FromUnixMicros(microseconds); }

std::string AccountRecord::Encode() const {
  const bool with_mailbox = mailbox != MailboxState();
  ByteWriter writer(64);
  writer.Byte(with_mailbox ? kAccountWithMailboxVersion : kAccountVersion)
      .Byte(static_cast<uint8_t>(state))
      .Varint(revision)
      .Varint(entry_count)
      .Varint(byte_count)
      .Varint(limits.entries_max)
      .Varint(limits.bytes_max)
      .Signed(ToStoredTime(create_time))
      .Signed(ToStoredTime(update_time))
      .Varint(outcome_first)
      .Varint(outcome_next)
      .Signed(ToStoredTime(outcome_oldest_time))
      .Varint(labels.size());
  for (const auto& [key, value] : labels) writer.Bytes(key).Bytes(value);
  if (with_mailbox) {
    writer.Varint(mailbox.first)
        .Varint(mailbox.next)
        .Varint(mailbox.count)
        .Varint(mailbox.bytes)
        .Varint(mailbox.delayed)
        .Varint(mailbox.orphans_end);
  }
  return writer.Take();
}

absl::StatusOr<AccountRecord> AccountRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  const uint8_t state = reader.Byte();
  if ((version != kAccountVersion && version != kAccountWithMailboxVersion) ||
      state < static_cast<uint8_t>(AccountState::kActive) ||
      state > static_cast<uint8_t>(AccountState::kDeleted)) {
    return Corrupt();
  }
  AccountRecord record;
  record.state = static_cast<AccountState>(state);
  record.revision = reader.Varint();
  record.entry_count = reader.Varint();
  record.byte_count = reader.Varint();
  record.limits.entries_max = reader.Varint();
  record.limits.bytes_max = reader.Varint();
  record.create_time = FromStoredTime(reader.Signed());
  record.update_time = FromStoredTime(reader.Signed());
  record.outcome_first = reader.Varint();
  record.outcome_next = reader.Varint();
  record.outcome_oldest_time = FromStoredTime(reader.Signed());
  const uint64_t label_count = reader.Varint();
  for (uint64_t i = 0; i < label_count && reader.ok(); ++i) {
    std::string key(reader.Bytes());
    record.labels.emplace(std::move(key), std::string(reader.Bytes()));
  }
  if (version == kAccountWithMailboxVersion) {
    record.mailbox.first = reader.Varint();
    record.mailbox.next = reader.Varint();
    record.mailbox.count = reader.Varint();
    record.mailbox.bytes = reader.Varint();
    record.mailbox.delayed = reader.Varint();
    record.mailbox.orphans_end = reader.Varint();
  }
  const MailboxState& mailbox = record.mailbox;
  const bool plausible = record.revision > 0 && record.outcome_first <= record.outcome_next &&
                         mailbox.first <= mailbox.next && mailbox.count <= mailbox.next &&
                         mailbox.delayed <= mailbox.count &&
                         mailbox.orphans_end <= mailbox.next &&
                         (version == kAccountVersion) == (mailbox == MailboxState());
  if (!reader.Done() || record.labels.size() != label_count || !plausible) return Corrupt();
  return record;
}

absl::Status ValidateLabels(const Labels& labels) {
  if (labels.size() > limits::kAccountLabelsMax) {
    return InvalidField("labels", absl::StrCat("has ", labels.size(), " labels; at most ",
                                               limits::kAccountLabelsMax, " are allowed"));
  }
  for (const auto& [key, value] : labels) {
    if (key.empty() || key.size() > limits::kLabelKeyBytesMax || !IsUtf8(key)) {
      return InvalidField("labels",
                          absl::StrCat("has a key of ", key.size(), " bytes; a key must be 1 to ",
                                       limits::kLabelKeyBytesMax, " bytes of UTF-8"));
    }
    if (value.size() > limits::kLabelValueBytesMax || !IsUtf8(value)) {
      return InvalidField("labels", absl::StrCat("has a value of ", value.size(),
                                                 " bytes; a value must be at most ",
                                                 limits::kLabelValueBytesMax, " bytes of UTF-8"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateLimits(const AccountLimits& wanted) {
  if (wanted.entries_max > limits::kAccountEntriesMax) {
    return InvalidField("limits.entries_max",
                        absl::StrCat("is ", wanted.entries_max, "; at most ",
                                     limits::kAccountEntriesMax, " is allowed"));
  }
  if (wanted.bytes_max > limits::kAccountBytesMax) {
    return InvalidField("limits.bytes_max", absl::StrCat("is ", wanted.bytes_max, "; at most ",
                                                         limits::kAccountBytesMax, " is allowed"));
  }
  return absl::OkStatus();
}

}  // namespace shardd
