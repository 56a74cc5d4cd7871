#include "server/rpc/server.h"

#include <google/protobuf/stubs/logging.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/account_service.h"
#include "server/rpc/load_balancing_service.h"
#include "server/rpc/messaging_service.h"
#include "server/rpc/operation_service.h"
#include "server/rpc/reflection_service.h"
#include "server/rpc/routing_service.h"
#include "server/rpc/shard_service.h"
#include "server/rpc/state_service.h"
#include "server/rpc/thread_tracking_service.h"

namespace shardd::rpc {
namespace {

constexpr absl::Duration kHandshakeTimeout = absl::Seconds(10);
// A connection that has reached its age is told to go elsewhere; this long its calls may go on.
constexpr absl::Duration kConnectionAgeGrace = absl::Minutes(1);
// How often we ask an idle peer whether it is there, and how long we wait; and how often it may ask
// us. A client should ask every 30 seconds, too.
constexpr absl::Duration kKeepaliveTime = absl::Seconds(30);
constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(10);
constexpr absl::Duration kPingIntervalMin = absl::Seconds(10);
// Answers to many small operations may be larger than their requests.
constexpr size_t kSendBytesMax = 2 * limits::kMessageBytesMax;

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

size_t PollerCount(size_t asked) {
  if (asked > 0) return asked;
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return static_cast<size_t>(std::max(1L, cores / 2));
}

}  // namespace

GrpcFrontEnd::GrpcFrontEnd(Options options, const Clock& clock, ThreadRegistry& threads)
    : options_(std::move(options)),
      threads_(threads),
      context_(clock, options_.calls_max, options_.unsent_bytes_max),
      facts_(options_.facts) {
  // Otherwise protobuf prints a line for each message with bad text, and any caller can send those.
  google::protobuf::SetLogHandler(nullptr);
  // gRPC's locks are Abseil's, which Debian builds with a search for deadlocks: each lock taken
  // goes through one graph of all of them.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  facts_.start_time = clock.Now();
  AddServices();
}

GrpcFrontEnd::~GrpcFrontEnd() { Shutdown(context_.clock.Now()); }

void GrpcFrontEnd::AddServices() {
  services_.push_back(std::make_unique<AccountService>(context_));
  services_.push_back(std::make_unique<StateService>(context_));
  services_.push_back(std::make_unique<MessagingService>(context_));
  services_.push_back(std::make_unique<RoutingService>(context_));
  services_.push_back(std::make_unique<ShardService>(context_));
  services_.push_back(std::make_unique<ThreadTrackingService>(context_, threads_));
  services_.push_back(std::make_unique<OperationService>(context_));
  services_.push_back(std::make_unique<LoadBalancingService>(context_));
  services_.push_back(std::make_unique<AdminService>(context_, facts_, threads_));
  for (const auto& service : services_) health_.Add(service->name());
  services_.push_back(std::make_unique<HealthService>(context_, health_));
  if (options_.reflection) {
    for (const char* name : {kReflectionV1, kReflectionV1Alpha}) {
      services_.push_back(std::make_unique<ReflectionService>(name, context_, service_names_));
    }
  }
  for (const auto& service : services_) service_names_.push_back(service->name());
}

void GrpcFrontEnd::Configure(grpc::ServerBuilder& builder) const {
  builder.SetMaxReceiveMessageSize(limits::kMessageBytesMax);
  builder.SetMaxSendMessageSize(kSendBytesMax);
  // Otherwise a second daemon could bind the same port and take half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Its counters cost every call something, and nothing of ours shows them: our own metrics do.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(limits::kStreamsPerConnectionMax));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                             static_cast<int>(limits::kMetadataBytesMax));
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Milliseconds(kHandshakeTimeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(kKeepaliveTime));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(kKeepaliveTimeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             Milliseconds(kPingIntervalMin));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                             Milliseconds(options_.connection_age_max));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                             Milliseconds(kConnectionAgeGrace));
  builder.SetResourceQuota(grpc::ResourceQuota("shardd").Resize(options_.memory_bytes_max));
}

absl::Status GrpcFrontEnd::Serve(Runtime& runtime) {
  context_.runtime = &runtime;
  grpc::ServerBuilder builder;
  Configure(builder);
  builder.AddListeningPort(options_.listen, grpc::InsecureServerCredentials(), &port_);
  for (const auto& service : services_) builder.RegisterService(service.get());
  for (size_t i = 0; i < PollerCount(options_.pollers); ++i) {
    lanes_.push_back(std::make_unique<Lane>(builder.AddCompletionQueue()));
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options_.listen,
                     ": the address is in use, or is not one of this machine's"));
  }
  const size_t host_bytes = options_.listen.rfind(':');
  facts_.listen = absl::StrCat(options_.listen.substr(0, host_bytes), ":", port_);
  for (const auto& lane : lanes_) {
    for (const auto& service : services_) service->PostAll(*lane);
  }
  StartPollers();
  return absl::OkStatus();
}

void GrpcFrontEnd::StartPollers() {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const std::string name = absl::StrCat("poller-", i);
    std::shared_ptr<ThreadRecord> record =
        threads_.Register(name, ThreadRole::kPoller, std::nullopt, nullptr);
    pollers_.push_back(std::make_unique<ServiceThread>(
        name, [this, lane = lanes_[i].get(), record] { Poll(*lane, *record); }));
  }
}

void GrpcFrontEnd::Poll(Lane& lane, ThreadRecord& record) {
  CompletionTag* tag = nullptr;
  bool ok = false;
  record.EnterPhase(ThreadPhase::kIdle);
  while (lane.Next(&tag, &ok)) {
    record.EnterPhase(ThreadPhase::kRunning);
    tag->Complete(ok);
    lane.End();
    record.CountItems(1);
    record.EnterPhase(ThreadPhase::kIdle);
  }
  record.Stop();
}

void GrpcFrontEnd::SetServing(bool serving) {
  health_.SetServing(serving);
  context_.probes.PokeAll();
}

void GrpcFrontEnd::BeginDrain() {
  context_.draining.store(true);
  context_.streams.EndAll(DrainingError());
}

void GrpcFrontEnd::Shutdown(absl::Time deadline) {
  if (server_ != nullptr) {
    SetServing(false);
    BeginDrain();
    context_.probes.EndAll(DrainingError());
    const absl::Duration left = std::max(deadline - context_.clock.Now(), absl::Milliseconds(1));
    server_->Shutdown(
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                     gpr_time_from_millis(absl::ToInt64Milliseconds(left), GPR_TIMESPAN)));
  }
  for (const auto& lane : lanes_) lane->Close();
  if (pollers_.empty()) {
    // The server has never started, so nobody polls; a queue must be empty before it goes.
    CompletionTag* tag = nullptr;
    bool ok = false;
    for (const auto& lane : lanes_) {
      while (lane->Next(&tag, &ok)) tag->Complete(false);
    }
  }
  pollers_.clear();
  lanes_.clear();
  server_.reset();
}

void GrpcFrontEnd::OnReply(Reply reply) {
  // Messages are counted by who passes them on, since those that find no room go back.
  const bool counts = reply.answer.ok() && !std::holds_alternative<ReceiveResult>(*reply.answer);
  if (const size_t bytes = counts ? ReadBytes(*reply.answer) : 0; bytes > 0) {
    // Here, and not where it is sent: what was read must not pile up on the way there either.
    const absl::Status held = context_.unsent.Add(bytes);
    if (!held.ok()) reply.answer = held;
  }
  context_.registry.Deliver(std::move(reply));
}

void GrpcFrontEnd::OnWatchEvent(WatchEvent event) { context_.registry.Deliver(std::move(event)); }

void GrpcFrontEnd::OnCoordinatorReply(CoordinatorReply reply) {
  context_.registry.Deliver(std::move(reply));
}

v1::StatusResponse GrpcFrontEnd::Status() const { return StatusOf(facts_, context_, threads_); }

}  // namespace shardd::rpc
