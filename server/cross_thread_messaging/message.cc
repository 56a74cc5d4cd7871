#include "server/cross_thread_messaging/message.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"

namespace shardd {
namespace {

std::string At(absl::string_view field, absl::string_view part) {
  return absl::StrCat(field, ".", part);
}

// The error about an account that is named inside of a send.
absl::Status CheckRef(const AccountRef& ref, const std::string& field) {
  const absl::Status status = ValidateAccountRef(ref);
  if (status.ok()) return status;
  return InvalidField(field, absl::StrCat("names no account: ", status.message()));
}

absl::Status CheckText(absl::string_view text, size_t bytes_max, const std::string& field) {
  if (text.size() <= bytes_max && IsUtf8(text)) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("is ", text.size(), " bytes; it must be at most ",
                                          bytes_max, " bytes of UTF-8"));
}

absl::Status CheckHeaders(const Headers& headers, const std::string& field) {
  if (headers.size() > limits::kMessageHeadersMax) {
    return InvalidField(field, absl::StrCat("has ", headers.size(), " headers; at most ",
                                            limits::kMessageHeadersMax, " are allowed"));
  }
  for (const auto& [key, value] : headers) {
    if (key.empty()) return InvalidField(field, "has a header without a key");
    SHARDD_RETURN_IF_ERROR(CheckText(key, limits::kMessageHeaderKeyBytesMax, field));
    SHARDD_RETURN_IF_ERROR(CheckText(value, limits::kMessageHeaderValueBytesMax, field));
  }
  return absl::OkStatus();
}

absl::Status CheckDuration(absl::Duration duration, absl::Duration longest,
                           const std::string& field) {
  if (duration >= absl::ZeroDuration() && duration <= longest) return absl::OkStatus();
  return InvalidField(field,
                      absl::StrCat("is ", absl::FormatDuration(duration), "; it must be from 0 to ",
                                   absl::FormatDuration(longest)));
}

}  // namespace

size_t Message::ByteSize() const {
  size_t bytes = id.size() + payload.size();
  for (const auto& [key, value] : headers) bytes += key.size() + value.size();
  return bytes;
}

absl::Status Validate(const Send& send, absl::string_view field) {
  SHARDD_RETURN_IF_ERROR(CheckRef(send.receiver, At(field, "receiver")));
  SHARDD_RETURN_IF_ERROR(
      CheckText(send.message_id, limits::kMessageIdBytesMax, At(field, "message_id")));
  SHARDD_RETURN_IF_ERROR(CheckHeaders(send.headers, At(field, "headers")));
  if (send.payload.size() > limits::kMessagePayloadBytesMax) {
    return InvalidField(At(field, "payload"),
                        absl::StrCat("is ", send.payload.size(), " bytes; at most ",
                                     limits::kMessagePayloadBytesMax, " are allowed"));
  }
  SHARDD_RETURN_IF_ERROR(
      CheckDuration(send.delay, limits::kMessageDelayMax, At(field, "delay")));
  SHARDD_RETURN_IF_ERROR(CheckDuration(send.time_to_live, limits::kMessageTimeToLiveMax,
                                       At(field, "time_to_live")));
  if (send.time_to_live != absl::ZeroDuration() && send.time_to_live <= send.delay) {
    return InvalidField(At(field, "time_to_live"), "ends before the delay does");
  }
  if (send.reply_to.has_value()) {
    SHARDD_RETURN_IF_ERROR(CheckRef(*send.reply_to, At(field, "reply_to")));
  }
  if (send.attempts_max > limits::kMessageAttemptsMax) {
    return InvalidField(At(field, "attempts_max"),
                        absl::StrCat("is ", send.attempts_max, "; at most ",
                                     limits::kMessageAttemptsMax, " is allowed"));
  }
  return absl::OkStatus();
}

Message MakeMessage(Send send, const AccountRef& sender, absl::Time now) {
  Message message;
  message.sender = sender;
  message.receiver = std::move(send.receiver);
  message.id = std::move(send.message_id);
  message.headers = std::move(send.headers);
  message.payload = std::move(send.payload);
  message.reply_to = std::move(send.reply_to);
  message.send_time = now;
  if (send.delay > absl::ZeroDuration()) message.deliver_time = now + send.delay;
  if (send.time_to_live > absl::ZeroDuration()) message.expire_time = now + send.time_to_live;
  message.attempts_max =
      send.attempts_max == 0 ? limits::kMessageAttemptsDefault : send.attempts_max;
  return message;
}

}  // namespace shardd
