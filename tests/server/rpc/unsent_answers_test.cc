// Plan: make answers wait up to the bound, by themselves, behind a caller who does not read, and as
// messages: what is beyond is refused, and what has been sent makes room again.

#include "server/rpc/unsent_answers.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "shardd/v1/messaging.grpc.pb.h"
#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

TEST(UnsentAnswersTest, RefusesBeyondItsBound) {
  UnsentAnswers unsent(100);
  EXPECT_TRUE(unsent.Add(60).ok());
  EXPECT_EQ(ReasonOf(unsent.Add(41)), Reason::kTooManyCalls);
  EXPECT_EQ(unsent.bytes(), 60u);
  EXPECT_TRUE(unsent.Add(40).ok());
  unsent.Remove(60);
  EXPECT_TRUE(unsent.Add(60).ok());
}

// Plan: a session asks for far more than the bound and reads nothing until all is asked. Each read
// is answered or refused; when all has been read, everything fits again.
TEST(UnsentAnswersTest, ACallerWhoDoesNotReadIsRefused) {
  constexpr size_t kValueBytes = size_t{512} << 10;
  TestDaemon::Options options;
  options.front_end.unsent_bytes_max = 2 * kValueBytes + 4096;
  TestDaemon daemon(options);
  daemon.CreateNamespace(kNamespace);
  daemon.Put("a", "k", std::string(kValueBytes, 'v'));
  v1::SessionRequest frame;
  v1::GetRequest& get = *frame.add_operations()->mutable_get();
  get.mutable_account()->set_namespace_(kNamespace);
  get.mutable_account()->set_id("a");
  get.add_keys("k");
  for (int i = 1; i < 5; ++i) *frame.add_operations() = frame.operations(0);
  CallScope call;
  const auto stream = daemon.state->Session(&call);
  ASSERT_TRUE(stream->Write(frame));
  v1::SessionResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.results_size(), 5);
  for (int i = 0; i < 5; ++i) {
    if (i < 2) {
      EXPECT_TRUE(response.results(i).has_get()) << i;
    } else {
      EXPECT_EQ(response.results(i).error().reason(), v1::ERROR_REASON_TOO_MANY_CALLS) << i;
    }
  }
  // The caller may have an answer before the daemon knows that it was sent.
  while (daemon.front_end().unsent_bytes() > 0) std::this_thread::yield();
  v1::SessionRequest one;
  *one.add_operations() = frame.operations(0);
  ASSERT_TRUE(stream->Write(one));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.results(0).has_get());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

class ReceivedBytesTest : public testing::Test {
 protected:
  static constexpr size_t kPayloadBytes = 4096;

  // A daemon that holds `bytes`, with messages for one account.
  void Start(size_t bytes, int messages) {
    TestDaemon::Options options;
    options.front_end.unsent_bytes_max = bytes;
    daemon_.emplace(options);
    messaging_ = v1::MessagingService::NewStub(daemon_->channel());
    daemon_->CreateNamespace(kNamespace);
    daemon_->Put("a", "k", "v");
    v1::SendRequest request;
    *request.mutable_sender() = Account();
    for (int i = 0; i < messages; ++i) {
      v1::Send& send = *request.add_sends();
      *send.mutable_receiver() = Account();
      send.set_payload(std::string(kPayloadBytes, 'p'));
    }
    v1::SendResponse response;
    CallScope call;
    ASSERT_TRUE(messaging_->Send(&call, request, &response).ok());
  }

  static v1::AccountRef Account() {
    v1::AccountRef account;
    account.set_namespace_(kNamespace);
    account.set_id("a");
    return account;
  }
  static v1::Subscription One() {
    v1::Subscription subscription;
    subscription.set_namespace_(kNamespace);
    subscription.set_id("a");
    subscription.set_concurrent(true);
    return subscription;
  }

  std::optional<TestDaemon> daemon_;
  std::unique_ptr<v1::MessagingService::Stub> messaging_;
};

// Plan: room for three messages; far more are received one after the other, by calls and by a
// subscription. The caller may have an answer before the daemon knows that it was sent.
TEST_F(ReceivedBytesTest, MessagesThatWereSentMakeRoom) {
  constexpr int kReceived = 10;
  Start(3 * kPayloadBytes + 1024, 2 * kReceived);
  for (int i = 0; i < kReceived; ++i) {
    v1::ReceiveRequest request;
    *request.mutable_subscription() = One();
    v1::ReceiveResponse response;
    CallScope call;
    const grpc::Status status = messaging_->Receive(&call, request, &response);
    ASSERT_TRUE(status.ok()) << i << ": " << status.error_message();
    ASSERT_EQ(response.messages_size(), 1) << i;
  }
  CallScope call;
  const auto stream = messaging_->Subscribe(&call);
  v1::SubscribeRequest request;
  *request.mutable_subscription() = One();
  v1::SubscribeResponse response;
  for (int i = 0; i < kReceived; ++i) {
    request.set_credit(1);
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&response)) << i;
    request.Clear();
  }
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
  while (daemon_->front_end().unsent_bytes() > 0) std::this_thread::yield();
}

// Plan: a message for which there never is room. It is refused each time, so it was given back.
TEST_F(ReceivedBytesTest, AMessageThatFindsNoRoomGoesBack) {
  Start(kPayloadBytes, 1);
  for (int i = 0; i < 3; ++i) {
    v1::ReceiveRequest request;
    *request.mutable_subscription() = One();
    v1::ReceiveResponse response;
    CallScope call;
    const grpc::Status status = messaging_->Receive(&call, request, &response);
    EXPECT_EQ(FactsOf(status).reason, "TOO_MANY_CALLS") << i;
  }
  EXPECT_EQ(daemon_->front_end().unsent_bytes(), 0u);
}

}  // namespace
}  // namespace shardd::rpc
