#include "client/client.h"

#include <utility>

#include "client/error.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace shardd::client {

absl::StatusOr<std::unique_ptr<Client>> Client::Create(const ClientOptions& options, Clock& clock,
                                                       RandomBits random) {
  auto connection = Connection::Create(options.connection);
  if (!connection.ok()) return connection.status();
  return std::unique_ptr<Client>(
      new Client(options, *std::move(connection), clock, std::move(random)));
}

Client::Client(const ClientOptions& options, std::unique_ptr<Connection> connection, Clock& clock,
               RandomBits random)
    : options_(options),
      connection_(std::move(connection)),
      clock_(clock),
      random_(std::move(random)) {}

absl::Status Client::Run(Repeat repeat, const Try& attempt) {
  const absl::Time deadline = clock_.Now() + options_.timeout;
  Backoff backoff(options_.retry, random_);
  bool in_doubt = false;
  for (int tries = 1;; ++tries) {
    Stubs& stubs = connection_->AwaitCurrent();
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    absl::Status status = FromGrpc(attempt(stubs, context));
    if (status.ok()) return status;
    // A refusal speaks of the try that it answers; the doubt about an earlier one remains.
    if (in_doubt) status = WithUnknownEffect(status);
    in_doubt = DetailOf(status).effect == v1::EFFECT_UNKNOWN;
    if (!IsTransient(status)) return status;
    if (absl::IsUnavailable(status)) connection_->MoveOn(stubs);
    if (repeat == Repeat::kUnsafe && in_doubt) return status;
    if (tries >= options_.retry.tries_max) return status;
    const absl::Duration wait = backoff.Next(status);
    if (clock_.Now() + wait >= deadline) return status;
    clock_.Wait(wait);
  }
}

template <typename Request, typename Response, typename Stub>
absl::StatusOr<Response> Client::Call(Repeat repeat, std::unique_ptr<Stub> Stubs::*stub,
                                      grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                                      const Request& request) {
  Response response;
  const absl::Status status = Run(repeat, [&](Stubs& stubs, grpc::ClientContext& context) {
    response.Clear();
    return ((*(stubs.*stub)).*method)(&context, request, &response);
  });
  if (!status.ok()) return status;
  return response;
}

template <typename Request, typename Response, typename Stub>
absl::StatusOr<Response> Client::CallOnce(std::unique_ptr<Stub> Stubs::*stub,
                                          grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                       const Request&, Response*),
                                          Request request) {
  if (request.request_id().empty()) request.set_request_id(NewRequestId(random_));
  return Call(Repeat::kSafe, stub, method, request);
}

absl::StatusOr<v1::CreateAccountResponse> Client::CreateAccount(v1::CreateAccountRequest request) {
  return CallOnce(&Stubs::account, &v1::AccountService::Stub::CreateAccount, std::move(request));
}

absl::StatusOr<v1::GetAccountResponse> Client::GetAccount(const v1::GetAccountRequest& request) {
  return Call(Repeat::kSafe, &Stubs::account, &v1::AccountService::Stub::GetAccount, request);
}

absl::StatusOr<v1::ListAccountsResponse> Client::ListAccounts(
    const v1::ListAccountsRequest& request) {
  return Call(Repeat::kSafe, &Stubs::account, &v1::AccountService::Stub::ListAccounts, request);
}

absl::StatusOr<v1::UpdateAccountResponse> Client::UpdateAccount(v1::UpdateAccountRequest request) {
  return CallOnce(&Stubs::account, &v1::AccountService::Stub::UpdateAccount, std::move(request));
}

absl::StatusOr<v1::DeleteAccountResponse> Client::DeleteAccount(v1::DeleteAccountRequest request) {
  return CallOnce(&Stubs::account, &v1::AccountService::Stub::DeleteAccount, std::move(request));
}

absl::StatusOr<v1::CreateNamespaceResponse> Client::CreateNamespace(
    v1::CreateNamespaceRequest request) {
  return CallOnce(&Stubs::account, &v1::AccountService::Stub::CreateNamespace, std::move(request));
}

absl::StatusOr<v1::GetNamespaceResponse> Client::GetNamespace(
    const v1::GetNamespaceRequest& request) {
  return Call(Repeat::kSafe, &Stubs::account, &v1::AccountService::Stub::GetNamespace, request);
}

absl::StatusOr<v1::ListNamespacesResponse> Client::ListNamespaces(
    const v1::ListNamespacesRequest& request) {
  return Call(Repeat::kSafe, &Stubs::account, &v1::AccountService::Stub::ListNamespaces, request);
}

absl::StatusOr<v1::DeleteNamespaceResponse> Client::DeleteNamespace(
    const v1::DeleteNamespaceRequest& request) {
  return Call(Repeat::kUnsafe, &Stubs::account, &v1::AccountService::Stub::DeleteNamespace,
              request);
}

absl::StatusOr<v1::ApplyResponse> Client::Apply(v1::ApplyRequest request) {
  return CallOnce(&Stubs::state, &v1::StateService::Stub::Apply, std::move(request));
}

absl::StatusOr<v1::GetResponse> Client::Get(const v1::GetRequest& request) {
  return Call(Repeat::kSafe, &Stubs::state, &v1::StateService::Stub::Get, request);
}

absl::StatusOr<v1::ScanResponse> Client::Scan(const v1::ScanRequest& request) {
  return Call(Repeat::kSafe, &Stubs::state, &v1::StateService::Stub::Scan, request);
}

absl::StatusOr<v1::GetRequestOutcomeResponse> Client::GetRequestOutcome(
    const v1::GetRequestOutcomeRequest& request) {
  return Call(Repeat::kSafe, &Stubs::state, &v1::StateService::Stub::GetRequestOutcome, request);
}

absl::StatusOr<v1::SendResponse> Client::Send(v1::SendRequest request) {
  return CallOnce(&Stubs::messaging, &v1::MessagingService::Stub::Send, std::move(request));
}

absl::StatusOr<v1::ReceiveResponse> Client::Receive(const v1::ReceiveRequest& request) {
  return Call(Repeat::kSafe, &Stubs::messaging, &v1::MessagingService::Stub::Receive, request);
}

absl::StatusOr<v1::AckResponse> Client::Ack(v1::AckRequest request) {
  return CallOnce(&Stubs::messaging, &v1::MessagingService::Stub::Ack, std::move(request));
}

absl::StatusOr<v1::NackResponse> Client::Nack(const v1::NackRequest& request) {
  return Call(Repeat::kUnsafe, &Stubs::messaging, &v1::MessagingService::Stub::Nack, request);
}

absl::StatusOr<v1::ExtendLeaseResponse> Client::ExtendLease(const v1::ExtendLeaseRequest& request) {
  return Call(Repeat::kSafe, &Stubs::messaging, &v1::MessagingService::Stub::ExtendLease, request);
}

absl::StatusOr<v1::GetMailboxResponse> Client::GetMailbox(const v1::GetMailboxRequest& request) {
  return Call(Repeat::kSafe, &Stubs::messaging, &v1::MessagingService::Stub::GetMailbox, request);
}

absl::StatusOr<v1::ListMailboxResponse> Client::ListMailbox(const v1::ListMailboxRequest& request) {
  return Call(Repeat::kSafe, &Stubs::messaging, &v1::MessagingService::Stub::ListMailbox, request);
}

absl::StatusOr<v1::GetMessageRatesResponse> Client::GetMessageRates(
    const v1::GetMessageRatesRequest& request) {
  return Call(Repeat::kSafe, &Stubs::messaging, &v1::MessagingService::Stub::GetMessageRates,
              request);
}

absl::StatusOr<v1::ListUndeliverableResponse> Client::ListUndeliverable(
    const v1::ListUndeliverableRequest& request) {
  return Call(Repeat::kSafe, &Stubs::messaging, &v1::MessagingService::Stub::ListUndeliverable,
              request);
}

absl::StatusOr<v1::GetUndeliverableResponse> Client::GetUndeliverable(
    const v1::GetUndeliverableRequest& request) {
  return Call(Repeat::kSafe, &Stubs::messaging, &v1::MessagingService::Stub::GetUndeliverable,
              request);
}

absl::StatusOr<v1::RedriveUndeliverableResponse> Client::RedriveUndeliverable(
    const v1::RedriveUndeliverableRequest& request) {
  return Call(Repeat::kUnsafe, &Stubs::messaging, &v1::MessagingService::Stub::RedriveUndeliverable,
              request);
}

absl::StatusOr<v1::PurgeUndeliverableResponse> Client::PurgeUndeliverable(
    const v1::PurgeUndeliverableRequest& request) {
  return Call(Repeat::kUnsafe, &Stubs::messaging, &v1::MessagingService::Stub::PurgeUndeliverable,
              request);
}

absl::StatusOr<v1::ResolveResponse> Client::Resolve(const v1::ResolveRequest& request) {
  return Call(Repeat::kSafe, &Stubs::routing, &v1::RoutingService::Stub::Resolve, request);
}

absl::StatusOr<v1::GetTableResponse> Client::GetTable(const v1::GetTableRequest& request) {
  return Call(Repeat::kSafe, &Stubs::routing, &v1::RoutingService::Stub::GetTable, request);
}

absl::StatusOr<v1::ListShardsResponse> Client::ListShards(const v1::ListShardsRequest& request) {
  return Call(Repeat::kSafe, &Stubs::shard, &v1::ShardService::Stub::ListShards, request);
}

absl::StatusOr<v1::GetShardResponse> Client::GetShard(const v1::GetShardRequest& request) {
  return Call(Repeat::kSafe, &Stubs::shard, &v1::ShardService::Stub::GetShard, request);
}

absl::StatusOr<v1::DiffTablesResponse> Client::DiffTables(const v1::DiffTablesRequest& request) {
  return Call(Repeat::kSafe, &Stubs::routing, &v1::RoutingService::Stub::DiffTables, request);
}

absl::StatusOr<v1::GetShardLineageResponse> Client::GetShardLineage(
    const v1::GetShardLineageRequest& request) {
  return Call(Repeat::kSafe, &Stubs::shard, &v1::ShardService::Stub::GetShardLineage, request);
}

absl::StatusOr<v1::SplitShardResponse> Client::SplitShard(const v1::SplitShardRequest& request) {
  return Call(Repeat::kUnsafe, &Stubs::shard, &v1::ShardService::Stub::SplitShard, request);
}

absl::StatusOr<v1::MergeShardsResponse> Client::MergeShards(const v1::MergeShardsRequest& request) {
  return Call(Repeat::kUnsafe, &Stubs::shard, &v1::ShardService::Stub::MergeShards, request);
}

absl::StatusOr<v1::MoveShardHomeResponse> Client::MoveShardHome(
    const v1::MoveShardHomeRequest& request) {
  return Call(Repeat::kUnsafe, &Stubs::shard, &v1::ShardService::Stub::MoveShardHome, request);
}

absl::StatusOr<v1::CompactShardResponse> Client::CompactShard(
    const v1::CompactShardRequest& request) {
  return Call(Repeat::kUnsafe, &Stubs::shard, &v1::ShardService::Stub::CompactShard, request);
}

absl::StatusOr<v1::VerifyShardResponse> Client::VerifyShard(const v1::VerifyShardRequest& request) {
  return Call(Repeat::kUnsafe, &Stubs::shard, &v1::ShardService::Stub::VerifyShard, request);
}

absl::StatusOr<v1::PauseShardResponse> Client::PauseShard(const v1::PauseShardRequest& request) {
  return Call(Repeat::kSafe, &Stubs::shard, &v1::ShardService::Stub::PauseShard, request);
}

absl::StatusOr<v1::ResumeShardResponse> Client::ResumeShard(const v1::ResumeShardRequest& request) {
  return Call(Repeat::kSafe, &Stubs::shard, &v1::ShardService::Stub::ResumeShard, request);
}

absl::StatusOr<v1::PinShardResponse> Client::PinShard(const v1::PinShardRequest& request) {
  return Call(Repeat::kSafe, &Stubs::shard, &v1::ShardService::Stub::PinShard, request);
}

absl::StatusOr<v1::UnpinShardResponse> Client::UnpinShard(const v1::UnpinShardRequest& request) {
  return Call(Repeat::kSafe, &Stubs::shard, &v1::ShardService::Stub::UnpinShard, request);
}

absl::StatusOr<v1::ListThreadsResponse> Client::ListThreads(const v1::ListThreadsRequest& request) {
  return Call(Repeat::kSafe, &Stubs::thread_tracking, &v1::ThreadTrackingService::Stub::ListThreads,
              request);
}

absl::StatusOr<v1::GetThreadResponse> Client::GetThread(const v1::GetThreadRequest& request) {
  return Call(Repeat::kSafe, &Stubs::thread_tracking, &v1::ThreadTrackingService::Stub::GetThread,
              request);
}

absl::StatusOr<v1::GetLoadResponse> Client::GetLoad(const v1::GetLoadRequest& request) {
  return Call(Repeat::kSafe, &Stubs::load_balancing, &v1::LoadBalancingService::Stub::GetLoad,
              request);
}

absl::StatusOr<v1::GetPolicyResponse> Client::GetPolicy(const v1::GetPolicyRequest& request) {
  return Call(Repeat::kSafe, &Stubs::load_balancing, &v1::LoadBalancingService::Stub::GetPolicy,
              request);
}

absl::StatusOr<v1::SetPolicyResponse> Client::SetPolicy(const v1::SetPolicyRequest& request) {
  return Call(Repeat::kSafe, &Stubs::load_balancing, &v1::LoadBalancingService::Stub::SetPolicy,
              request);
}

absl::StatusOr<v1::PauseBalancingResponse> Client::PauseBalancing(
    const v1::PauseBalancingRequest& request) {
  return Call(Repeat::kSafe, &Stubs::load_balancing,
              &v1::LoadBalancingService::Stub::PauseBalancing, request);
}

absl::StatusOr<v1::ResumeBalancingResponse> Client::ResumeBalancing(
    const v1::ResumeBalancingRequest& request) {
  return Call(Repeat::kSafe, &Stubs::load_balancing,
              &v1::LoadBalancingService::Stub::ResumeBalancing, request);
}

absl::StatusOr<v1::PlanResponse> Client::Plan(const v1::PlanRequest& request) {
  return Call(Repeat::kSafe, &Stubs::load_balancing, &v1::LoadBalancingService::Stub::Plan,
              request);
}

absl::StatusOr<v1::ExplainShardResponse> Client::ExplainShard(
    const v1::ExplainShardRequest& request) {
  return Call(Repeat::kSafe, &Stubs::load_balancing, &v1::LoadBalancingService::Stub::ExplainShard,
              request);
}

absl::StatusOr<v1::ListDecisionsResponse> Client::ListDecisions(
    const v1::ListDecisionsRequest& request) {
  return Call(Repeat::kSafe, &Stubs::load_balancing, &v1::LoadBalancingService::Stub::ListDecisions,
              request);
}

absl::StatusOr<v1::ListOperationsResponse> Client::ListOperations(
    const v1::ListOperationsRequest& request) {
  return Call(Repeat::kSafe, &Stubs::operation, &v1::OperationService::Stub::ListOperations,
              request);
}

absl::StatusOr<v1::GetOperationResponse> Client::GetOperation(
    const v1::GetOperationRequest& request) {
  return Call(Repeat::kSafe, &Stubs::operation, &v1::OperationService::Stub::GetOperation, request);
}

absl::StatusOr<v1::WaitOperationResponse> Client::WaitOperation(
    const v1::WaitOperationRequest& request) {
  return Call(Repeat::kSafe, &Stubs::operation, &v1::OperationService::Stub::WaitOperation,
              request);
}

absl::StatusOr<v1::CancelOperationResponse> Client::CancelOperation(
    const v1::CancelOperationRequest& request) {
  return Call(Repeat::kUnsafe, &Stubs::operation, &v1::OperationService::Stub::CancelOperation,
              request);
}

absl::StatusOr<v1::StatusResponse> Client::Status(const v1::StatusRequest& request) {
  return Call(Repeat::kSafe, &Stubs::admin, &v1::AdminService::Stub::Status, request);
}

absl::StatusOr<v1::GetConfigResponse> Client::GetConfig(const v1::GetConfigRequest& request) {
  return Call(Repeat::kSafe, &Stubs::admin, &v1::AdminService::Stub::GetConfig, request);
}

absl::StatusOr<bool> Client::IsServing() {
  grpc::health::v1::HealthCheckResponse response;
  const absl::Status status = Run(Repeat::kSafe, [&](Stubs& stubs, grpc::ClientContext& context) {
    const auto health = grpc::health::v1::Health::NewStub(stubs.channel);
    return health->Check(&context, grpc::health::v1::HealthCheckRequest(), &response);
  });
  if (!status.ok()) return status;
  return response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
}

Paginator<v1::ListAccountsRequest, v1::ListAccountsResponse> Client::AccountPages(
    v1::ListAccountsRequest request) {
  return {[this](const v1::ListAccountsRequest& page) { return ListAccounts(page); },
          std::move(request)};
}

Paginator<v1::ListNamespacesRequest, v1::ListNamespacesResponse> Client::NamespacePages(
    v1::ListNamespacesRequest request) {
  return {[this](const v1::ListNamespacesRequest& page) { return ListNamespaces(page); },
          std::move(request)};
}

Paginator<v1::ScanRequest, v1::ScanResponse> Client::ScanPages(v1::ScanRequest request) {
  return {[this](const v1::ScanRequest& page) { return Scan(page); }, std::move(request)};
}

Paginator<v1::ListShardsRequest, v1::ListShardsResponse> Client::ShardPages(
    v1::ListShardsRequest request) {
  return {[this](const v1::ListShardsRequest& page) { return ListShards(page); },
          std::move(request)};
}

Paginator<v1::ListOperationsRequest, v1::ListOperationsResponse> Client::OperationPages(
    v1::ListOperationsRequest request) {
  return {[this](const v1::ListOperationsRequest& page) { return ListOperations(page); },
          std::move(request)};
}

Paginator<v1::ListMailboxRequest, v1::ListMailboxResponse> Client::MailboxPages(
    v1::ListMailboxRequest request) {
  return {[this](const v1::ListMailboxRequest& page) { return ListMailbox(page); },
          std::move(request)};
}

Paginator<v1::ListUndeliverableRequest, v1::ListUndeliverableResponse> Client::UndeliverablePages(
    v1::ListUndeliverableRequest request) {
  return {[this](const v1::ListUndeliverableRequest& page) { return ListUndeliverable(page); },
          std::move(request)};
}

Paginator<v1::ListDecisionsRequest, v1::ListDecisionsResponse> Client::DecisionPages(
    v1::ListDecisionsRequest request) {
  return {[this](const v1::ListDecisionsRequest& page) { return ListDecisions(page); },
          std::move(request)};
}

ResponseStream<v1::WatchAccountResponse> Client::WatchAccount(
    const v1::WatchAccountRequest& request) {
  auto context = std::make_shared<grpc::ClientContext>();
  auto reader = connection_->AwaitCurrent().state->WatchAccount(context.get(), request);
  return {std::move(context), std::move(reader)};
}

ResponseStream<v1::WatchTableResponse> Client::WatchTable(const v1::WatchTableRequest& request) {
  auto context = std::make_shared<grpc::ClientContext>();
  auto reader = connection_->AwaitCurrent().routing->WatchTable(context.get(), request);
  return {std::move(context), std::move(reader)};
}

ResponseStream<v1::WatchThreadsResponse> Client::WatchThreads(
    const v1::WatchThreadsRequest& request) {
  auto context = std::make_shared<grpc::ClientContext>();
  auto reader = connection_->AwaitCurrent().thread_tracking->WatchThreads(context.get(), request);
  return {std::move(context), std::move(reader)};
}

ResponseStream<v1::DumpStacksResponse> Client::DumpStacks(const v1::DumpStacksRequest& request) {
  auto context = std::make_shared<grpc::ClientContext>();
  auto reader = connection_->AwaitCurrent().thread_tracking->DumpStacks(context.get(), request);
  return {std::move(context), std::move(reader)};
}

ResponseStream<v1::ExportResponse> Client::Export(const v1::ExportRequest& request) {
  auto context = std::make_shared<grpc::ClientContext>();
  auto reader = connection_->AwaitCurrent().admin->Export(context.get(), request);
  return {std::move(context), std::move(reader)};
}

ResponseStream<v1::StreamLoadTraceResponse> Client::StreamLoadTrace(
    const v1::StreamLoadTraceRequest& request) {
  auto context = std::make_shared<grpc::ClientContext>();
  auto reader = connection_->AwaitCurrent().load_balancing->StreamLoadTrace(context.get(), request);
  return {std::move(context), std::move(reader)};
}

}  // namespace shardd::client
