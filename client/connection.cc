#include "client/connection.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace shardd::client {
namespace {

absl::Status CheckEndpoint(const std::string& endpoint) {
  if (absl::StartsWith(endpoint, "unix:") && endpoint.size() > 5) return absl::OkStatus();
  const size_t colon = endpoint.rfind(':');
  int port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(endpoint.substr(colon + 1), &port) || port < 1 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("endpoint \"", endpoint, "\" is neither host:port nor unix:/path"));
  }
  return absl::OkStatus();
}

int Millis(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace

grpc::ChannelArguments ChannelArgumentsFor(const ConnectionOptions& options) {
  constexpr int kReconnectFirstMs = 100;
  constexpr int kReconnectMaxMs = 1000;
  constexpr int kConnectMs = 5000;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Millis(options.keepalive_interval));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Millis(options.keepalive_timeout));
  // A quiet watch must go on being probed.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, options.message_bytes_max);
  // Only this library knows which calls are safe to repeat.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectFirstMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMaxMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

Stubs::Stubs(std::shared_ptr<grpc::Channel> channel_to_use)
    : channel(std::move(channel_to_use)),
      account(v1::AccountService::NewStub(channel)),
      admin(v1::AdminService::NewStub(channel)),
      load_balancing(v1::LoadBalancingService::NewStub(channel)),
      messaging(v1::MessagingService::NewStub(channel)),
      operation(v1::OperationService::NewStub(channel)),
      routing(v1::RoutingService::NewStub(channel)),
      shard(v1::ShardService::NewStub(channel)),
      state(v1::StateService::NewStub(channel)),
      thread_tracking(v1::ThreadTrackingService::NewStub(channel)) {}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Create(const ConnectionOptions& options) {
  if (options.endpoints.empty()) return absl::InvalidArgumentError("no endpoint is given");
  for (const std::string& endpoint : options.endpoints) {
    if (absl::Status status = CheckEndpoint(endpoint); !status.ok()) return status;
  }
  return std::unique_ptr<Connection>(new Connection(options));
}

Connection::Connection(const ConnectionOptions& options) : endpoints_(options.endpoints) {
  const grpc::ChannelArguments arguments = ChannelArgumentsFor(options);
  for (const std::string& endpoint : endpoints_) {
    stubs_.push_back(std::make_unique<Stubs>(
        grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments)));
  }
}

Stubs& Connection::AwaitCurrent() {
  constexpr absl::Duration kPatience = absl::Milliseconds(100);
  Stubs& stubs = current();
  if (stubs.channel->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_TRANSIENT_FAILURE) {
    stubs.channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kPatience));
  }
  return stubs;
}

void Connection::MoveOn(const Stubs& failed) {
  size_t index = index_.load();
  if (stubs_[index % stubs_.size()].get() != &failed) return;
  index_.compare_exchange_strong(index, index + 1);
}

}  // namespace shardd::client
