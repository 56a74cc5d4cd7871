#include "server/rpc/convert_messages.h"

#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "server/account/record_key.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_requests.h"
#include "server/rpc/proto_time.h"

namespace shardd::rpc {
namespace {

// 32 hexadecimal digits: the number in the mailbox, the token.
constexpr size_t kAckIdBytes = 32;

std::optional<Lease> LeaseFrom(absl::string_view ack_id) {
  Lease lease;
  if (ack_id.size() != kAckIdBytes || !absl::SimpleHexAtoi(ack_id.substr(0, 16), &lease.number) ||
      !absl::SimpleHexAtoi(ack_id.substr(16), &lease.token)) {
    return std::nullopt;
  }
  return lease;
}

Headers HeadersFrom(const google::protobuf::Map<std::string, std::string>& proto) {
  return Headers(proto.begin(), proto.end());
}

absl::Duration LeaseOrDefault(bool given, const google::protobuf::Duration& proto) {
  return given ? FromProto(proto) : limits::kMessageLeaseDefault;
}

void FillRef(const AccountRef& ref, v1::AccountRef& proto) {
  proto.set_namespace_(ref.name_space);
  proto.set_id(ref.id);
}

void FillMessage(Message&& message, v1::Message& proto) {
  FillRef(message.sender, *proto.mutable_sender());
  FillRef(message.receiver, *proto.mutable_receiver());
  proto.set_message_id(std::move(message.id));
  for (auto& [key, value] : message.headers) (*proto.mutable_headers())[key] = std::move(value);
  proto.set_payload(std::move(message.payload));
  if (message.reply_to.has_value()) FillRef(*message.reply_to, *proto.mutable_reply_to());
  ToProto(message.send_time, *proto.mutable_send_time());
  if (message.expire_time != absl::InfiniteFuture()) {
    ToProto(message.expire_time, *proto.mutable_expire_time());
  }
  proto.set_hops(message.hops);
}

}  // namespace

absl::StatusOr<Send> FromProto(v1::Send&& proto) {
  Send send;
  send.receiver = FromProto(std::move(*proto.mutable_receiver()));
  send.message_id = std::move(*proto.mutable_message_id());
  send.headers = HeadersFrom(proto.headers());
  send.payload = std::move(*proto.mutable_payload());
  if (proto.has_delay()) send.delay = FromProto(proto.delay());
  if (proto.has_time_to_live()) {
    send.time_to_live = FromProto(proto.time_to_live());
    if (send.time_to_live == absl::ZeroDuration()) {
      return InvalidField("sends.time_to_live", "is 0; leave it out to keep a message for ever");
    }
  }
  if (proto.has_reply_to()) send.reply_to = FromProto(std::move(*proto.mutable_reply_to()));
  send.attempts_max = proto.attempts_max();
  return send;
}

absl::StatusOr<std::vector<Send>> FromProto(google::protobuf::RepeatedPtrField<v1::Send>&& proto) {
  std::vector<Send> sends;
  sends.reserve(proto.size());
  for (v1::Send& item : proto) {
    SHARDD_ASSIGN_OR_RETURN(sends.emplace_back(), FromProto(std::move(item)));
  }
  return sends;
}

std::string AckIdOf(Lease lease) {
  return absl::StrFormat("%016x%016x", lease.number, lease.token);
}

absl::StatusOr<std::vector<Lease>> LeasesFrom(
    absl::string_view field, const google::protobuf::RepeatedPtrField<std::string>& ack_ids) {
  std::vector<Lease> leases;
  leases.reserve(ack_ids.size());
  for (const std::string& ack_id : ack_ids) {
    const std::optional<Lease> lease = LeaseFrom(ack_id);
    if (!lease.has_value()) {
      return InvalidField(absl::StrCat(field, "[", leases.size(), "]"),
                          "is no ack id; use the one that came with the message");
    }
    leases.push_back(*lease);
  }
  return leases;
}

absl::StatusOr<Subscription> FromProto(v1::Subscription&& proto) {
  Subscription subscription;
  subscription.topic = {std::move(*proto.mutable_namespace_()), std::move(*proto.mutable_id())};
  if (!proto.label().empty()) {
    if (!subscription.topic.id.empty()) {
      return InvalidField("subscription.label", "goes with a namespace, not with an id");
    }
    const std::pair<std::string, std::string> label =
        absl::StrSplit(proto.label(), absl::MaxSplits('=', 1));
    if (label.first.empty() || label.first.size() == proto.label().size()) {
      return InvalidField("subscription.label",
                          absl::StrCat("is \"", proto.label(), "\"; it must be KEY=VALUE"));
    }
    subscription.label = label;
  }
  subscription.terms.lease = LeaseOrDefault(proto.has_lease(), proto.lease());
  subscription.terms.several = proto.concurrent();
  return subscription;
}

absl::Status Validate(const Subscription& subscription) {
  const AccountRef& topic = subscription.topic;
  if (!topic.id.empty()) return shardd::Validate(ReceiveRequest{topic, subscription.terms});
  return shardd::Validate(
      ReceiveAnyRequest{topic.name_space, subscription.label, subscription.terms});
}

absl::StatusOr<ExtendLeasesRequest> FromProto(v1::ExtendLeaseRequest&& proto) {
  ExtendLeasesRequest request;
  request.account = FromProto(std::move(*proto.mutable_account()));
  SHARDD_ASSIGN_OR_RETURN(request.leases, LeasesFrom("ack_ids", proto.ack_ids()));
  request.lease = LeaseOrDefault(proto.has_lease(), proto.lease());
  return request;
}

absl::StatusOr<NackRequest> FromProto(v1::NackRequest&& proto) {
  NackRequest request;
  request.account = FromProto(std::move(*proto.mutable_account()));
  SHARDD_ASSIGN_OR_RETURN(request.leases, LeasesFrom("ack_ids", proto.ack_ids()));
  if (proto.has_delay()) request.delay = FromProto(proto.delay());
  return request;
}

std::string UndeliverableIdOf(const UndeliverableName& name) {
  const std::string bytes = AccountKeys(name.receiver).name() + name.own_key;
  return absl::WebSafeBase64Escape(bytes);
}

absl::StatusOr<UndeliverableName> UndeliverableNameFrom(absl::string_view id) {
  std::string bytes;
  UndeliverableName name;
  if (absl::WebSafeBase64Unescape(id, &bytes)) {
    ByteReader reader(bytes);
    name.receiver.name_space = std::string(reader.Raw(reader.Byte()));
    name.receiver.id = std::string(reader.Raw(reader.Fixed16()));
    name.own_key = std::string(reader.rest());
    const bool valid = reader.ok() && ValidateAccountRef(name.receiver).ok();
    if (valid && !name.own_key.empty()) return name;
  }
  return InvalidField("id", "is not the id of an undeliverable message");
}

void ToProto(StoredMessage&& stored, v1::MailboxMessage& proto) {
  proto.set_number(stored.number);
  FillMessage(std::move(stored.message), *proto.mutable_message());
  proto.set_attempts(stored.attempts.attempts);
  if (stored.attempts.attempts > 0) {
    ToProto(stored.attempts.not_before, *proto.mutable_not_before());
  }
}

void ToProto(StoredUndeliverable&& stored, v1::UndeliverableMessage& proto) {
  proto.set_id(UndeliverableIdOf({stored.message.receiver, stored.own_key}));
  FillMessage(std::move(stored.message), *proto.mutable_message());
  proto.set_reason(static_cast<v1::UndeliverableReason>(stored.record.reason));
  proto.set_attempts(stored.record.attempts);
  ToProto(stored.record.first_time, *proto.mutable_first_time());
  ToProto(stored.record.last_time, *proto.mutable_last_time());
  proto.set_route_epoch(stored.record.epoch.value);
}

void ToProto(ReceiveResult&& result,
             google::protobuf::RepeatedPtrField<v1::ReceivedMessage>& proto) {
  proto.Reserve(static_cast<int>(result.messages.size()));
  for (ReceivedMessage& received : result.messages) {
    v1::ReceivedMessage& item = *proto.Add();
    FillMessage(std::move(received.message), *item.mutable_message());
    item.set_ack_id(AckIdOf(received.lease));
    ToProto(received.until, *item.mutable_lease_expire_time());
    item.set_attempt(received.attempt);
  }
}

}  // namespace shardd::rpc
