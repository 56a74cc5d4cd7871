#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/rpc/server.h"
#include "server/runtime/runtime.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "shardd/v1/account.grpc.pb.h"
#include "shardd/v1/admin.grpc.pb.h"
#include "shardd/v1/operation.grpc.pb.h"
#include "shardd/v1/routing.grpc.pb.h"
#include "shardd/v1/shard.grpc.pb.h"
#include "shardd/v1/state.grpc.pb.h"
#include "shardd/v1/thread_tracking.grpc.pb.h"
#include "storage/memory_store.h"
#include "tests/support/gated_store.h"

namespace shardd::rpc {

// The real front end and the real runtime on a store in memory, behind a port of its own.
class TestDaemon {
 public:
  struct Options {
    GrpcFrontEnd::Options front_end;
    Runtime::Options runtime;
    const Clock* clock = nullptr;  // the machine's if nullptr
  };
  TestDaemon() : TestDaemon(Options()) {}
  explicit TestDaemon(Options options);
  ~TestDaemon();

  // Does what a daemon does to stop. Harmless when called again.
  void Stop();

  std::shared_ptr<grpc::Channel> channel() const { return channel_; }
  // A connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel() const;
  GrpcFrontEnd& front_end() { return *front_end_; }
  Runtime& runtime() { return *runtime_; }
  ThreadRegistry& thread_registry() { return thread_registry_; }
  // Holds up commits while it is shut.
  GatedStore& gate() { return store_; }
  std::string address() const;

  // Creates a namespace, or checks that it can be created.
  void CreateNamespace(const std::string& name);
  // Writes one entry, creates the account; the new revision.
  uint64_t Put(const std::string& id, const std::string& key, const std::string& value);

  std::unique_ptr<v1::AccountService::Stub> accounts;
  std::unique_ptr<v1::StateService::Stub> state;
  std::unique_ptr<v1::RoutingService::Stub> routing;
  std::unique_ptr<v1::ShardService::Stub> shards;
  std::unique_ptr<v1::ThreadTrackingService::Stub> threads;
  std::unique_ptr<v1::OperationService::Stub> operations;
  std::unique_ptr<v1::AdminService::Stub> admin;

 private:
  const Clock& clock_;
  storage::MemoryStore memory_;
  GatedStore store_{memory_};
  ThreadRegistry thread_registry_;
  std::unique_ptr<GrpcFrontEnd> front_end_;
  std::unique_ptr<Runtime> runtime_;
  std::shared_ptr<grpc::Channel> channel_;
};

inline constexpr char kNamespace[] = "test";

// An error as a caller reads it from the details of a status.
struct ErrorFacts {
  std::string reason;
  std::string domain;
  std::map<std::string, std::string> metadata;
  std::string field;  // of BadRequest
  std::optional<absl::Duration> retry_after;
};
ErrorFacts FactsOf(const grpc::Status& status);

// Calls with a deadline far away, so that a test that hangs ends.
class CallScope : public grpc::ClientContext {
 public:
  CallScope();
};

// A write of one entry, which creates the account.
v1::ApplyRequest PutRequest(const std::string& id, const std::string& key,
                            const std::string& value);

}  // namespace shardd::rpc
