#include "server/cross_thread_messaging/message_records.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/account/account_record.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace shardd {
namespace {

// One for each record type, in the record's first byte.
constexpr uint8_t kMessageVersion = 1;
constexpr uint8_t kOutboxVersion = 1;
constexpr uint8_t kMarkVersion = 1;
constexpr uint8_t kAttemptsVersion = 1;

// Stored instead of a time that was not given. No message is of 1970.
constexpr int64_t kNoTime = 0;

absl::Status Corrupt(absl::string_view what) {
  return Error(Reason::kStorageCorrupt, absl::StrCat("a stored ", what, " cannot be read"));
}

absl::Status CorruptKey(absl::string_view key) {
  return Error(
      Reason::kStorageCorrupt,
      absl::StrCat("a stored key of a message is of no known form: ", absl::BytesToHexString(key)));
}

bool IsType(uint8_t byte) {
  return byte >= static_cast<uint8_t>(MessageRecordType::kOutbox) &&
         byte <= static_cast<uint8_t>(MessageRecordType::kUndeliverable);
}

std::string Prefix(MessageRecordType type) { return std::string(1, static_cast<char>(type)); }

void PutRef(ByteWriter& writer, const AccountRef& ref) {
  writer.Bytes(ref.name_space).Bytes(ref.id);
}

AccountRef TakeRef(ByteReader& reader) {
  AccountRef ref;
  ref.name_space = std::string(reader.Bytes());
  ref.id = std::string(reader.Bytes());
  return ref;
}

void PutNumber(ByteWriter& writer, SendNumber number) {
  writer.Varint(number.revision).Varint(number.index);
}

SendNumber TakeNumber(ByteReader& reader) {
  SendNumber number;
  number.revision = reader.Varint();
  number.index = static_cast<uint32_t>(reader.Varint());
  return number;
}

}  // namespace

std::string MessageKey(MessageRecordType type, const AccountKeys& account,
                       absl::string_view own_key) {
  return ByteWriter(account.prefix_bytes() + own_key.size())
      .Byte(static_cast<uint8_t>(type))
      .Fixed64(account.routing_key().high)
      .Fixed64(account.routing_key().low)
      .Raw(account.name())
      .Raw(own_key)
      .Take();
}

std::string OutboxOwnKey(SendNumber number) {
  // An index fits 16 bits: one commit sends far fewer.
  const auto index = static_cast<uint16_t>(number.index);
  return ByteWriter(10).Fixed64(number.revision).Fixed16(index).Take();
}

std::string MailboxOwnKey(uint64_t number) { return ByteWriter(8).Fixed64(number).Take(); }

std::string DelayedOwnKey(absl::Time deliver_time, uint64_t number) {
  return ByteWriter(16)
      .Fixed64(static_cast<uint64_t>(ToStoredTime(deliver_time)))
      .Fixed64(number)
      .Take();
}

std::string MarkOwnKey(const AccountKeys& sender) { return sender.name(); }

std::string UndeliverableOwnKey(const AccountKeys& sender, SendNumber number) {
  return sender.name() + OutboxOwnKey(number);
}

storage::KeyBounds MessageBounds(MessageRecordType type, const AccountKeys& account) {
  std::string lower = MessageKey(type, account, "");
  std::string upper = PrefixEnd(lower);
  return {std::move(lower), std::move(upper)};
}

storage::KeyBounds MessageBounds(MessageRecordType type, const KeyRange& range) {
  const std::string prefix = Prefix(type);
  return {prefix + ToBytes(range.start),
          range.end.has_value() ? prefix + ToBytes(*range.end) : PrefixEnd(prefix)};
}

absl::StatusOr<MessageRecordKey> ParseMessageKey(absl::string_view key) {
  ByteReader reader(key);
  const uint8_t type = reader.Byte();
  RoutingKey routing_key;
  routing_key.high = reader.Fixed64();
  routing_key.low = reader.Fixed64();
  MessageRecordKey parsed;
  parsed.account.name_space = std::string(reader.Raw(reader.Byte()));
  parsed.account.id = std::string(reader.Raw(reader.Fixed16()));
  parsed.own_key = reader.rest();
  if (!reader.ok() || !IsType(type) || parsed.account.id.empty() || parsed.own_key.empty() ||
      parsed.account.routing_key() != routing_key) {
    return CorruptKey(key);
  }
  parsed.type = static_cast<MessageRecordType>(type);
  return parsed;
}

absl::StatusOr<SendNumber> ParseOutboxOwnKey(absl::string_view own_key) {
  ByteReader reader(own_key);
  SendNumber number;
  number.revision = reader.Fixed64();
  number.index = reader.Fixed16();
  if (!reader.Done() || number.revision == 0) return CorruptKey(own_key);
  return number;
}

absl::StatusOr<uint64_t> ParseMailboxOwnKey(absl::string_view own_key) {
  ByteReader reader(own_key);
  const uint64_t number = reader.Fixed64();
  if (!reader.Done()) return CorruptKey(own_key);
  return number;
}

absl::StatusOr<AccountRef> ParseMarkOwnKey(absl::string_view own_key) {
  ByteReader reader(own_key);
  AccountRef sender;
  sender.name_space = std::string(reader.Raw(reader.Byte()));
  sender.id = std::string(reader.Raw(reader.Fixed16()));
  if (!reader.Done() || sender.id.empty()) return CorruptKey(own_key);
  return sender;
}

absl::StatusOr<DelayedMessage> ParseDelayedOwnKey(absl::string_view own_key) {
  ByteReader reader(own_key);
  DelayedMessage delayed;
  delayed.deliver_time = FromStoredTime(static_cast<int64_t>(reader.Fixed64()));
  delayed.number = reader.Fixed64();
  if (!reader.Done()) return CorruptKey(own_key);
  return delayed;
}

std::string EncodeMessage(const Message& message) {
  ByteWriter writer(64 + message.ByteSize());
  writer.Byte(kMessageVersion);
  PutRef(writer, message.sender);
  PutNumber(writer, message.number);
  PutNumber(writer, message.after);
  writer.Bytes(message.id).Varint(message.headers.size());
  for (const auto& [key, value] : message.headers) writer.Bytes(key).Bytes(value);
  writer.Byte(message.reply_to.has_value() ? 1 : 0);
  if (message.reply_to.has_value()) PutRef(writer, *message.reply_to);
  const bool delayed = message.deliver_time != absl::InfinitePast();
  const bool expires = message.expire_time != absl::InfiniteFuture();
  writer.Signed(ToStoredTime(message.send_time))
      .Signed(delayed ? ToStoredTime(message.deliver_time) : kNoTime)
      .Signed(expires ? ToStoredTime(message.expire_time) : kNoTime)
      .Varint(message.hops)
      .Varint(message.attempts_max)
      .Raw(message.payload);
  return writer.Take();
}

absl::StatusOr<Message> DecodeMessage(AccountRef receiver, absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  Message message;
  message.receiver = std::move(receiver);
  message.sender = TakeRef(reader);
  message.number = TakeNumber(reader);
  message.after = TakeNumber(reader);
  message.id = std::string(reader.Bytes());
  const uint64_t header_count = reader.Varint();
  for (uint64_t i = 0; i < header_count && reader.ok(); ++i) {
    std::string key(reader.Bytes());
    message.headers.emplace(std::move(key), std::string(reader.Bytes()));
  }
  const uint8_t replies = reader.Byte();
  if (replies == 1) message.reply_to = TakeRef(reader);
  message.send_time = FromStoredTime(reader.Signed());
  const int64_t deliver = reader.Signed();
  if (deliver != kNoTime) message.deliver_time = FromStoredTime(deliver);
  const int64_t expire = reader.Signed();
  if (expire != kNoTime) message.expire_time = FromStoredTime(expire);
  message.hops = static_cast<uint32_t>(reader.Varint());
  message.attempts_max = static_cast<uint32_t>(reader.Varint());
  message.payload = std::string(reader.rest());
  const bool plausible = message.number.revision > 0 && message.after < message.number &&
                         !message.sender.id.empty() && message.attempts_max > 0 && replies <= 1 &&
                         message.headers.size() == header_count;
  if (!reader.ok() || version != kMessageVersion || !plausible) return Corrupt("message");
  return message;
}

std::string EncodeOutbox(const Message& message) {
  ByteWriter writer(128 + message.ByteSize());
  writer.Byte(kOutboxVersion);
  PutRef(writer, message.receiver);
  return writer.Raw(EncodeMessage(message)).Take();
}

absl::StatusOr<Message> DecodeOutbox(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  AccountRef receiver = TakeRef(reader);
  if (!reader.ok() || version != kOutboxVersion || receiver.id.empty()) return Corrupt("message");
  return DecodeMessage(std::move(receiver), reader.rest());
}

std::string MarkRecord::Encode() const {
  ByteWriter writer(16);
  writer.Byte(kMarkVersion);
  PutNumber(writer, number);
  return writer.Signed(ToStoredTime(time)).Take();
}

absl::StatusOr<MarkRecord> MarkRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  MarkRecord record;
  record.number = TakeNumber(reader);
  record.time = FromStoredTime(reader.Signed());
  if (!reader.Done() || version != kMarkVersion || record.number.revision == 0) {
    return Corrupt("mark of messages");
  }
  return record;
}

std::string AttemptsRecord::Encode() const {
  return ByteWriter(32)
      .Byte(kAttemptsVersion)
      .Varint(attempts)
      .Signed(ToStoredTime(first_time))
      .Signed(ToStoredTime(last_time))
      .Signed(ToStoredTime(not_before))
      .Take();
}

absl::StatusOr<AttemptsRecord> AttemptsRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  AttemptsRecord record;
  record.attempts = static_cast<uint32_t>(reader.Varint());
  record.first_time = FromStoredTime(reader.Signed());
  record.last_time = FromStoredTime(reader.Signed());
  record.not_before = FromStoredTime(reader.Signed());
  if (!reader.Done() || version != kAttemptsVersion || record.attempts == 0) {
    return Corrupt("count of attempts");
  }
  return record;
}

}  // namespace shardd
