#include "server/rpc/messaging_service.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/hash.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/cross_thread_messaging/mailbox_page.h"
#include "server/rpc/convert_messages.h"
#include "server/rpc/convert_requests.h"
#include "server/rpc/proto_time.h"
#include "server/rpc/receive_call.h"
#include "server/rpc/subscribe.h"
#include "server/shard_state_operations/page_token.h"

namespace shardd::rpc {
namespace {

using SendCall = UnaryCall<v1::SendRequest, v1::SendResponse>;
using AckCall = UnaryCall<v1::AckRequest, v1::AckResponse>;
using NackCall = UnaryCall<v1::NackRequest, v1::NackResponse>;
using ExtendCall = UnaryCall<v1::ExtendLeaseRequest, v1::ExtendLeaseResponse>;
using ListCall = UnaryCall<v1::ListUndeliverableRequest, v1::ListUndeliverableResponse>;
using GetCall = UnaryCall<v1::GetUndeliverableRequest, v1::GetUndeliverableResponse>;
using RedriveCall = UnaryCall<v1::RedriveUndeliverableRequest, v1::RedriveUndeliverableResponse>;
using PurgeCall = UnaryCall<v1::PurgeUndeliverableRequest, v1::PurgeUndeliverableResponse>;
using RatesCall = UnaryCall<v1::GetMessageRatesRequest, v1::GetMessageRatesResponse>;
using ListMailboxCall = UnaryCall<v1::ListMailboxRequest, v1::ListMailboxResponse>;
using MailboxCall = UnaryCall<v1::GetMailboxRequest, v1::GetMailboxResponse>;

absl::StatusOr<ApplyRequest> ApplyFrom(v1::SendRequest&& proto) {
  if (proto.sends().empty()) return InvalidField("sends", "is empty; send 1 or more messages");
  ApplyRequest request;
  request.account = FromProto(std::move(*proto.mutable_sender()));
  request.request_id = std::move(*proto.mutable_request_id());
  SHARDD_ASSIGN_OR_RETURN(request.sends, FromProto(std::move(*proto.mutable_sends())));
  return request;
}

absl::StatusOr<ApplyRequest> ApplyFrom(v1::AckRequest&& proto) {
  if (proto.ack_ids().empty()) return InvalidField("ack_ids", "is empty; name 1 or more messages");
  ApplyRequest request;
  request.account = FromProto(std::move(*proto.mutable_account()));
  request.request_id = std::move(*proto.mutable_request_id());
  SHARDD_ASSIGN_OR_RETURN(request.acks, LeasesFrom("ack_ids", proto.ack_ids()));
  return request;
}

template <typename Response>
void FillApplied(ShardAnswer& answer, Response& response) {
  const ApplyResult& applied = std::get<ApplyResult>(answer);
  response.set_revision(applied.revision);
  response.set_replayed(applied.replayed);
}

void SendMessages(SendCall& call) {
  const uint64_t epoch = call.request().epoch();
  call.Submit(ApplyFrom(std::move(call.request())), epoch, FillApplied<v1::SendResponse>);
}

void Ack(AckCall& call) {
  call.Submit(ApplyFrom(std::move(call.request())), 0, FillApplied<v1::AckResponse>);
}

void Nack(NackCall& call) {
  call.Submit(FromProto(std::move(call.request())), 0,
              [](ShardAnswer& answer, v1::NackResponse& response) {
                ToProto(std::get<LeasesResult>(answer).until, *response.mutable_not_before());
              });
}

void ExtendLease(ExtendCall& call) {
  call.Submit(
      FromProto(std::move(call.request())), 0,
      [](ShardAnswer& answer, v1::ExtendLeaseResponse& response) {
        ToProto(std::get<LeasesResult>(answer).until, *response.mutable_lease_expire_time());
      });
}

absl::Status GetMailbox(MailboxCall& call) {
  const GetAccountRequest request{FromProto(std::move(*call.request().mutable_account()))};
  SHARDD_RETURN_IF_ERROR(Validate(request));
  SHARDD_ASSIGN_OR_RETURN(const AccountResult result, call.runtime().GetAccount(request));
  const MailboxState& mailbox = result.record.mailbox;
  v1::GetMailboxResponse& response = call.response();
  response.set_message_count(mailbox.count);
  response.set_byte_count(mailbox.bytes);
  response.set_delayed_count(mailbox.delayed);
  response.set_messages_max(limits::kAccountMailboxMessagesMax);
  response.set_bytes_max(limits::kAccountMailboxBytesMax);
  return absl::OkStatus();
}

// The token holds the number that the next page begins with.
absl::Status ListMailbox(ListMailboxCall& call) {
  v1::ListMailboxRequest& request = call.request();
  const GetAccountRequest asked{FromProto(std::move(*request.mutable_account()))};
  SHARDD_RETURN_IF_ERROR(Validate(asked));
  SHARDD_ASSIGN_OR_RETURN(const size_t page_size, PageSizeFrom(request.page_size()));
  const Hash128 query = StableHash128(ByteWriter()
                                          .Bytes("mailbox")
                                          .Bytes(asked.account.name_space)
                                          .Bytes(asked.account.id)
                                          .Fixed64(request.start_number())
                                          .view());
  SHARDD_ASSIGN_OR_RETURN(const std::string position,
                          DecodePageToken(request.page_token(), query));
  uint64_t start = request.start_number();
  if (!position.empty()) {
    SHARDD_ASSIGN_OR_RETURN(start, ParseMailboxOwnKey(position));
  }
  SHARDD_ASSIGN_OR_RETURN(const AccountResult account, call.runtime().GetAccount(asked));
  const StoreView view = call.runtime().View();
  SHARDD_ASSIGN_OR_RETURN(
      MailboxPage page,
      ReadMailboxPage(*view.reader,
                      {.account = asked.account,
                       .start_number = std::max(start, account.record.mailbox.orphans_end),
                       .messages_max = PageSize(page_size)}));
  for (StoredMessage& stored : page.messages) {
    if (request.no_payload()) stored.message.payload.clear();
    ToProto(std::move(stored), *call.response().add_messages());
  }
  if (page.next_number.has_value()) {
    call.response().set_next_page_token(
        EncodePageToken(query, MailboxOwnKey(*page.next_number)));
  }
  return call.HoldAnswer(call.response().ByteSizeLong());
}

absl::Status GetMessageRates(const Clock& clock, RatesCall& call) {
  constexpr int kPairsDefault = 20;
  constexpr int kPairsMax = 1000;
  // What ended minutes ago is not told as a rate.
  constexpr double kRateMin = 0.01;
  const int asked = call.request().pairs_max();
  if (asked < 0) {
    return InvalidField("pairs_max",
                        absl::StrCat("is ", asked, "; it must be 0 (the default) or more"));
  }
  std::vector<v1::ShardMessageRate> rates;
  double sum = 0;
  const absl::Time now = clock.Now();
  for (const ShardStatus& shard : call.runtime().Shards()) {
    for (const MessageRate& rate : shard.messages.rates) {
      const double per_second = rate.rate.PerSecond(now);
      if (per_second < kRateMin) continue;
      sum += per_second;
      v1::ShardMessageRate& told = rates.emplace_back();
      if (rate.from != ShardId()) told.set_sender_shard_id(ToText(rate.from));
      told.set_receiver_shard_id(ToText(shard.route.shard));
      told.set_messages_per_second(per_second);
    }
  }
  std::sort(rates.begin(), rates.end(),
            [](const v1::ShardMessageRate& a, const v1::ShardMessageRate& b) {
              return a.messages_per_second() > b.messages_per_second();
            });
  const size_t pairs_max = asked == 0 ? kPairsDefault : std::min(asked, kPairsMax);
  if (rates.size() > pairs_max) rates.resize(pairs_max);
  call.response().mutable_rates()->Assign(rates.begin(), rates.end());
  call.response().set_messages_per_second(sum);
  return absl::OkStatus();
}

absl::Status ListUndeliverable(ListCall& call) {
  const v1::ListUndeliverableRequest& request = call.request();
  if (!request.namespace_().empty()) {
    SHARDD_RETURN_IF_ERROR(ValidateNamespaceName(request.namespace_()));
  }
  SHARDD_ASSIGN_OR_RETURN(const size_t page_size, PageSizeFrom(request.page_size()));
  const Hash128 query =
      StableHash128(ByteWriter().Bytes("undeliverable").Bytes(request.namespace_()).view());
  SHARDD_ASSIGN_OR_RETURN(std::string position, DecodePageToken(request.page_token(), query));
  const StoreView view = call.runtime().View();
  SHARDD_ASSIGN_OR_RETURN(
      UndeliverablePage page,
      ReadUndeliverablePage(*view.reader, {.name_space = request.namespace_(),
                                           .position = std::move(position),
                                           .messages_max = PageSize(page_size)}));
  for (StoredUndeliverable& stored : page.messages) {
    if (request.no_payload()) stored.message.payload.clear();
    ToProto(std::move(stored), *call.response().add_messages());
  }
  if (!page.next_position.empty()) {
    call.response().set_next_page_token(EncodePageToken(query, page.next_position));
  }
  return call.HoldAnswer(call.response().ByteSizeLong());
}

absl::Status GetUndeliverable(GetCall& call) {
  SHARDD_ASSIGN_OR_RETURN(const UndeliverableName name, UndeliverableNameFrom(call.request().id()));
  const StoreView view = call.runtime().View();
  SHARDD_ASSIGN_OR_RETURN(std::optional<StoredUndeliverable> stored,
                          FindUndeliverable(*view.reader, name.receiver, name.own_key));
  if (!stored.has_value()) {
    return Error(Reason::kUndeliverableNotFound,
                 "there is no such undeliverable message; it was redriven or purged");
  }
  ToProto(*std::move(stored), *call.response().mutable_message());
  return absl::OkStatus();
}

absl::StatusOr<SettleUndeliverableRequest> SettleFrom(absl::string_view id, bool redrive) {
  SHARDD_ASSIGN_OR_RETURN(UndeliverableName name, UndeliverableNameFrom(id));
  return SettleUndeliverableRequest{std::move(name.receiver), std::move(name.own_key), redrive};
}

void Redrive(RedriveCall& call) {
  call.Submit(SettleFrom(call.request().id(), /*redrive=*/true), 0,
              [](ShardAnswer&, v1::RedriveUndeliverableResponse&) {});
}

void Purge(PurgeCall& call) {
  call.Submit(SettleFrom(call.request().id(), /*redrive=*/false), 0,
              [](ShardAnswer&, v1::PurgeUndeliverableResponse&) {});
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *v1::SendRequest::descriptor()->file()->FindServiceByName("MessagingService");
}

}  // namespace

MessagingService::MessagingService(CallContext& context)
    : CallService(Descriptor(), Descriptor().full_name(), context) {
  Unary<v1::SendRequest, v1::SendResponse>("Send", Admission::kData, SendMessages, kPostedMany);
  Unary<v1::AckRequest, v1::AckResponse>("Ack", Admission::kData, Ack, kPostedMany);
  Unary<v1::NackRequest, v1::NackResponse>("Nack", Admission::kData, Nack);
  Unary<v1::ExtendLeaseRequest, v1::ExtendLeaseResponse>("ExtendLease", Admission::kData,
                                                         ExtendLease);
  Unary<v1::GetMailboxRequest, v1::GetMailboxResponse>(
      "GetMailbox", Admission::kData, [](MailboxCall& call) { call.Finish(GetMailbox(call)); });
  Unary<v1::ListMailboxRequest, v1::ListMailboxResponse>(
      "ListMailbox", Admission::kData,
      [](ListMailboxCall& call) { call.Finish(ListMailbox(call)); });
  Unary<v1::GetMessageRatesRequest, v1::GetMessageRatesResponse>(
      "GetMessageRates", Admission::kOperator,
      [&context](RatesCall& call) { call.Finish(GetMessageRates(context.clock, call)); });
  Unary<v1::ListUndeliverableRequest, v1::ListUndeliverableResponse>(
      "ListUndeliverable", Admission::kData,
      [](ListCall& call) { call.Finish(ListUndeliverable(call)); });
  Unary<v1::GetUndeliverableRequest, v1::GetUndeliverableResponse>(
      "GetUndeliverable", Admission::kData,
      [](GetCall& call) { call.Finish(GetUndeliverable(call)); });
  Unary<v1::RedriveUndeliverableRequest, v1::RedriveUndeliverableResponse>(
      "RedriveUndeliverable", Admission::kData, Redrive);
  Unary<v1::PurgeUndeliverableRequest, v1::PurgeUndeliverableResponse>(
      "PurgeUndeliverable", Admission::kData, Purge);
  Stream<ReceiveCall>("Receive", Admission::kData);
  Stream<Subscribe>("Subscribe", Admission::kData);
}

}  // namespace shardd::rpc
