#include "tests/server/rpc/test_daemon.h"

#include <grpc/support/time.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace shardd::rpc {
namespace {

constexpr int kDeadlineSeconds = 60;

}  // namespace

TestDaemon::TestDaemon(Options options)
    : clock_(options.clock == nullptr ? RealClock() : *options.clock), thread_registry_(clock_) {
  front_end_ =
      std::make_unique<GrpcFrontEnd>(std::move(options.front_end), clock_, thread_registry_);
  absl::StatusOr<std::unique_ptr<Runtime>> runtime =
      Runtime::Start(store_, clock_, thread_registry_, *front_end_, std::move(options.runtime));
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  runtime_ = *std::move(runtime);
  const absl::Status serving = front_end_->Serve(*runtime_);
  EXPECT_TRUE(serving.ok()) << serving;
  front_end_->SetServing(true);
  channel_ = NewChannel();
  accounts = v1::AccountService::NewStub(channel_);
  state = v1::StateService::NewStub(channel_);
  routing = v1::RoutingService::NewStub(channel_);
  shards = v1::ShardService::NewStub(channel_);
  threads = v1::ThreadTrackingService::NewStub(channel_);
  operations = v1::OperationService::NewStub(channel_);
  admin = v1::AdminService::NewStub(channel_);
}

TestDaemon::~TestDaemon() {
  Stop();
  runtime_.reset();
}

void TestDaemon::Stop() {
  store_.Open();
  front_end_->SetServing(false);
  front_end_->BeginDrain();
  const absl::Status drained = runtime_->Drain(clock_.Now() + absl::Seconds(kDeadlineSeconds));
  EXPECT_TRUE(drained.ok()) << drained;
  front_end_->Shutdown(clock_.Now() + absl::Seconds(kDeadlineSeconds));
}

std::string TestDaemon::address() const { return absl::StrCat("127.0.0.1:", front_end_->port()); }

std::shared_ptr<grpc::Channel> TestDaemon::NewChannel() const {
  grpc::ChannelArguments arguments;
  // Channels with the same arguments share a connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address(), grpc::InsecureChannelCredentials(), arguments);
}

void TestDaemon::CreateNamespace(const std::string& name) {
  v1::CreateNamespaceRequest request;
  request.set_name(name);
  v1::CreateNamespaceResponse response;
  CallScope call;
  const grpc::Status status = accounts->CreateNamespace(&call, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

uint64_t TestDaemon::Put(const std::string& id, const std::string& key, const std::string& value) {
  v1::ApplyResponse response;
  CallScope call;
  const grpc::Status status = state->Apply(&call, PutRequest(id, key, value), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.revision();
}

ErrorFacts FactsOf(const grpc::Status& status) {
  ErrorFacts facts;
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  int error_infos = 0;
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad_request;
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&info)) {
      ++error_infos;
      facts.reason = info.reason();
      facts.domain = info.domain();
      facts.metadata.insert(info.metadata().begin(), info.metadata().end());
    } else if (detail.UnpackTo(&bad_request)) {
      EXPECT_EQ(bad_request.field_violations_size(), 1);
      facts.field = bad_request.field_violations(0).field();
    } else if (detail.UnpackTo(&retry)) {
      facts.retry_after = absl::Seconds(retry.retry_delay().seconds()) +
                          absl::Nanoseconds(retry.retry_delay().nanos());
    }
  }
  EXPECT_EQ(error_infos, 1) << status.error_message();
  return facts;
}

CallScope::CallScope() {
  set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_REALTIME),
                            gpr_time_from_seconds(kDeadlineSeconds, GPR_TIMESPAN)));
}

v1::ApplyRequest PutRequest(const std::string& id, const std::string& key,
                            const std::string& value) {
  v1::ApplyRequest request;
  request.mutable_account()->set_namespace_(kNamespace);
  request.mutable_account()->set_id(id);
  request.set_create_account(true);
  v1::Mutation::Put& put = *request.add_mutations()->mutable_put();
  put.set_key(key);
  put.set_value(value);
  return request;
}

}  // namespace shardd::rpc
