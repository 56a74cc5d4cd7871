// Plan: reach each bound that the front end has on a real connection, and those that gRPC itself
// keeps for us: what is within it is served, what is beyond it is refused or waits, and the daemon
// goes on.

#include "server/base/limits.h"

#include <grpc/support/time.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
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

// Plan: too much metadata, on a connection of its own, since gRPC may close it; others go on.
TEST_F(LimitsTest, MetadataBeyondItsBoundIsRefused) {
  CallScope within;
  within.AddMetadata("x-note", std::string(limits::kMetadataBytesMax / 2, 'n'));
  EXPECT_TRUE(Apply(PutRequest("a", "k", "v"), within).ok());
  CallScope beyond;
  beyond.AddMetadata("x-note", std::string(limits::kMetadataBytesMax + 1, 'n'));
  v1::ApplyResponse response;
  const grpc::Status status = v1::StateService::NewStub(daemon_.NewChannel())
                                  ->Apply(&beyond, PutRequest("a", "k", "w"), &response);
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

// Plan: while the only worker is held, send frames of one large value each until no more than a
// small part of them may be under way by their bytes, though all by their number; the daemon reads
// no further, until it has answered what it has.
TEST(SessionLimitsTest, AStreamHasSoManyBytesUnderWay) {
  TestDaemon daemon({.front_end = {}, .runtime = {.shard_count = 1}});
  daemon.CreateNamespace(kNamespace);
  daemon.Put("a", "k", "");
  constexpr size_t kFrames = limits::kFramesInFlightMax - 1;
  constexpr size_t kFramesByBytes =
      (limits::kStreamBytesInFlightMax - limits::kMessageBytesMax) / limits::kEntryValueBytesMax;
  static_assert(kFramesByBytes < kFrames);
  CallScope call;
  const std::unique_ptr<SessionStream> session = daemon.state->Session(&call);
  const auto frame = [](size_t value_bytes) {
    v1::SessionRequest request;
    *request.add_operations()->mutable_apply() =
        PutRequest("a", "k", std::string(value_bytes, 'v'));
    return request;
  };
  daemon.gate().Shut();
  ASSERT_TRUE(session->Write(frame(1)));
  daemon.gate().WaitForArrivals(1);
  std::thread writer([&] {
    for (size_t i = 0; i < kFrames; ++i) {
      EXPECT_TRUE(session->Write(frame(limits::kEntryValueBytesMax)));
    }
    session->WritesDone();
  });
  const auto waiting = [&] { return daemon.runtime().Shards()[0].mailbox_depth; };
  while (waiting() < kFramesByBytes) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    CallScope get_call;
    v1::GetRequest get;
    *get.mutable_account() = frame(1).operations(0).apply().account();
    get.add_keys("k");
    v1::GetResponse got;
    EXPECT_TRUE(daemon.state->Get(&get_call, get, &got).ok()) << "the poller goes on";
  }
  EXPECT_EQ(waiting(), kFramesByBytes);
  daemon.gate().Open();
  v1::SessionResponse response;
  size_t answered = 0;
  while (session->Read(&response)) ++answered;
  writer.join();
  EXPECT_EQ(answered, kFrames + 1);
  EXPECT_TRUE(session->Finish().ok());
}

}  // namespace
}  // namespace shardd::rpc
