// Plan: the front end as a whole: the port, health, reflection, admission, draining, counters, and
// that every call of the contract is served.

#include "server/rpc/server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "server/rpc/grpc_log.h"
#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

std::vector<const FileDescriptor*> ContractFiles() {
  return {v1::GetAccountRequest::descriptor()->file(),
          v1::ApplyRequest::descriptor()->file(),
          v1::Route::descriptor()->file(),
          v1::Shard::descriptor()->file(),
          v1::Thread::descriptor()->file(),
          v1::Operation::descriptor()->file(),
          v1::StatusRequest::descriptor()->file()};
}

// The code with which one empty request is answered, whatever the kind of the call.
grpc::StatusCode CodeOfEmptyCall(const std::shared_ptr<grpc::Channel>& channel,
                                 const std::string& path) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  CallScope call;
  const std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream =
      stub.PrepareCall(&call, path, &queue);
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  stream->StartCall(nullptr);
  EXPECT_TRUE(wait());
  const grpc::Slice empty(nullptr, 0);
  stream->WriteLast(grpc::ByteBuffer(&empty, 1), grpc::WriteOptions(), nullptr);
  wait();
  grpc::ByteBuffer response;
  stream->Read(&response, nullptr);
  // Some streams go on for ever: that they have answered is enough.
  if (wait()) call.TryCancel();
  grpc::Status status;
  stream->Finish(&status, nullptr);
  EXPECT_TRUE(wait());
  return status.error_code();
}

TEST(ServerTest, EveryCallOfTheContractIsServed) {
  TestDaemon daemon;
  int calls = 0;
  for (const FileDescriptor* file : ContractFiles()) {
    for (int i = 0; i < file->service_count(); ++i) {
      const ServiceDescriptor& service = *file->service(i);
      for (int j = 0; j < service.method_count(); ++j) {
        const std::string path =
            absl::StrCat("/", service.full_name(), "/", service.method(j)->name());
        SCOPED_TRACE(path);
        EXPECT_NE(CodeOfEmptyCall(daemon.channel(), path), grpc::StatusCode::UNIMPLEMENTED);
        ++calls;
      }
    }
  }
  EXPECT_GT(calls, 25);
  EXPECT_EQ(CodeOfEmptyCall(daemon.channel(), "/shardd.v1.StateService/Nothing"),
            grpc::StatusCode::UNIMPLEMENTED);
}

// What gRPC has logged as errors. A lock, since any of its threads may log.
class LoggedErrors {
 public:
  static void Add(bool error, absl::string_view message) {
    MutexLock lock(mutex_);
    if (error) absl::StrAppend(&text_, message, "\n");
  }
  static std::string Text() {
    MutexLock lock(mutex_);
    return text_;
  }

 private:
  inline static Mutex mutex_;
  inline static std::string text_ ABSL_GUARDED_BY(mutex_);
};

// Plan: open a port that is taken; what gRPC says about it goes to our log, not to standard error.
TEST(ServerTest, SecondServerOnThePortFails) {
  SendGrpcLogTo(&LoggedErrors::Add);
  TestDaemon daemon;
  GrpcFrontEnd::Options options;
  options.listen = daemon.address();
  ThreadRegistry threads(RealClock());
  GrpcFrontEnd second(options, RealClock(), threads);
  const absl::Status status = second.Serve(daemon.runtime());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StrContains(status.message(), daemon.address())) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "in use")) << status;
  EXPECT_TRUE(absl::StrContains(LoggedErrors::Text(), "Address already in use"))
      << LoggedErrors::Text();
  SendGrpcLogTo(nullptr);
}

class HealthTest : public testing::Test {
 protected:
  HealthCheckResponse::ServingStatus Check(const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    CallScope call;
    const grpc::Status status = stub_->Check(&call, request, &response);
    if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
      return HealthCheckResponse::SERVICE_UNKNOWN;
    }
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.status();
  }

  TestDaemon daemon_;
  std::unique_ptr<Health::Stub> stub_ = Health::NewStub(daemon_.channel());
};

TEST_F(HealthTest, KnowsTheDaemonItsServicesAndNothingElse) {
  for (const char* name : {"", "readiness", "liveness", "shardd.v1.StateService"}) {
    EXPECT_EQ(Check(name), HealthCheckResponse::SERVING) << name;
  }
  EXPECT_EQ(Check("shardd.v1.Nothing"), HealthCheckResponse::SERVICE_UNKNOWN);
}

TEST_F(HealthTest, FlipsBeforeTheDaemonStopsAndTellsWatchers) {
  CallScope call;
  const auto watch = stub_->Watch(&call, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  daemon_.front_end().SetServing(false);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Check(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Check("shardd.v1.StateService"), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Check("liveness"), HealthCheckResponse::SERVING);
  // Draining ends work, not the view on it.
  daemon_.front_end().BeginDrain();
  EXPECT_EQ(Check("readiness"), HealthCheckResponse::NOT_SERVING);
  daemon_.Stop();
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_FALSE(watch->Finish().ok());
}

class ReflectionTest : public testing::TestWithParam<const char*> {
 protected:
  // Both versions of the protocol have the same messages, so one kind of them asks both.
  static ServerReflectionResponse Ask(TestDaemon& daemon, const char* service,
                                      const ServerReflectionRequest& request,
                                      grpc::Status* status) {
    const grpc::internal::RpcMethod method(service, grpc::internal::RpcMethod::BIDI_STREAMING);
    CallScope call;
    std::unique_ptr<grpc::ClientReaderWriter<ServerReflectionRequest, ServerReflectionResponse>>
        stream(grpc::internal::ClientReaderWriterFactory<
               ServerReflectionRequest, ServerReflectionResponse>::Create(daemon.channel().get(),
                                                                          method, &call));
    ServerReflectionResponse response;
    stream->Write(request);
    stream->WritesDone();
    stream->Read(&response);
    *status = stream->Finish();
    return response;
  }
};

TEST_P(ReflectionTest, ListsServicesAndGivesTheirFiles) {
  TestDaemon daemon;
  grpc::Status status;
  ServerReflectionRequest request;
  request.set_list_services("");
  ServerReflectionResponse response = Ask(daemon, GetParam(), request, &status);
  EXPECT_TRUE(status.ok()) << status.error_message();
  std::set<std::string> names;
  for (const auto& service : response.list_services_response().service()) {
    names.insert(service.name());
  }
  EXPECT_EQ(names.count("shardd.v1.StateService"), 1u);
  EXPECT_EQ(names.count("grpc.health.v1.Health"), 1u);
  EXPECT_EQ(names.count("grpc.reflection.v1alpha.ServerReflection"), 1u);

  request.set_file_containing_symbol("shardd.v1.StateService.Apply");
  response = Ask(daemon, GetParam(), request, &status);
  EXPECT_GE(response.file_descriptor_response().file_descriptor_proto_size(), 4);
  request.set_file_by_filename("shardd/v1/state.proto");
  response = Ask(daemon, GetParam(), request, &status);
  EXPECT_GE(response.file_descriptor_response().file_descriptor_proto_size(), 4);
  request.set_file_containing_symbol("shardd.v1.Nothing");
  response = Ask(daemon, GetParam(), request, &status);
  EXPECT_EQ(response.error_response().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_P(ReflectionTest, CanBeTurnedOff) {
  TestDaemon::Options options;
  options.front_end.reflection = false;
  TestDaemon daemon(std::move(options));
  grpc::Status status;
  Ask(daemon, GetParam(), ServerReflectionRequest(), &status);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

INSTANTIATE_TEST_SUITE_P(
    Versions, ReflectionTest,
    testing::Values("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"));

TEST(AdmissionTest, TooManyCallsAreRefusedWithAHint) {
  TestDaemon::Options options;
  options.front_end.calls_max = 1;
  TestDaemon daemon(std::move(options));
  daemon.CreateNamespace(kNamespace);
  CallScope session_call;
  const auto session = daemon.state->Session(&session_call);
  v1::SessionRequest frame;
  *frame.add_operations()->mutable_apply() = PutRequest("a", "k", "v");
  v1::SessionResponse answer;
  ASSERT_TRUE(session->Write(frame));
  ASSERT_TRUE(session->Read(&answer));

  v1::ApplyResponse response;
  CallScope call;
  const grpc::Status status = daemon.state->Apply(&call, PutRequest("b", "k", "v"), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const ErrorFacts facts = FactsOf(status);
  EXPECT_EQ(facts.reason, "TOO_MANY_CALLS");
  EXPECT_TRUE(facts.retry_after.has_value());
  EXPECT_EQ(call.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);
  // Probes are not counted: an orchestrator must not take a busy daemon for a dead one.
  HealthCheckResponse health;
  CallScope health_call;
  EXPECT_TRUE(
      Health::NewStub(daemon.channel())->Check(&health_call, HealthCheckRequest(), &health).ok());
  session->WritesDone();
  EXPECT_TRUE(session->Finish().ok());
  daemon.Put("b", "k", "v");
}

TEST(DrainTest, WorkIsRefusedAndOperatorsLookOn) {
  TestDaemon daemon;
  daemon.CreateNamespace(kNamespace);
  daemon.front_end().BeginDrain();
  v1::ApplyResponse response;
  CallScope call;
  const grpc::Status status = daemon.state->Apply(&call, PutRequest("a", "k", "v"), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(FactsOf(status).reason, "DRAINING");
  v1::StatusResponse daemon_status;
  CallScope status_call;
  ASSERT_TRUE(daemon.admin->Status(&status_call, v1::StatusRequest(), &daemon_status).ok());
  EXPECT_EQ(daemon_status.verdict(), v1::VERDICT_DRAINING);
}

TEST(CountersTest, CallsAreCountedByMethodAndCode) {
  TestDaemon daemon;
  daemon.CreateNamespace(kNamespace);
  daemon.Put("a", "k", "v");
  daemon.Put("a", "k", "w");
  v1::ApplyResponse response;
  CallScope call;
  EXPECT_FALSE(daemon.state->Apply(&call, PutRequest("", "k", "v"), &response).ok());
  for (const MethodCounts& counts : daemon.front_end().counts()) {
    if (counts.method != "Apply") continue;
    EXPECT_EQ(counts.service, "shardd.v1.StateService");
    EXPECT_EQ(counts.type, "unary");
    EXPECT_EQ(counts.started, 3u);
    EXPECT_EQ(counts.handled[grpc::StatusCode::OK], 2u);
    EXPECT_EQ(counts.handled[grpc::StatusCode::INVALID_ARGUMENT], 1u);
    uint64_t in_buckets = 0;
    for (const uint64_t bucket : counts.buckets) in_buckets += bucket;
    EXPECT_EQ(in_buckets, 3u);
  }
}

}  // namespace
}  // namespace shardd::rpc
