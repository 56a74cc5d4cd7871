#include "tests/bench/messages/shardd_messages.h"

#include "absl/strings/str_cat.h"
#include "shardd/v1/account.grpc.pb.h"
#include "shardd/v1/messaging.grpc.pb.h"
#include "shardd/v1/routing.grpc.pb.h"
#include "tests/bench/channel.h"
#include "tests/bench/frame_source.h"
#include "tests/bench/messages/message_exchange.h"
#include "tests/bench/session_load.h"

namespace shardd::bench {
namespace {

// Their routing keys are more than half of all keys apart: no even cut puts them together.
const MessageNamespaces& Namespaces() {
  static const auto& namespaces = *new MessageNamespaces{"senders", "receivers"};
  return namespaces;
}

absl::Status FillNamespace(const std::shared_ptr<grpc::Channel>& channel, DatasetOptions options,
                           const std::string& name) {
  grpc::ClientContext context;
  v1::CreateNamespaceRequest request;
  request.set_name(name);
  v1::CreateNamespaceResponse response;
  const grpc::Status created =
      v1::AccountService::NewStub(channel)->CreateNamespace(&context, request, &response);
  if (!created.ok()) return FailedCall("creating the namespace failed", created);
  options.name_space = name;
  Dataset dataset(options);
  FillFrames source(dataset);
  return SessionLoad(channel, source, {.sessions = 2, .frames_in_flight = 4}).Run();
}

}  // namespace

absl::Status SharddMessages::Fill(const DatasetOptions& options) {
  const absl::Status senders = FillNamespace(channel_, options, Namespaces().senders);
  return senders.ok() ? FillNamespace(channel_, options, Namespaces().receivers) : senders;
}

absl::Status SharddMessages::Prepare() {
  const absl::Status differ = CheckShardsDiffer();
  return differ.ok() ? CheckNothingLeft(0) : differ;
}

absl::Status SharddMessages::CheckShardsDiffer() {
  const auto stub = v1::RoutingService::NewStub(channel_);
  std::string shards[2];
  const std::string* const names[] = {&Namespaces().senders, &Namespaces().receivers};
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    v1::ResolveRequest request;
    request.mutable_account()->set_namespace_(*names[i]);
    request.mutable_account()->set_id(Dataset::Id(0));
    v1::ResolveResponse response;
    const grpc::Status status = stub->Resolve(&context, request, &response);
    if (!status.ok()) return FailedCall("a look-up of a shard failed", status);
    shards[i] = response.route().shard_id();
  }
  if (shards[0] != shards[1]) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("senders and receivers are both in shard ", shards[0]));
}

absl::Status SharddMessages::Run(MessageFlights& flights) {
  return ExchangeMessages(channel_, Namespaces(), flights);
}

absl::Status SharddMessages::CheckNothingLeft(uint64_t) {
  grpc::ClientContext context;
  v1::ReceiveRequest request;
  request.mutable_subscription()->set_namespace_(Namespaces().receivers);
  request.set_no_wait(true);
  v1::ReceiveResponse response;
  const grpc::Status status =
      v1::MessagingService::NewStub(channel_)->Receive(&context, request, &response);
  if (!status.ok()) return FailedCall("the mailboxes could not be looked at", status);
  if (response.messages_size() > 0) return absl::DataLossError("a message is in a mailbox");
  return CheckNoneUndeliverable();
}

absl::Status SharddMessages::CheckNoneUndeliverable() {
  grpc::ClientContext context;
  v1::ListUndeliverableRequest request;
  request.set_page_size(1);
  v1::ListUndeliverableResponse response;
  const grpc::Status status =
      v1::MessagingService::NewStub(channel_)->ListUndeliverable(&context, request, &response);
  if (!status.ok()) return FailedCall("the undeliverable messages could not be listed", status);
  if (response.messages_size() == 0) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("a message is undeliverable: ", response.messages(0).ShortDebugString()));
}

}  // namespace shardd::bench
