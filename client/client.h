#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/clock.h"
#include "client/connection.h"
#include "client/paginator.h"
#include "client/request_id.h"
#include "client/response_stream.h"
#include "client/retry.h"
#include "grpcpp/client_context.h"

namespace shardd::client {

struct ClientOptions {
  ConnectionOptions connection;
  // Bounds a call with all of its tries.
  absl::Duration timeout = absl::Seconds(5);
  RetryPolicy retry;
};

// The daemon, call by call.
//
// Every call has a deadline. A call is repeated only if that is safe (it reads, or carries a
// request_id, or the daemon vouches that it had no effect) and likely to help (see IsTransient). A
// write without a request_id gets a random one, so that it may be repeated. An error keeps what the
// daemon said about it: see DetailOf. It is that of the last try, but its effect speaks of all: if
// any of them may have taken effect, it is UNKNOWN.
//
// Thread safety: all methods may be called from any thread.
class Client {
 public:
  // `clock` must outlive the client.
  static absl::StatusOr<std::unique_ptr<Client>> Create(const ClientOptions& options,
                                                        Clock& clock = RealClock(),
                                                        RandomBits random = SystemRandom());

  // Accounts and namespaces.
  absl::StatusOr<v1::CreateAccountResponse> CreateAccount(v1::CreateAccountRequest request);
  absl::StatusOr<v1::GetAccountResponse> GetAccount(const v1::GetAccountRequest& request);
  absl::StatusOr<v1::ListAccountsResponse> ListAccounts(const v1::ListAccountsRequest& request);
  absl::StatusOr<v1::UpdateAccountResponse> UpdateAccount(v1::UpdateAccountRequest request);
  absl::StatusOr<v1::DeleteAccountResponse> DeleteAccount(v1::DeleteAccountRequest request);
  absl::StatusOr<v1::CreateNamespaceResponse> CreateNamespace(v1::CreateNamespaceRequest request);
  absl::StatusOr<v1::GetNamespaceResponse> GetNamespace(const v1::GetNamespaceRequest& request);
  absl::StatusOr<v1::ListNamespacesResponse> ListNamespaces(
      const v1::ListNamespacesRequest& request);
  // Has no request_id.
  absl::StatusOr<v1::DeleteNamespaceResponse> DeleteNamespace(
      const v1::DeleteNamespaceRequest& request);

  // The state of accounts.
  absl::StatusOr<v1::ApplyResponse> Apply(v1::ApplyRequest request);
  absl::StatusOr<v1::GetResponse> Get(const v1::GetRequest& request);
  absl::StatusOr<v1::ScanResponse> Scan(const v1::ScanRequest& request);
  absl::StatusOr<v1::GetRequestOutcomeResponse> GetRequestOutcome(
      const v1::GetRequestOutcomeRequest& request);

  // Messages between accounts. What was received under an answer that is lost comes again when its
  // lease has ended.
  absl::StatusOr<v1::SendResponse> Send(v1::SendRequest request);
  absl::StatusOr<v1::ReceiveResponse> Receive(const v1::ReceiveRequest& request);
  absl::StatusOr<v1::AckResponse> Ack(v1::AckRequest request);
  // Has no request_id: a repeat of one that was made finds that the lease has ended.
  absl::StatusOr<v1::NackResponse> Nack(const v1::NackRequest& request);
  absl::StatusOr<v1::ExtendLeaseResponse> ExtendLease(const v1::ExtendLeaseRequest& request);
  absl::StatusOr<v1::GetMailboxResponse> GetMailbox(const v1::GetMailboxRequest& request);
  absl::StatusOr<v1::ListMailboxResponse> ListMailbox(const v1::ListMailboxRequest& request);
  absl::StatusOr<v1::GetMessageRatesResponse> GetMessageRates(
      const v1::GetMessageRatesRequest& request);
  absl::StatusOr<v1::ListUndeliverableResponse> ListUndeliverable(
      const v1::ListUndeliverableRequest& request);
  absl::StatusOr<v1::GetUndeliverableResponse> GetUndeliverable(
      const v1::GetUndeliverableRequest& request);
  // Have no request_id: likewise.
  absl::StatusOr<v1::RedriveUndeliverableResponse> RedriveUndeliverable(
      const v1::RedriveUndeliverableRequest& request);
  absl::StatusOr<v1::PurgeUndeliverableResponse> PurgeUndeliverable(
      const v1::PurgeUndeliverableRequest& request);

  // Where accounts are, and what serves them.
  absl::StatusOr<v1::ResolveResponse> Resolve(const v1::ResolveRequest& request);
  absl::StatusOr<v1::GetTableResponse> GetTable(const v1::GetTableRequest& request);
  absl::StatusOr<v1::ListShardsResponse> ListShards(const v1::ListShardsRequest& request);
  absl::StatusOr<v1::GetShardResponse> GetShard(const v1::GetShardRequest& request);
  absl::StatusOr<v1::GetShardLineageResponse> GetShardLineage(
      const v1::GetShardLineageRequest& request);
  absl::StatusOr<v1::DiffTablesResponse> DiffTables(const v1::DiffTablesRequest& request);
  absl::StatusOr<v1::ListThreadsResponse> ListThreads(const v1::ListThreadsRequest& request);
  absl::StatusOr<v1::GetThreadResponse> GetThread(const v1::GetThreadRequest& request);

  // Changes of shards, and what looks after them. Those that begin an operation have no request_id.
  absl::StatusOr<v1::SplitShardResponse> SplitShard(const v1::SplitShardRequest& request);
  absl::StatusOr<v1::MergeShardsResponse> MergeShards(const v1::MergeShardsRequest& request);
  absl::StatusOr<v1::MoveShardHomeResponse> MoveShardHome(const v1::MoveShardHomeRequest& request);
  absl::StatusOr<v1::CompactShardResponse> CompactShard(const v1::CompactShardRequest& request);
  absl::StatusOr<v1::VerifyShardResponse> VerifyShard(const v1::VerifyShardRequest& request);
  absl::StatusOr<v1::PauseShardResponse> PauseShard(const v1::PauseShardRequest& request);
  absl::StatusOr<v1::ResumeShardResponse> ResumeShard(const v1::ResumeShardRequest& request);
  absl::StatusOr<v1::PinShardResponse> PinShard(const v1::PinShardRequest& request);
  absl::StatusOr<v1::UnpinShardResponse> UnpinShard(const v1::UnpinShardRequest& request);

  // Balancing. Changes are tried again: they come to the same.
  absl::StatusOr<v1::GetLoadResponse> GetLoad(const v1::GetLoadRequest& request);
  absl::StatusOr<v1::GetPolicyResponse> GetPolicy(const v1::GetPolicyRequest& request);
  absl::StatusOr<v1::SetPolicyResponse> SetPolicy(const v1::SetPolicyRequest& request);
  absl::StatusOr<v1::PauseBalancingResponse> PauseBalancing(
      const v1::PauseBalancingRequest& request);
  absl::StatusOr<v1::ResumeBalancingResponse> ResumeBalancing(
      const v1::ResumeBalancingRequest& request);
  absl::StatusOr<v1::PlanResponse> Plan(const v1::PlanRequest& request);
  absl::StatusOr<v1::ExplainShardResponse> ExplainShard(const v1::ExplainShardRequest& request);
  absl::StatusOr<v1::ListDecisionsResponse> ListDecisions(const v1::ListDecisionsRequest& request);

  // Long-running jobs.
  absl::StatusOr<v1::ListOperationsResponse> ListOperations(
      const v1::ListOperationsRequest& request);
  absl::StatusOr<v1::GetOperationResponse> GetOperation(const v1::GetOperationRequest& request);
  absl::StatusOr<v1::WaitOperationResponse> WaitOperation(const v1::WaitOperationRequest& request);
  // Has no request_id.
  absl::StatusOr<v1::CancelOperationResponse> CancelOperation(
      const v1::CancelOperationRequest& request);

  // The daemon as a whole.
  absl::StatusOr<v1::StatusResponse> Status(const v1::StatusRequest& request);
  absl::StatusOr<v1::GetConfigResponse> GetConfig(const v1::GetConfigRequest& request);
  // Whether the daemon says through grpc.health.v1 that it serves.
  absl::StatusOr<bool> IsServing();

  // Page by page; see Paginator.
  Paginator<v1::ListAccountsRequest, v1::ListAccountsResponse> AccountPages(
      v1::ListAccountsRequest request);
  Paginator<v1::ListNamespacesRequest, v1::ListNamespacesResponse> NamespacePages(
      v1::ListNamespacesRequest request);
  Paginator<v1::ScanRequest, v1::ScanResponse> ScanPages(v1::ScanRequest request);
  Paginator<v1::ListShardsRequest, v1::ListShardsResponse> ShardPages(
      v1::ListShardsRequest request);
  Paginator<v1::ListOperationsRequest, v1::ListOperationsResponse> OperationPages(
      v1::ListOperationsRequest request);

  Paginator<v1::ListMailboxRequest, v1::ListMailboxResponse> MailboxPages(
      v1::ListMailboxRequest request);
  Paginator<v1::ListUndeliverableRequest, v1::ListUndeliverableResponse> UndeliverablePages(
      v1::ListUndeliverableRequest request);
  Paginator<v1::ListDecisionsRequest, v1::ListDecisionsResponse> DecisionPages(
      v1::ListDecisionsRequest request);

  // Streams have no deadline; keepalive finds out when the daemon is gone. They are not repeated.
  ResponseStream<v1::WatchAccountResponse> WatchAccount(const v1::WatchAccountRequest& request);
  ResponseStream<v1::WatchTableResponse> WatchTable(const v1::WatchTableRequest& request);
  ResponseStream<v1::WatchThreadsResponse> WatchThreads(const v1::WatchThreadsRequest& request);
  ResponseStream<v1::DumpStacksResponse> DumpStacks(const v1::DumpStacksRequest& request);
  ResponseStream<v1::ExportResponse> Export(const v1::ExportRequest& request);
  ResponseStream<v1::StreamLoadTraceResponse> StreamLoadTrace(
      const v1::StreamLoadTraceRequest& request);

  Connection& connection() { return *connection_; }
  Clock& clock() { return clock_; }
  const RandomBits& random() const { return random_; }
  const ClientOptions& options() const { return options_; }

 private:
  enum class Repeat { kSafe, kUnsafe };
  // Makes one try on the given stubs.
  using Try = std::function<grpc::Status(Stubs&, grpc::ClientContext&)>;

  Client(const ClientOptions& options, std::unique_ptr<Connection> connection, Clock& clock,
         RandomBits random);

  absl::Status Run(Repeat repeat, const Try& attempt);

  template <typename Request, typename Response, typename Stub>
  absl::StatusOr<Response> Call(Repeat repeat, std::unique_ptr<Stub> Stubs::*stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request);
  template <typename Request, typename Response, typename Stub>
  absl::StatusOr<Response> CallOnce(std::unique_ptr<Stub> Stubs::*stub,
                                    grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                 const Request&, Response*),
                                    Request request);

  const ClientOptions options_;
  const std::unique_ptr<Connection> connection_;
  Clock& clock_;
  const RandomBits random_;
};

}  // namespace shardd::client
