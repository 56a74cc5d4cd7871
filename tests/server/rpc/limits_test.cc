// Plan: reach each bound that gRPC itself keeps for us, on a real connection: what is within it is
// served, what is beyond it is refused, and the connection goes on.

#include "server/base/limits.h"

#include <grpc/support/time.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

using SessionStream = grpc::ClientReaderWriter<v1::SessionRequest, v1::SessionResponse>;

class LimitsTest : public testing::Test {
 protected:
  void SetUp() override { daemon_.CreateNamespace(kNamespace); }

  grpc::Status Apply(const v1::ApplyRequest& request, grpc::ClientContext& call) {
    v1::ApplyResponse response;
    return daemon_.state->Apply(&call, request, &response);
  }

  TestDaemon daemon_;
};

// A write whose message has this size.
v1::ApplyRequest RequestOfSize(size_t bytes) {
  v1::ApplyRequest request = PutRequest("a", "k", std::string(bytes, 'v'));
  std::string& value = *request.mutable_mutations(0)->mutable_put()->mutable_value();
  value.resize(bytes - (request.ByteSizeLong() - bytes));
  EXPECT_EQ(request.ByteSizeLong(), bytes);
  return request;
}

// Plan: the largest message is read, and our own code says what is wrong with it; gRPC refuses one
// more byte, with a code but without any of our details.
TEST_F(LimitsTest, LargestMessageIsReadAndOneMoreByteIsRefused) {
  CallScope largest_call;
  const grpc::Status largest = Apply(RequestOfSize(limits::kMessageBytesMax), largest_call);
  EXPECT_EQ(largest.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FactsOf(largest).reason, "ENTRY_TOO_LARGE");
  CallScope larger_call;
  const grpc::Status larger = Apply(RequestOfSize(limits::kMessageBytesMax + 1), larger_call);
  EXPECT_EQ(larger.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(larger.error_details(), "");
  daemon_.Put("a", "k", "v");
}

TEST_F(LimitsTest, MetadataBeyondItsBoundIsRefused) {
  CallScope within;
  within.AddMetadata("x-note", std::string(limits::kMetadataBytesMax / 2, 'n'));
  EXPECT_TRUE(Apply(PutRequest("a", "k", "v"), within).ok());
  CallScope beyond;
  beyond.AddMetadata("x-note", std::string(limits::kMetadataBytesMax + 1, 'n'));
  const grpc::Status status = Apply(PutRequest("a", "k", "w"), beyond);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_details(), "");
  daemon_.Put("a", "k", "x");
}

// Plan: open as many streams as one connection may have; a further call on it cannot begin before
// one of them has ended, while another connection is served.
TEST_F(LimitsTest, AConnectionHasSoManyStreams) {
  struct OpenSession {
    CallScope call;
    std::unique_ptr<SessionStream> stream;
  };
  std::vector<std::unique_ptr<OpenSession>> sessions;
  const auto state = v1::StateService::NewStub(daemon_.NewChannel());
  for (size_t i = 0; i < limits::kStreamsPerConnectionMax; ++i) {
    sessions.push_back(std::make_unique<OpenSession>());
    sessions.back()->stream = state->Session(&sessions.back()->call);
  }
  v1::ApplyResponse response;
  grpc::ClientContext late;
  late.set_deadline(
      gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_millis(50, GPR_TIMESPAN)));
  EXPECT_EQ(state->Apply(&late, PutRequest("a", "k", "v"), &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  daemon_.Put("a", "k", "v");

  sessions.back()->stream->WritesDone();
  EXPECT_TRUE(sessions.back()->stream->Finish().ok());
  CallScope call;
  EXPECT_TRUE(state->Apply(&call, PutRequest("a", "k", "w"), &response).ok());
  for (const auto& session : sessions) session->call.TryCancel();
}

}  // namespace
}  // namespace shardd::rpc
