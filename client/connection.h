#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/channel_arguments.h"
#include "shardd/v1/account.grpc.pb.h"
#include "shardd/v1/admin.grpc.pb.h"
#include "shardd/v1/load_balancing.grpc.pb.h"
#include "shardd/v1/messaging.grpc.pb.h"
#include "shardd/v1/operation.grpc.pb.h"
#include "shardd/v1/routing.grpc.pb.h"
#include "shardd/v1/shard.grpc.pb.h"
#include "shardd/v1/state.grpc.pb.h"
#include "shardd/v1/thread_tracking.grpc.pb.h"

namespace shardd::client {

struct ConnectionOptions {
  // "host:port" or "unix:/path", tried in turn. They must be addresses of one and the same daemon:
  // a write whose answer was lost is tried again at the next one, and only the daemon that made it
  // knows its request_id. Different daemons would each make it.
  std::vector<std::string> endpoints = {"127.0.0.1:7400"};
  // The daemon takes one ping every 10 seconds; more often, and it hangs up.
  absl::Duration keepalive_interval = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(10);
  // Pages and export frames hold up to 1 MiB of values; this leaves room for their names.
  int message_bytes_max = 16 << 20;
};

// The generated stubs on one channel.
struct Stubs {
  explicit Stubs(std::shared_ptr<grpc::Channel> channel_to_use);

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::AccountService::Stub> account;
  std::unique_ptr<v1::AdminService::Stub> admin;
  std::unique_ptr<v1::LoadBalancingService::Stub> load_balancing;
  std::unique_ptr<v1::MessagingService::Stub> messaging;
  std::unique_ptr<v1::OperationService::Stub> operation;
  std::unique_ptr<v1::RoutingService::Stub> routing;
  std::unique_ptr<v1::ShardService::Stub> shard;
  std::unique_ptr<v1::StateService::Stub> state;
  std::unique_ptr<v1::ThreadTrackingService::Stub> thread_tracking;
};

// A channel for each endpoint, one of them current. Connects on first use.
//
// Thread safety: all methods may be called from any thread.
class Connection {
 public:
  // Refuses an empty list and malformed endpoints.
  static absl::StatusOr<std::unique_ptr<Connection>> Create(const ConnectionOptions& options);

  // The stubs to use now; valid as long as the connection.
  Stubs& current() { return *stubs_[index_.load() % stubs_.size()]; }

  // The same for who may wait. If the endpoint could not be reached just now, waits a moment for it
  // to be back: while nobody waits, gRPC looks only every five seconds.
  Stubs& AwaitCurrent();

  // The endpoint that `current` speaks to.
  const std::string& endpoint() const { return endpoints_[index_.load() % endpoints_.size()]; }

  // The endpoint of `failed` is not reachable: the next one becomes current, unless another
  // caller has moved on already.
  void MoveOn(const Stubs& failed);

 private:
  explicit Connection(const ConnectionOptions& options);

  const std::vector<std::string> endpoints_;
  std::vector<std::unique_ptr<Stubs>> stubs_;
  std::atomic<size_t> index_ = 0;
};

// The channel arguments that go with the daemon's own settings. Use them with plain stubs too.
grpc::ChannelArguments ChannelArgumentsFor(const ConnectionOptions& options);

}  // namespace shardd::client
