#include "tests/bench/messages/jetstream_connection.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "tests/bench/messages/message_party.h"

namespace shardd::bench {

absl::Status FromNats(natsStatus status, absl::string_view what) {
  if (status == NATS_OK) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", natsStatus_GetText(status));
  return status == NATS_TIMEOUT ? absl::DeadlineExceededError(message)
                                : absl::UnavailableError(message);
}

absl::StatusOr<JetStreamConnection> JetStreamConnection::Open(const std::string& address) {
  constexpr absl::string_view kFailed = "connecting to NATS failed";
  JetStreamConnection made;
  natsConnection* connection = nullptr;
  SHARDD_RETURN_IF_ERROR(FromNats(
      natsConnection_ConnectTo(&connection, absl::StrCat("nats://", address).c_str()), kFailed));
  made.connection_.reset(connection);
  jsCtx* jetstream = nullptr;
  SHARDD_RETURN_IF_ERROR(
      FromNats(natsConnection_JetStream(&jetstream, connection, nullptr), kFailed));
  made.jetstream_.reset(jetstream);
  natsInbox* inbox = nullptr;
  SHARDD_RETURN_IF_ERROR(FromNats(natsInbox_Create(&inbox), kFailed));
  made.inbox_ = absl::StrCat(inbox, ".");
  natsInbox_Destroy(inbox);
  natsSubscription* answers = nullptr;
  SHARDD_RETURN_IF_ERROR(FromNats(
      natsConnection_SubscribeSync(&answers, connection, absl::StrCat(made.inbox_, ">").c_str()),
      kFailed));
  made.answers_.reset(answers);
  return made;
}

absl::Status JetStreamConnection::Request(const std::string& subject, absl::string_view name,
                                          absl::string_view payload) {
  return FromNats(natsConnection_PublishRequest(connection_.get(), subject.c_str(),
                                                absl::StrCat(inbox_, name).c_str(), payload.data(),
                                                static_cast<int>(payload.size())),
                  "a request to NATS failed");
}

absl::StatusOr<NatsOwned<natsMsg>> JetStreamConnection::Next() {
  natsMsg* raw = nullptr;
  SHARDD_RETURN_IF_ERROR(FromNats(
      natsSubscription_NextMsg(&raw, answers_.get(), absl::ToInt64Milliseconds(kMessagePatience)),
      "no message comes any more, and not all have come"));
  NatsOwned<natsMsg> message(raw);
  const char* status = nullptr;
  if (natsMsgHeader_Get(raw, "Status", &status) == NATS_OK) {
    return absl::InternalError(
        absl::StrCat("NATS answered ", natsMsg_GetSubject(raw), " with ", status));
  }
  return message;
}

absl::string_view JetStreamConnection::NameOf(natsMsg& message) const {
  absl::string_view subject = natsMsg_GetSubject(&message);
  return absl::ConsumePrefix(&subject, inbox_) ? subject : absl::string_view();
}

absl::string_view DataOf(natsMsg& message) {
  return {natsMsg_GetData(&message), static_cast<size_t>(natsMsg_GetDataLength(&message))};
}

}  // namespace shardd::bench
