#include "tests/client/fake_daemon.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/server_builder.h"

namespace shardd::client {
namespace {

using grpc::ServerContext;
using grpc::Status;

// How often a stream looks whether its client is still there.
constexpr std::chrono::milliseconds kLook(10);

v1::Operation FakeOperation(v1::OperationState state) {
  v1::Operation operation;
  operation.set_id("op-1");
  operation.set_kind(v1::OPERATION_KIND_DELETE_NAMESPACE);
  operation.set_state(state);
  operation.set_target("shop");
  operation.mutable_create_time()->set_seconds(1'700'000'000);
  if (state == v1::OPERATION_STATE_SUCCEEDED)
    operation.mutable_end_time()->set_seconds(1'700'000'001);
  return operation;
}

// A page of a list of items, by index.
template <typename Items, typename Add>
std::string Page(const Items& items, int page_size, const std::string& token, Add add) {
  const size_t size = page_size == 0 ? 50 : static_cast<size_t>(page_size);
  size_t index = 0;
  const size_t first = token.empty() ? 0 : std::stoul(token);
  for (const auto& item : items) {
    if (index >= first && index < first + size) add(item);
    ++index;
  }
  return first + size < items.size() ? absl::StrCat(first + size) : "";
}

}  // namespace

// The services, each a thin shell around the store.
struct FakeDaemon::Services {
  explicit Services(FakeDaemon& daemon) : d(daemon) {}

  // Takes the lock and the next fault; runs `call` if there is none.
  template <typename Call>
  Status Run(Call call) {
    const std::lock_guard<std::mutex> lock(d.mutex_);
    ++d.calls_;
    if (d.faults_.failing_calls != 0) {
      if (d.faults_.failing_calls > 0) --d.faults_.failing_calls;
      if (const auto first = std::exchange(d.faults_.first_call_error, std::nullopt)) return *first;
      return d.faults_.call_error;
    }
    const Status status = call(d.store_);
    d.changed_.notify_all();
    return status;
  }

  // Without faults and uncounted.
  template <typename Call>
  Status Look(Call call) {
    const std::lock_guard<std::mutex> lock(d.mutex_);
    return call(d.shards_);
  }

  template <typename Call>
  Status WithShard(const std::string& id, Call call) {
    return Run([&](FakeStore&) {
      v1::Shard* const shard = d.shards_.Find(id);
      if (shard == nullptr) return NoSuch(v1::ERROR_REASON_SHARD_NOT_FOUND, "shard " + id);
      return call(*shard);
    });
  }

  // The shard as `change` makes it, which is what it is from then on, unless it was only validated.
  template <typename Request, typename Change>
  Status ChangeShard(const Request& request, Change change) {
    return Run([&](FakeStore&) {
      Status checked = d.shards_.Check(request.id(), request.expected_epoch());
      if (!checked.ok()) return checked;
      v1::Shard& shard = *d.shards_.Find(request.id());
      v1::Shard changed = shard;
      change(changed);
      if (!request.validate_only()) shard = changed;
      return Status(Status::OK);
    });
  }

  struct Account final : v1::AccountService::Service {
    explicit Account(Services& services) : s(services) {}

    Status CreateAccount(ServerContext*, const v1::CreateAccountRequest* request,
                         v1::CreateAccountResponse* response) override {
      return s.Run([&](FakeStore& store) {
        return store.CreateAccount(*request, response->mutable_account());
      });
    }
    Status GetAccount(ServerContext*, const v1::GetAccountRequest* request,
                      v1::GetAccountResponse* response) override {
      return s.Run([&](FakeStore& store) {
        const FakeStore::Account* account = nullptr;
        const Status status = store.Find(request->account(), &account);
        if (status.ok()) *response->mutable_account() = account->meta;
        return status;
      });
    }
    Status ListAccounts(ServerContext*, const v1::ListAccountsRequest* request,
                        v1::ListAccountsResponse* response) override {
      return s.Run([&](FakeStore& store) {
        std::vector<v1::Account> accounts;
        for (const auto& [key, account] : store.accounts) {
          if (key.first == request->namespace_()) accounts.push_back(account.meta);
        }
        response->set_next_page_token(
            Page(accounts, request->page_size(), request->page_token(),
                 [&](const v1::Account& account) { *response->add_accounts() = account; }));
        return Status::OK;
      });
    }
    Status UpdateAccount(ServerContext*, const v1::UpdateAccountRequest* request,
                         v1::UpdateAccountResponse* response) override {
      return s.Run([&](FakeStore& store) {
        return store.UpdateAccount(*request, response->mutable_account());
      });
    }
    Status DeleteAccount(ServerContext*, const v1::DeleteAccountRequest* request,
                         v1::DeleteAccountResponse* response) override {
      return s.Run([&](FakeStore& store) {
        uint64_t revision = 0;
        const Status status = store.DeleteAccount(*request, &revision);
        response->set_revision(revision);
        return status;
      });
    }
    Status CreateNamespace(ServerContext*, const v1::CreateNamespaceRequest* request,
                           v1::CreateNamespaceResponse* response) override {
      return s.Run([&](FakeStore& store) {
        return store.CreateNamespace(request->name(), response->mutable_namespace_());
      });
    }
    Status GetNamespace(ServerContext*, const v1::GetNamespaceRequest* request,
                        v1::GetNamespaceResponse* response) override {
      return s.Run([&](FakeStore& store) {
        const auto found = store.namespaces.find(request->name());
        if (found == store.namespaces.end()) {
          return NoSuch(v1::ERROR_REASON_NAMESPACE_NOT_FOUND, "namespace " + request->name());
        }
        *response->mutable_namespace_() = found->second;
        return Status::OK;
      });
    }
    Status ListNamespaces(ServerContext*, const v1::ListNamespacesRequest* request,
                          v1::ListNamespacesResponse* response) override {
      return s.Run([&](FakeStore& store) {
        response->set_next_page_token(
            Page(store.namespaces, request->page_size(), request->page_token(),
                 [&](const auto& item) { *response->add_namespaces() = item.second; }));
        return Status::OK;
      });
    }
    Status DeleteNamespace(ServerContext*, const v1::DeleteNamespaceRequest* request,
                           v1::DeleteNamespaceResponse* response) override {
      return s.Run([&](FakeStore& store) {
        store.namespaces.erase(request->name());
        *response->mutable_operation() = FakeOperation(v1::OPERATION_STATE_RUNNING);
        return Status::OK;
      });
    }

    Services& s;
  };

  struct State final : v1::StateService::Service {
    explicit State(Services& services) : s(services) {}

    Status Apply(ServerContext*, const v1::ApplyRequest* request,
                 v1::ApplyResponse* response) override {
      return s.Run([&](FakeStore& store) { return store.Apply(*request, response); });
    }
    Status Get(ServerContext*, const v1::GetRequest* request, v1::GetResponse* response) override {
      return s.Run([&](FakeStore& store) { return store.Get(*request, response); });
    }
    Status Scan(ServerContext*, const v1::ScanRequest* request,
                v1::ScanResponse* response) override {
      return s.Run([&](FakeStore& store) { return store.Scan(*request, response); });
    }
    Status Session(
        ServerContext* context,
        grpc::ServerReaderWriter<v1::SessionResponse, v1::SessionRequest>* stream) override {
      return s.RunSession(context, stream);
    }
    Status WatchAccount(ServerContext* context, const v1::WatchAccountRequest* request,
                        grpc::ServerWriter<v1::WatchAccountResponse>* writer) override {
      return s.RunWatch(context, *request, writer);
    }

    Services& s;
  };

  struct Messaging final : v1::MessagingService::Service {
    explicit Messaging(Services& services) : s(services) {}

    // Waits until the deadline, or until its caller is gone.
    Status Receive(ServerContext* context, const v1::ReceiveRequest* request,
                   v1::ReceiveResponse* response) override {
      const std::string& name_space = request->subscription().namespace_();
      std::unique_lock<std::mutex> lock(s.d.mutex_);
      ++s.d.receives_;
      while (true) {
        if (s.d.stopping_ || context->IsCancelled()) return Status::CANCELLED;
        if (s.d.faults_.failing_receives != 0) {
          if (s.d.faults_.failing_receives > 0) --s.d.faults_.failing_receives;
          return s.d.faults_.call_error;
        }
        if (auto received = s.d.store_.mailboxes.Receive(name_space)) {
          *response->add_messages() = *std::move(received);
          return Status::OK;
        }
        s.d.changed_.wait_for(lock, kLook);
      }
    }
    Status ListMailbox(ServerContext*, const v1::ListMailboxRequest* request,
                       v1::ListMailboxResponse* response) override {
      return s.Run([&](FakeStore& store) {
        store.mailboxes.List(*request, *response);
        return Status::OK;
      });
    }
    Status GetMessageRates(ServerContext*, const v1::GetMessageRatesRequest*,
                           v1::GetMessageRatesResponse* response) override {
      return s.Run([&](FakeStore& store) {
        *response = store.mailboxes.rates;
        return Status::OK;
      });
    }
    Status Nack(ServerContext*, const v1::NackRequest* request, v1::NackResponse*) override {
      return s.Run([&](FakeStore& store) { return store.mailboxes.Nack(*request); });
    }
    Status ExtendLease(ServerContext*, const v1::ExtendLeaseRequest* request,
                       v1::ExtendLeaseResponse*) override {
      return s.Run([&](FakeStore& store) { return store.mailboxes.Extend(*request); });
    }

    Services& s;
  };

  struct Routing final : v1::RoutingService::Service {
    explicit Routing(Services& services) : s(services) {}

    // Every account lies in the first shard.
    Status Resolve(ServerContext*, const v1::ResolveRequest* request,
                   v1::ResolveResponse* response) override {
      return s.Look([&](FakeShards& shards) {
        const v1::Shard* found =
            request->has_shard_id() ? shards.Find(request->shard_id()) : shards.Find("s-0001");
        if (found == nullptr) {
          return NoSuch(v1::ERROR_REASON_SHARD_NOT_FOUND, "shard " + request->shard_id());
        }
        *response->mutable_route() = found->route();
        response->set_epoch(shards.epoch());
        if (!request->has_shard_id()) response->set_routing_key(std::string(16, 'k'));
        return Status::OK;
      });
    }
    Status GetTable(ServerContext*, const v1::GetTableRequest* request,
                    v1::GetTableResponse* response) override {
      return s.Look([&](FakeShards& shards) {
        const v1::RouteTable* const table = shards.Table(request->epoch());
        if (table == nullptr) return NotKept();
        *response->mutable_table() = *table;
        return Status::OK;
      });
    }
    Status DiffTables(ServerContext*, const v1::DiffTablesRequest* request,
                      v1::DiffTablesResponse* response) override {
      return s.Look([&](FakeShards& shards) {
        if (shards.Table(request->from_epoch()) == nullptr) return NotKept();
        v1::RouteTableDiff& diff = *response->mutable_diff();
        const uint64_t to = request->to_epoch() == 0 ? shards.epoch() : request->to_epoch();
        diff.set_epoch(to);
        // Good for one change at a time.
        for (const v1::TableChange& change : shards.changes()) {
          if (change.epoch() <= request->from_epoch() || change.epoch() > to) continue;
          diff.mutable_removed()->MergeFrom(change.removed());
          diff.mutable_added()->MergeFrom(change.added());
        }
        return Status::OK;
      });
    }
    Status WatchTable(ServerContext*, const v1::WatchTableRequest*,
                      grpc::ServerWriter<v1::WatchTableResponse>* writer) override {
      v1::WatchTableResponse response;
      s.Look([&](FakeShards& shards) {
        response.mutable_table()->set_epoch(1);
        *response.mutable_table()->add_routes() = shards.Table(1)->routes(0);
        return Status::OK;
      });
      const v1::Route route = response.table().routes(0);
      writer->Write(response);
      response.mutable_diff()->set_epoch(2);
      *response.mutable_diff()->add_added() = route;
      writer->Write(response);
      return Refusal(grpc::StatusCode::UNAVAILABLE, v1::ERROR_REASON_DRAINING, "shutting down");
    }

    static Status NotKept() {
      return Refusal(grpc::StatusCode::OUT_OF_RANGE, v1::ERROR_REASON_EPOCH_COMPACTED, "gone");
    }

    Services& s;
  };

  struct Shards final : v1::ShardService::Service {
    explicit Shards(Services& services) : s(services) {}

    Status ListShards(ServerContext*, const v1::ListShardsRequest*,
                      v1::ListShardsResponse* response) override {
      return s.Run([&](FakeStore&) {
        for (const v1::Shard& shard : s.d.shards_.List()) *response->add_shards() = shard;
        response->set_epoch(s.d.shards_.epoch());
        return Status::OK;
      });
    }
    Status GetShard(ServerContext*, const v1::GetShardRequest* request,
                    v1::GetShardResponse* response) override {
      return s.WithShard(request->id(), [&](v1::Shard& shard) {
        *response->mutable_shard() = shard;
        return Status::OK;
      });
    }
    Status SplitShard(ServerContext*, const v1::SplitShardRequest* request,
                      v1::SplitShardResponse* response) override {
      return s.Run(
          [&](FakeStore&) { return s.d.shards_.Split(*request, response->mutable_operation()); });
    }
    Status MergeShards(ServerContext*, const v1::MergeShardsRequest* request,
                       v1::MergeShardsResponse* response) override {
      return s.Run(
          [&](FakeStore&) { return s.d.shards_.Merge(*request, response->mutable_operation()); });
    }
    Status MoveShardHome(ServerContext*, const v1::MoveShardHomeRequest* request,
                         v1::MoveShardHomeResponse* response) override {
      return s.Run([&](FakeStore&) {
        return s.d.shards_.MoveHome(*request, response->mutable_operation());
      });
    }
    Status VerifyShard(ServerContext*, const v1::VerifyShardRequest* request,
                       v1::VerifyShardResponse* response) override {
      return s.Run(
          [&](FakeStore&) { return s.d.shards_.Verify(*request, response->mutable_operation()); });
    }
    Status CompactShard(ServerContext*, const v1::CompactShardRequest* request,
                        v1::CompactShardResponse* response) override {
      return s.Run(
          [&](FakeStore&) { return s.d.shards_.Compact(*request, response->mutable_operation()); });
    }
    Status PauseShard(ServerContext*, const v1::PauseShardRequest* request,
                      v1::PauseShardResponse* response) override {
      return s.ChangeShard(*request, [&](v1::Shard& shard) {
        shard.set_state(v1::SHARD_STATE_PAUSED);
        const int64_t seconds = request->has_duration() ? request->duration().seconds() : 60;
        shard.mutable_paused_until()->set_seconds(kFakeNow + seconds);
        *response->mutable_paused_until() = shard.paused_until();
      });
    }
    Status ResumeShard(ServerContext*, const v1::ResumeShardRequest* request,
                       v1::ResumeShardResponse*) override {
      return s.ChangeShard(*request, [&](v1::Shard& shard) {
        shard.set_state(v1::SHARD_STATE_ACTIVE);
        shard.clear_paused_until();
      });
    }
    Status PinShard(ServerContext*, const v1::PinShardRequest* request,
                    v1::PinShardResponse* response) override {
      return s.ChangeShard(*request, [&](v1::Shard& shard) {
        shard.mutable_pinned_until()->set_seconds(kFakeNow + request->duration().seconds());
        *response->mutable_pinned_until() = shard.pinned_until();
      });
    }
    Status UnpinShard(ServerContext*, const v1::UnpinShardRequest* request,
                      v1::UnpinShardResponse*) override {
      return s.ChangeShard(*request, [&](v1::Shard& shard) { shard.clear_pinned_until(); });
    }
    // All changes, whatever the shard.
    Status GetShardLineage(ServerContext*, const v1::GetShardLineageRequest* request,
                           v1::GetShardLineageResponse* response) override {
      return s.WithShard(request->id(), [&](v1::Shard&) {
        const std::vector<v1::TableChange>& changes = s.d.shards_.changes();
        for (auto it = changes.rbegin(); it != changes.rend(); ++it) {
          *response->add_changes() = *it;
        }
        return Status::OK;
      });
    }

    Services& s;
  };

  struct Operations final : v1::OperationService::Service {
    explicit Operations(Services& services) : s(services) {}

    Status ListOperations(ServerContext*, const v1::ListOperationsRequest*,
                          v1::ListOperationsResponse* response) override {
      return s.Look([&](FakeShards& shards) {
        for (auto it = shards.operations.rbegin(); it != shards.operations.rend(); ++it) {
          *response->add_operations() = it->second;
        }
        *response->add_operations() = FakeOperation(v1::OPERATION_STATE_RUNNING);
        return Status::OK;
      });
    }
    Status GetOperation(ServerContext*, const v1::GetOperationRequest* request,
                        v1::GetOperationResponse* response) override {
      return s.Look([&](FakeShards& shards) {
        const auto found = shards.operations.find(request->id());
        if (found == shards.operations.end() && request->id() != "op-1") {
          return NoSuch(v1::ERROR_REASON_OPERATION_NOT_FOUND, "operation " + request->id());
        }
        *response->mutable_operation() = found != shards.operations.end()
                                             ? found->second
                                             : FakeOperation(v1::OPERATION_STATE_RUNNING);
        return Status::OK;
      });
    }
    Status WaitOperation(ServerContext*, const v1::WaitOperationRequest* request,
                         v1::WaitOperationResponse* response) override {
      return s.Run([&](FakeStore&) {
        // Runs at first, and has ended at every second look.
        if (waits++ % 2 == 0) {
          *response->mutable_operation() = FakeOperation(v1::OPERATION_STATE_RUNNING);
          return Status::OK;
        }
        s.d.shards_.verifying.erase(request->id());
        std::erase_if(s.d.shards_.busy,
                      [&](const auto& busy) { return busy.second == request->id(); });
        const auto found = s.d.shards_.operations.find(request->id());
        *response->mutable_operation() = s.d.faults_.ended_operation.value_or(
            found != s.d.shards_.operations.end() ? found->second
                                                  : FakeOperation(v1::OPERATION_STATE_SUCCEEDED));
        return Status::OK;
      });
    }
    Status CancelOperation(ServerContext*, const v1::CancelOperationRequest*,
                           v1::CancelOperationResponse* response) override {
      *response->mutable_operation() = FakeOperation(v1::OPERATION_STATE_CANCELLING);
      return Status::OK;
    }

    Services& s;
    int waits = 0;
  };

  struct Admin final : v1::AdminService::Service {
    explicit Admin(Services& services) : s(services) {}

    grpc::Status Status(ServerContext*, const v1::StatusRequest*,
                        v1::StatusResponse* response) override {
      return s.Run([&](FakeStore&) {
        *response = s.d.status_;
        return grpc::Status::OK;
      });
    }
    grpc::Status GetConfig(ServerContext*, const v1::GetConfigRequest*,
                           v1::GetConfigResponse* response) override {
      v1::ConfigValue& value = *response->add_values();
      value.set_key("storage.data");
      value.set_value("/var/lib/shardd");
      value.set_origin("flag");
      value.set_help("Where the data lies.");
      return grpc::Status::OK;
    }
    grpc::Status Export(ServerContext*, const v1::ExportRequest* request,
                        grpc::ServerWriter<v1::ExportResponse>* writer) override {
      return s.RunExport(*request, writer);
    }

    Services& s;
  };

  struct Health final : grpc::health::v1::Health::Service {
    explicit Health(Services& services) : s(services) {}

    Status Check(ServerContext*, const grpc::health::v1::HealthCheckRequest*,
                 grpc::health::v1::HealthCheckResponse* response) override {
      return s.Run([&](FakeStore&) {
        response->set_status(s.d.serving_ ? grpc::health::v1::HealthCheckResponse::SERVING
                                          : grpc::health::v1::HealthCheckResponse::NOT_SERVING);
        return Status::OK;
      });
    }

    Services& s;
  };

  v1::SessionResult RunOperation(const v1::SessionOperation& operation) {
    v1::SessionResult result;
    Status status;
    if (d.faults_.put_off_operations != 0) {
      if (d.faults_.put_off_operations > 0) --d.faults_.put_off_operations;
      status = Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, v1::ERROR_REASON_MAILBOX_FULL,
                       "the mailbox is full", 50);
    } else if (operation.has_apply()) {
      status = d.store_.Apply(operation.apply(), result.mutable_apply());
    } else if (operation.has_get()) {
      status = d.store_.Get(operation.get(), result.mutable_get());
    } else {
      status = d.store_.Scan(operation.scan(), result.mutable_scan());
    }
    if (!status.ok()) *result.mutable_error() = ToOperationError(status);
    return result;
  }

  Status RunFrame(const v1::SessionRequest& request, v1::SessionResponse& response) {
    const std::lock_guard<std::mutex> lock(d.mutex_);
    ++d.frames_;
    if (d.faults_.refuse_large_frames && request.ByteSizeLong() > 200'000) {
      return Refusal(grpc::StatusCode::INVALID_ARGUMENT, v1::ERROR_REASON_FRAME_TOO_LARGE,
                     "the frame is too large");
    }
    response.set_frame_id(request.frame_id());
    for (const v1::SessionOperation& operation : request.operations()) {
      *response.add_results() = RunOperation(operation);
    }
    d.changed_.notify_all();
    if (d.frames_ == d.faults_.break_at_frame) {
      return Status(grpc::StatusCode::UNAVAILABLE, "the daemon died");
    }
    return Status::OK;
  }

  Status RunSession(ServerContext* context,
                    grpc::ServerReaderWriter<v1::SessionResponse, v1::SessionRequest>* stream) {
    {
      std::unique_lock<std::mutex> lock(d.mutex_);
      ++d.sessions_;
      while (d.faults_.silent_sessions && !context->IsCancelled() && !d.stopping_) {
        d.changed_.wait_for(lock, kLook);
      }
    }
    v1::SessionRequest request;
    while (stream->Read(&request)) {
      v1::SessionResponse response;
      if (const Status status = RunFrame(request, response); !status.ok()) return status;
      stream->Write(response);
    }
    return Status::OK;
  }

  Status RunWatch(ServerContext* context, const v1::WatchAccountRequest& request,
                  grpc::ServerWriter<v1::WatchAccountResponse>* writer) {
    std::unique_lock<std::mutex> lock(d.mutex_);
    uint64_t next = request.start_revision();
    while (!context->IsCancelled() && !d.stopping_) {
      const FakeStore::Account* found = nullptr;
      if (Status status = d.store_.Find(request.account(), &found); !status.ok()) return status;
      if (next == 0) next = found->meta.revision() + 1;
      v1::WatchAccountResponse response;
      for (const v1::AccountChange& change : found->changes) {
        if (change.revision() >= next) *response.add_changes() = change;
      }
      next = std::max(next, found->meta.revision() + 1);
      response.set_progress_revision(found->meta.revision());
      if (response.changes_size() > 0) writer->Write(response);
      d.changed_.wait_for(lock, kLook);
    }
    return Status(grpc::StatusCode::UNAVAILABLE, "stopping");
  }

  // One record a frame; entries of an account come in two records, so that `continues` is used.
  Status RunExport(const v1::ExportRequest& request,
                   grpc::ServerWriter<v1::ExportResponse>* writer) {
    const std::lock_guard<std::mutex> lock(d.mutex_);
    std::vector<v1::ExportRecord> records;
    for (const auto& [key, found] : d.store_.accounts) {
      if (request.has_namespace_() && key.first != request.namespace_()) continue;
      v1::ExportRecord record;
      *record.mutable_account() = found.meta;
      for (const auto& [name, entry] : found.entries) {
        if (record.entries_size() == 1 && !record.continues()) {
          record.set_continues(true);
          records.push_back(record);
          record.clear_entries();
          record.clear_continues();
        }
        *record.add_entries() = entry;
      }
      records.push_back(record);
    }
    const size_t first = request.page_token().empty() ? 0 : std::stoul(request.page_token());
    int sent = 0;
    for (size_t i = first; i < records.size(); ++i) {
      v1::ExportResponse response;
      *response.add_records() = records[i];
      if (i + 1 < records.size()) response.set_next_page_token(absl::StrCat(i + 1));
      writer->Write(response);
      // Break in the middle of accounts too, but let each stream get somewhere.
      if (d.faults_.break_exports && i + 1 < records.size() && ++sent == 3) {
        return Status(grpc::StatusCode::UNAVAILABLE, "the daemon died");
      }
    }
    return Status::OK;
  }

  FakeDaemon& d;
  Account account{*this};
  State state{*this};
  Messaging messaging{*this};
  Routing routing{*this};
  Shards shards{*this};
  FakeThreads threads;
  FakeBalancing balancing;
  Operations operations{*this};
  Admin admin{*this};
  Health health{*this};
};

FakeDaemon::FakeDaemon(absl::Duration connection_age_max)
    : connection_age_max_(connection_age_max), services_(std::make_unique<Services>(*this)) {
  status_.set_verdict(v1::VERDICT_HEALTHY);
  status_.set_version("0.1.0");
  status_.set_listen("127.0.0.1:7400");
  status_.set_shard_count(4);
  status_.set_epoch(1);
  status_.mutable_start_time()->set_seconds(1'700'000'000);
  status_.mutable_uptime()->set_seconds(93'600);
  Start();
}

FakeDaemon::~FakeDaemon() { Stop(); }

void FakeDaemon::Start() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = false;
  }
  int port = 0;
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(8 << 20);
  if (connection_age_max_ != absl::InfiniteDuration()) {
    constexpr int kGraceMs = 50;
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               static_cast<int>(absl::ToInt64Milliseconds(connection_age_max_)));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kGraceMs);
  }
  builder.AddListeningPort(endpoint_, grpc::InsecureServerCredentials(), &port);
  for (grpc::Service* service : std::initializer_list<grpc::Service*>{
           &services_->account, &services_->state, &services_->messaging, &services_->routing,
           &services_->shards,
           &services_->threads, &services_->balancing, &services_->operations, &services_->admin,
           &services_->health}) {
    builder.RegisterService(service);
  }
  server_ = builder.BuildAndStart();
  endpoint_ = absl::StrCat("127.0.0.1:", port);
}

void FakeDaemon::Stop() {
  if (server_ == nullptr) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  server_->Shutdown(gpr_time_0(GPR_CLOCK_REALTIME));
  server_.reset();
}

FakeThreads& FakeDaemon::threads() { return services_->threads; }
FakeBalancing& FakeDaemon::balancing() { return services_->balancing; }

void FakeDaemon::SetFaults(const Faults& faults) {
  const std::lock_guard<std::mutex> lock(mutex_);
  faults_ = faults;
}

void FakeDaemon::SetStatus(const v1::StatusResponse& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  status_ = status;
}

void FakeDaemon::SetServing(bool serving) {
  const std::lock_guard<std::mutex> lock(mutex_);
  serving_ = serving;
}

int FakeDaemon::receives() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return receives_;
}

int FakeDaemon::calls() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return calls_;
}

int FakeDaemon::sessions() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return sessions_;
}

int FakeDaemon::frames() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return frames_;
}

absl::Time JumpingClock::Now() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return RealClock().Now() + jumped_;
}

void JumpingClock::Wait(absl::Duration duration) {
  const std::lock_guard<std::mutex> lock(mutex_);
  waits_.push_back(duration);
  jumped_ += duration;
}

std::vector<absl::Duration> JumpingClock::waits() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return waits_;
}

}  // namespace shardd::client
