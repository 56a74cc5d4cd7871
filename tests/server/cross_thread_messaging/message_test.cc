// Plan: sends at every bound and one beyond it; the error must name the field. Then what a send
// becomes.
#include "server/cross_thread_messaging/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

using ::testing::HasSubstr;

Send SmallSend() {
  Send send;
  send.receiver = {"debian", "bash"};
  return send;
}

struct SendCase {
  const char* name;
  const char* field;  // that is wrong; nullptr: none
  std::function<void(Send&)> change;
};

const SendCase kSends[] = {
    {"smallest", nullptr, [](Send&) {}},
    {"no receiver", "sends[0].receiver", [](Send& s) { s.receiver.id.clear(); }},
    {"bad namespace", "sends[0].receiver", [](Send& s) { s.receiver.name_space = "A"; }},
    {"longest id", nullptr,
     [](Send& s) { s.message_id = std::string(limits::kMessageIdBytesMax, 'x'); }},
    {"longer id", "sends[0].message_id",
     [](Send& s) { s.message_id = std::string(limits::kMessageIdBytesMax + 1, 'x'); }},
    {"id of no text", "sends[0].message_id", [](Send& s) { s.message_id = "\xff"; }},
    {"most headers", nullptr,
     [](Send& s) {
       for (size_t i = 0; i < limits::kMessageHeadersMax; ++i) s.headers[absl::StrCat(i)] = "";
     }},
    {"more headers", "sends[0].headers",
     [](Send& s) {
       for (size_t i = 0; i <= limits::kMessageHeadersMax; ++i) s.headers[absl::StrCat(i)] = "";
     }},
    {"longest header", nullptr,
     [](Send& s) {
       s.headers[std::string(limits::kMessageHeaderKeyBytesMax, 'k')] =
           std::string(limits::kMessageHeaderValueBytesMax, 'v');
     }},
    {"longer key of a header", "sends[0].headers",
     [](Send& s) { s.headers[std::string(limits::kMessageHeaderKeyBytesMax + 1, 'k')] = ""; }},
    {"longer value of a header", "sends[0].headers",
     [](Send& s) { s.headers["k"] = std::string(limits::kMessageHeaderValueBytesMax + 1, 'v'); }},
    {"empty key of a header", "sends[0].headers", [](Send& s) { s.headers[""] = "v"; }},
    {"largest payload", nullptr,
     [](Send& s) { s.payload = std::string(limits::kMessagePayloadBytesMax, '\xff'); }},
    {"larger payload", "sends[0].payload",
     [](Send& s) { s.payload = std::string(limits::kMessagePayloadBytesMax + 1, 'x'); }},
    {"longest delay", nullptr, [](Send& s) { s.delay = limits::kMessageDelayMax; }},
    {"longer delay", "sends[0].delay",
     [](Send& s) { s.delay = limits::kMessageDelayMax + absl::Microseconds(1); }},
    {"negative delay", "sends[0].delay", [](Send& s) { s.delay = -absl::Microseconds(1); }},
    {"longest life", nullptr, [](Send& s) { s.time_to_live = limits::kMessageTimeToLiveMax; }},
    {"longer life", "sends[0].time_to_live",
     [](Send& s) { s.time_to_live = limits::kMessageTimeToLiveMax + absl::Microseconds(1); }},
    {"negative life", "sends[0].time_to_live", [](Send& s) { s.time_to_live = -absl::Seconds(1); }},
    {"life ends with the delay", "sends[0].time_to_live",
     [](Send& s) { s.time_to_live = s.delay = absl::Seconds(1); }},
    {"life ends after the delay", nullptr,
     [](Send& s) {
       s.delay = absl::Seconds(1);
       s.time_to_live = absl::Milliseconds(1001);
     }},
    {"reply to an account", nullptr, [](Send& s) { s.reply_to = AccountRef{"", "x"}; }},
    {"reply to none", "sends[0].reply_to", [](Send& s) { s.reply_to = AccountRef{}; }},
    {"most attempts", nullptr, [](Send& s) { s.attempts_max = limits::kMessageAttemptsMax; }},
    {"more attempts", "sends[0].attempts_max",
     [](Send& s) { s.attempts_max = limits::kMessageAttemptsMax + 1; }},
};

TEST(SendTest, ErrorsNameTheField) {
  for (const SendCase& row : kSends) {
    SCOPED_TRACE(row.name);
    Send send = SmallSend();
    row.change(send);
    const absl::Status status = Validate(send, "sends[0]");
    if (row.field == nullptr) {
      EXPECT_THAT(status, IsOk());
      continue;
    }
    EXPECT_THAT(status, HasReason(Reason::kInvalidField));
    EXPECT_EQ(MetadataOf(status)["field"], row.field);
  }
}

TEST(MessageTest, TimesCountFromTheSend) {
  const absl::Time now = absl::FromUnixSeconds(1000);
  Send send = SmallSend();
  send.delay = absl::Seconds(1);
  send.time_to_live = absl::Seconds(5);
  send.payload = "hello";
  const Message message = MakeMessage(send, {"debian", "dash"}, now);
  EXPECT_EQ(message.sender, (AccountRef{"debian", "dash"}));
  EXPECT_EQ(message.receiver, send.receiver);
  EXPECT_EQ(message.payload, "hello");
  EXPECT_EQ(message.send_time, now);
  EXPECT_EQ(message.deliver_time, now + absl::Seconds(1));
  EXPECT_EQ(message.expire_time, now + absl::Seconds(5));
  EXPECT_EQ(message.attempts_max, limits::kMessageAttemptsDefault);

  const Message plain = MakeMessage(SmallSend(), {"debian", "dash"}, now);
  EXPECT_EQ(plain.deliver_time, absl::InfinitePast());
  EXPECT_EQ(plain.expire_time, absl::InfiniteFuture());
}

TEST(MessageTest, CountsWhatItsSenderGave) {
  Message message;
  EXPECT_EQ(message.ByteSize(), 0u);
  message.id = "abc";
  message.payload = "12345";
  message.headers = {{"k", "vv"}};
  EXPECT_EQ(message.ByteSize(), 11u);
}

}  // namespace
}  // namespace shardd
