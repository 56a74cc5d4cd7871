#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/cross_thread_messaging/mailbox_page.h"
#include "server/cross_thread_messaging/message.h"
#include "server/cross_thread_messaging/receiving.h"
#include "server/cross_thread_messaging/undeliverable_page.h"
#include "shardd/v1/messaging.pb.h"

namespace shardd::rpc {

// Messages of the API and the values of the rooms below. Errors: kInvalidField, naming the field.

absl::StatusOr<Send> FromProto(v1::Send&& proto);
absl::StatusOr<std::vector<Send>> FromProto(google::protobuf::RepeatedPtrField<v1::Send>&& proto);

// A lease as its holder names it. Opaque to callers.
std::string AckIdOf(Lease lease);
absl::StatusOr<std::vector<Lease>> LeasesFrom(
    absl::string_view field, const google::protobuf::RepeatedPtrField<std::string>& ack_ids);

// Where messages are received, and how.
struct Subscription {
  AccountRef topic;  // without an id: the namespace
  std::optional<std::pair<std::string, std::string>> label;
  ReceiveTerms terms;
};
absl::StatusOr<Subscription> FromProto(v1::Subscription&& proto);

absl::Status Validate(const Subscription& subscription);

absl::StatusOr<ExtendLeasesRequest> FromProto(v1::ExtendLeaseRequest&& proto);
absl::StatusOr<NackRequest> FromProto(v1::NackRequest&& proto);

// Names an undeliverable message. Opaque to callers.
struct UndeliverableName {
  AccountRef receiver;
  std::string own_key;
};
std::string UndeliverableIdOf(const UndeliverableName& name);
absl::StatusOr<UndeliverableName> UndeliverableNameFrom(absl::string_view id);
void ToProto(StoredMessage&& stored, v1::MailboxMessage& proto);
void ToProto(StoredUndeliverable&& stored, v1::UndeliverableMessage& proto);

void ToProto(ReceiveResult&& result,
             google::protobuf::RepeatedPtrField<v1::ReceivedMessage>& proto);

}  // namespace shardd::rpc
