// Plan: hold the stored bytes and keys of messages against literals made by hand from FORMAT.md,
// and refuse everything else.
#include "server/cross_thread_messaging/message_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

const AccountRef kBash{"debian", "bash"};
const AccountRef kDash{"debian", "dash"};

Message FullMessage() {
  Message message;
  message.sender = kDash;
  message.receiver = kBash;
  message.number = {300, 2};
  message.after = {299, 0};
  message.id = "m-1";
  message.headers = {{"a", "x"}, {"b", ""}};
  message.payload = "hi";
  message.reply_to = AccountRef{"", "me"};
  message.send_time = absl::FromUnixMicros(1000);
  message.deliver_time = absl::FromUnixMicros(2000);
  message.expire_time = absl::FromUnixMicros(3000);
  message.hops = 3;
  message.attempts_max = 16;
  return message;
}

// version; sender; number; the one before; id; headers; reply-to; times; hops, attempts; payload
constexpr char kFullMessage[] =
    "01"
    "0664656269616e0464617368"
    "ac0202"
    "ab0200"
    "036d2d31"
    "02016101780162"
    "00"
    "0100026d65"
    "d00fa01ff02e"
    "0310"
    "6869";

// Where the payload of it begins, which is the rest.
constexpr size_t kPayloadFrom = sizeof(kFullMessage) / 2 - 2;

// So that the shared checks can encode it again.
struct StoredMessage {
  Message message;
  std::string Encode() const { return EncodeMessage(message); }
};
absl::StatusOr<StoredMessage> Decode(absl::string_view bytes) {
  auto message = DecodeMessage(kBash, bytes);
  if (!message.ok()) return message.status();
  return StoredMessage{*std::move(message)};
}

struct StoredOutbox {
  Message message;
  std::string Encode() const { return EncodeOutbox(message); }
};
absl::StatusOr<StoredOutbox> DecodeSent(absl::string_view bytes) {
  auto message = DecodeOutbox(bytes);
  if (!message.ok()) return message.status();
  return StoredOutbox{*std::move(message)};
}

TEST(MessageRecordTest, StoredBytes) {
  EXPECT_EQ(Hex(EncodeMessage(FullMessage())), kFullMessage);
  Message smallest;
  smallest.sender = {"", "s"};
  smallest.number = {1, 0};
  smallest.send_time = absl::FromUnixMicros(-1);
  smallest.attempts_max = 1;
  EXPECT_EQ(Hex(EncodeMessage(smallest)), "01000173010000000000000100000001");
}

TEST(MessageRecordTest, ComesBack) {
  ASSERT_OK_AND_ASSIGN(const Message message, DecodeMessage(kBash, EncodeMessage(FullMessage())));
  EXPECT_EQ(message, FullMessage());
  Message plain = FullMessage();
  plain.reply_to.reset();
  plain.deliver_time = absl::InfinitePast();
  plain.expire_time = absl::InfiniteFuture();
  plain.payload.clear();
  ASSERT_OK_AND_ASSIGN(const Message again, DecodeMessage(kBash, EncodeMessage(plain)));
  EXPECT_EQ(again, plain);
}

TEST(MessageRecordTest, EverythingElseIsRefused) {
  const std::string bytes = FromHex(kFullMessage);
  ExpectOtherLengthsRefused(bytes, Decode, kPayloadFrom);
  ExpectOtherVersionsRefused(bytes, Decode);
  ExpectGarbageIsHarmless(bytes, Decode);
}

TEST(MessageRecordTest, ContradictionsAreRefused) {
  const auto refused = [](void (*change)(Message&)) {
    Message message = FullMessage();
    change(message);
    EXPECT_THAT(DecodeMessage(kBash, EncodeMessage(message)), HasReason(Reason::kStorageCorrupt));
  };
  refused([](Message& m) { m.number = {}; });
  refused([](Message& m) { m.after = m.number; });
  refused([](Message& m) { m.sender.id.clear(); });
  refused([](Message& m) { m.attempts_max = 0; });
}

TEST(OutboxRecordTest, NamesTheReceiverFirst) {
  EXPECT_EQ(Hex(EncodeOutbox(FullMessage())),
            std::string("010664656269616e0462617368") + kFullMessage);
  ASSERT_OK_AND_ASSIGN(const Message message, DecodeOutbox(EncodeOutbox(FullMessage())));
  EXPECT_EQ(message, FullMessage());
  const std::string bytes = EncodeOutbox(FullMessage());
  ExpectOtherLengthsRefused(bytes, DecodeSent, bytes.size() - 2);
  ExpectOtherVersionsRefused(bytes, DecodeSent);
  ExpectGarbageIsHarmless(bytes, DecodeSent);
}

TEST(MarkRecordTest, StoredBytes) {
  const MarkRecord mark{{300, 2}, absl::FromUnixMicros(1000)};
  const std::string bytes = mark.Encode();
  EXPECT_EQ(Hex(bytes), "01ac0202d00f");
  ASSERT_OK_AND_ASSIGN(const MarkRecord again, MarkRecord::Decode(bytes));
  EXPECT_EQ(again.number, mark.number);
  EXPECT_EQ(again.time, mark.time);
  ExpectOtherLengthsRefused(bytes, MarkRecord::Decode);
  ExpectOtherVersionsRefused(bytes, MarkRecord::Decode);
  ExpectGarbageIsHarmless(bytes, MarkRecord::Decode);
}

TEST(AttemptsRecordTest, StoredBytes) {
  const AttemptsRecord record{3, absl::FromUnixMicros(1), absl::FromUnixMicros(2),
                              absl::FromUnixMicros(-1)};
  const std::string bytes = record.Encode();
  EXPECT_EQ(Hex(bytes), "0103020401");
  ASSERT_OK_AND_ASSIGN(const AttemptsRecord again, AttemptsRecord::Decode(bytes));
  EXPECT_EQ(again.attempts, 3u);
  EXPECT_EQ(again.first_time, record.first_time);
  EXPECT_EQ(again.last_time, record.last_time);
  EXPECT_EQ(again.not_before, record.not_before);
  ExpectOtherLengthsRefused(bytes, AttemptsRecord::Decode);
  ExpectOtherVersionsRefused(bytes, AttemptsRecord::Decode);
  ExpectGarbageIsHarmless(bytes, AttemptsRecord::Decode);
}

// type, routing key, names
constexpr char kBashName[] = "0664656269616e000462617368";
const std::string kBashOutbox =
    std::string("01") + "9b0f38bcfd3be884bd49f8cfb88be81e" + kBashName;

TEST(MessageKeyTest, StoredBytes) {
  const AccountKeys bash(kBash);
  EXPECT_EQ(Hex(MessageKey(MessageRecordType::kOutbox, bash, OutboxOwnKey({300, 2}))),
            kBashOutbox + "000000000000012c0002");
  EXPECT_EQ(Hex(MailboxOwnKey(7)), "0000000000000007");
  EXPECT_EQ(Hex(DelayedOwnKey(absl::FromUnixMicros(258), 7)), "00000000000001020000000000000007");
  EXPECT_EQ(Hex(MarkOwnKey(bash)), kBashName);
}

TEST(MessageKeyTest, ComesApart) {
  const AccountKeys bash(kBash);
  const std::string key = MessageKey(MessageRecordType::kOutbox, bash, OutboxOwnKey({300, 2}));
  ASSERT_OK_AND_ASSIGN(const MessageRecordKey parsed, ParseMessageKey(key));
  EXPECT_EQ(parsed.type, MessageRecordType::kOutbox);
  EXPECT_EQ(parsed.account, kBash);
  ASSERT_OK_AND_ASSIGN(const SendNumber number, ParseOutboxOwnKey(parsed.own_key));
  EXPECT_EQ(number, (SendNumber{300, 2}));
  ASSERT_OK_AND_ASSIGN(const uint64_t place, ParseMailboxOwnKey(MailboxOwnKey(7)));
  EXPECT_EQ(place, 7u);
}

TEST(MessageKeyTest, EverythingElseIsRefused) {
  const AccountKeys bash(kBash);
  const std::string key = MessageKey(MessageRecordType::kMailbox, bash, MailboxOwnKey(1));
  const size_t own_key_from = key.size() - MailboxOwnKey(1).size();
  for (size_t length = 0; length <= own_key_from; ++length) {
    EXPECT_THAT(ParseMessageKey(key.substr(0, length)), HasReason(Reason::kStorageCorrupt));
  }
  std::string other_type = key;
  for (const char type : {'\0', '\7', '\xff'}) {
    other_type[0] = type;
    EXPECT_THAT(ParseMessageKey(other_type), HasReason(Reason::kStorageCorrupt));
  }
  std::string other_place = key;
  ++other_place[1];
  EXPECT_THAT(ParseMessageKey(other_place), HasReason(Reason::kStorageCorrupt));
  EXPECT_THAT(ParseOutboxOwnKey(std::string(9, '\1')), HasReason(Reason::kStorageCorrupt));
  EXPECT_THAT(ParseOutboxOwnKey(std::string(10, '\0')), HasReason(Reason::kStorageCorrupt));
  EXPECT_THAT(ParseMailboxOwnKey(std::string(9, '\1')), HasReason(Reason::kStorageCorrupt));
}

// Plan: keys of one type around the ends of a range; exactly those of accounts in it are inside.
TEST(MessageKeyTest, BoundsHoldOneTypeOfARange) {
  const AccountKeys bash(kBash);
  const RoutingKey middle = bash.routing_key();
  const KeyRange below{kFirstRoutingKey, middle};
  const KeyRange from{middle, std::nullopt};
  const std::string key = MessageKey(MessageRecordType::kMailbox, bash, MailboxOwnKey(1));
  const auto holds = [](const storage::KeyBounds& bounds, const std::string& what) {
    return bounds.lower <= what && (bounds.upper.empty() || what < bounds.upper);
  };
  EXPECT_FALSE(holds(MessageBounds(MessageRecordType::kMailbox, below), key));
  EXPECT_TRUE(holds(MessageBounds(MessageRecordType::kMailbox, from), key));
  EXPECT_FALSE(holds(MessageBounds(MessageRecordType::kOutbox, from), key));
  EXPECT_FALSE(holds(MessageBounds(MessageRecordType::kDelayed, from), key));
  EXPECT_TRUE(holds(MessageBounds(MessageRecordType::kMailbox, bash), key));
  EXPECT_FALSE(holds(MessageBounds(MessageRecordType::kMailbox, AccountKeys(kDash)), key));
}

TEST(MessageKeyTest, SortsByNumber) {
  const AccountKeys bash(kBash);
  const std::vector<SendNumber> numbers = {{1, 0}, {1, 1}, {1, 256}, {2, 0}, {256, 0}};
  for (size_t i = 1; i < numbers.size(); ++i) {
    EXPECT_LT(OutboxOwnKey(numbers[i - 1]), OutboxOwnKey(numbers[i]));
  }
  EXPECT_LT(MailboxOwnKey(255), MailboxOwnKey(256));
  EXPECT_LT(DelayedOwnKey(absl::FromUnixMicros(1), 9), DelayedOwnKey(absl::FromUnixMicros(2), 0));
}

}  // namespace
}  // namespace shardd
