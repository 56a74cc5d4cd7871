// Plan: send and receive over a real connection, with one consumer and several, waiting and not, by
// namespace, account and label, through splits; end calls in every way and see that nothing that
// they held is lost.

#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/rpc/proto_time.h"
#include "shardd/v1/messaging.grpc.pb.h"
#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

constexpr absl::Duration kShort = absl::Milliseconds(200);

class MessagingTest : public testing::Test {
 protected:
  using Stream = grpc::ClientReaderWriter<v1::SubscribeRequest, v1::SubscribeResponse>;

  void SetUp() override {
    daemon_.CreateNamespace(kNamespace);
    daemon_.Put("sender", "k", "v");
    daemon_.Put("a", "k", "v");
    daemon_.Put("b", "k", "v");
  }

  static v1::AccountRef Ref(const std::string& id) {
    v1::AccountRef ref;
    ref.set_namespace_(kNamespace);
    ref.set_id(id);
    return ref;
  }
  static v1::Send To(const std::string& id, const std::string& payload) {
    v1::Send send;
    *send.mutable_receiver() = Ref(id);
    send.set_payload(payload);
    return send;
  }
  grpc::Status Send(std::vector<v1::Send> sends) {
    v1::SendRequest request;
    *request.mutable_sender() = Ref("sender");
    for (v1::Send& send : sends) *request.add_sends() = std::move(send);
    v1::SendResponse response;
    CallScope call;
    return messaging_->Send(&call, request, &response);
  }
  static v1::Subscription Of(const std::string& id, const std::string& label = "") {
    v1::Subscription subscription;
    subscription.set_namespace_(kNamespace);
    subscription.set_id(id);
    subscription.set_label(label);
    return subscription;
  }
  // What is there now, or comes within `wait`.
  std::vector<v1::ReceivedMessage> Receive(const v1::Subscription& subscription, int count = 1,
                                           absl::Duration wait = absl::ZeroDuration()) {
    v1::ReceiveRequest request;
    *request.mutable_subscription() = subscription;
    request.set_max_messages(count);
    request.set_no_wait(wait == absl::ZeroDuration());
    v1::ReceiveResponse response;
    CallScope call;
    if (wait > absl::ZeroDuration()) {
      call.set_deadline(absl::ToChronoTime(RealClock().Now() + wait));
    }
    const grpc::Status status = messaging_->Receive(&call, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.messages().begin(), response.messages().end()};
  }
  // Waits until a message is there, however long it is on its way.
  std::vector<v1::ReceivedMessage> Await(const v1::Subscription& subscription, int count = 1) {
    return Receive(subscription, count, absl::Seconds(30));
  }
  grpc::Status Ack(const v1::ReceivedMessage& received) {
    v1::AckRequest request;
    *request.mutable_account() = received.message().receiver();
    request.add_ack_ids(received.ack_id());
    v1::AckResponse response;
    CallScope call;
    return messaging_->Ack(&call, request, &response);
  }
  static std::vector<std::string> Payloads(const std::vector<v1::ReceivedMessage>& messages) {
    std::vector<std::string> payloads;
    for (const v1::ReceivedMessage& received : messages) {
      payloads.push_back(received.message().payload());
    }
    return payloads;
  }

  TestDaemon daemon_;
  std::unique_ptr<v1::MessagingService::Stub> messaging_ =
      v1::MessagingService::NewStub(daemon_.channel());
};

using Strings = std::vector<std::string>;

TEST_F(MessagingTest, AMessageComesAsItWasSent) {
  v1::Send send = To("a", "hello");
  send.set_message_id("m-1");
  (*send.mutable_headers())["kind"] = "greeting";
  *send.mutable_reply_to() = Ref("sender");
  ToProto(absl::Hours(1), *send.mutable_time_to_live());
  ASSERT_TRUE(Send({send}).ok());
  const auto received = Await(Of("a"));
  ASSERT_EQ(received.size(), 1u);
  const v1::Message& message = received[0].message();
  EXPECT_EQ(message.sender().id(), "sender");
  EXPECT_EQ(message.receiver().id(), "a");
  EXPECT_EQ(message.message_id(), "m-1");
  EXPECT_EQ(message.headers().at("kind"), "greeting");
  EXPECT_EQ(message.payload(), "hello");
  EXPECT_EQ(message.reply_to().id(), "sender");
  EXPECT_TRUE(message.has_expire_time());
  EXPECT_EQ(received[0].attempt(), 1u);
  EXPECT_TRUE(Ack(received[0]).ok());
  EXPECT_TRUE(Receive(Of("a")).empty());
  const grpc::Status again = Ack(received[0]);
  EXPECT_EQ(again.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(FactsOf(again).reason, "MESSAGE_LEASE_ENDED");
}

TEST_F(MessagingTest, StateSendsAndAcksAreOneWrite) {
  ASSERT_TRUE(Send({To("a", "work")}).ok());
  const auto received = Await(Of(""));
  ASSERT_EQ(received.size(), 1u);
  v1::ApplyRequest request = PutRequest("a", "done", "work");
  *request.add_sends() = To("b", "follow up");
  request.add_acks(received[0].ack_id());
  v1::ApplyResponse response;
  CallScope call;
  const grpc::Status status = daemon_.state->Apply(&call, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const auto follow_up = Await(Of(""));
  ASSERT_EQ(Payloads(follow_up), Strings({"follow up"}));
  EXPECT_EQ(follow_up[0].message().hops(), 1u);
}

TEST_F(MessagingTest, ASessionSendsToo) {
  CallScope call;
  const auto session = daemon_.state->Session(&call);
  v1::SessionRequest frame;
  *frame.add_operations()->mutable_apply() = PutRequest("sender", "k", "w");
  *frame.mutable_operations(0)->mutable_apply()->add_sends() = To("a", "from a session");
  ASSERT_TRUE(session->Write(frame));
  v1::SessionResponse response;
  ASSERT_TRUE(session->Read(&response));
  EXPECT_EQ(Payloads(Await(Of("a"))), Strings({"from a session"}));
}

TEST_F(MessagingTest, WhoWaitsHearsAtOnceOrThatNothingCame) {
  EXPECT_TRUE(Receive(Of("a"), 1, kShort).empty()) << "and no error";
  EXPECT_TRUE(Receive(Of(""), 1, kShort).empty());
  std::thread sender([this] { EXPECT_TRUE(Send({To("a", "x")}).ok()); });
  EXPECT_EQ(Payloads(Await(Of(""))), Strings({"x"}));
  sender.join();
}

TEST_F(MessagingTest, ConsumersOfOneAccountTakeTurns) {
  ASSERT_TRUE(Send({To("a", "1"), To("a", "2")}).ok());
  const auto first = Await(Of("a"), 10);
  ASSERT_EQ(Payloads(first), Strings({"1"}));
  std::vector<v1::ReceivedMessage> second;
  std::thread other([&] { second = Await(Of("a"), 10); });
  EXPECT_TRUE(Receive(Of("a"), 10, kShort).empty()) << "the first is held";
  EXPECT_TRUE(Ack(first[0]).ok());
  other.join();
  EXPECT_EQ(Payloads(second), Strings({"2"}));
}

TEST_F(MessagingTest, ConcurrentConsumersTakeSeveral) {
  ASSERT_TRUE(Send({To("a", "1"), To("a", "2"), To("a", "3")}).ok());
  v1::Subscription subscription = Of("a");
  subscription.set_concurrent(true);
  std::set<std::string> seen;
  while (seen.size() < 3) {
    for (const std::string& payload : Payloads(Await(subscription, 2))) seen.insert(payload);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"1", "2", "3"}));
}

TEST_F(MessagingTest, OnlyAccountsWithTheLabel) {
  v1::UpdateAccountRequest update;
  *update.mutable_account() = Ref("b");
  (*update.mutable_labels())["tier"] = "gold";
  update.mutable_update_mask()->add_paths("labels");
  v1::UpdateAccountResponse updated;
  CallScope call;
  ASSERT_TRUE(daemon_.accounts->UpdateAccount(&call, update, &updated).ok());
  std::vector<v1::ReceivedMessage> gold;
  std::thread consumer([&] { gold = Await(Of("", "tier=gold")); });
  ASSERT_TRUE(Send({To("a", "plain"), To("b", "golden")}).ok());
  consumer.join();
  EXPECT_EQ(Payloads(gold), Strings({"golden"}));
  EXPECT_EQ(Payloads(Await(Of(""))), Strings({"plain"}));
}

TEST_F(MessagingTest, WhatIsGivenBackComesAgain) {
  ASSERT_TRUE(Send({To("a", "x")}).ok());
  const auto received = Await(Of("a"));
  ASSERT_EQ(received.size(), 1u);
  v1::ExtendLeaseRequest extend;
  *extend.mutable_account() = Ref("a");
  extend.add_ack_ids(received[0].ack_id());
  ToProto(absl::Hours(1), *extend.mutable_lease());
  v1::ExtendLeaseResponse extended;
  {
    CallScope call;
    ASSERT_TRUE(messaging_->ExtendLease(&call, extend, &extended).ok());
  }
  EXPECT_GT(extended.lease_expire_time().seconds(), received[0].lease_expire_time().seconds());
  v1::NackRequest nack;
  *nack.mutable_account() = Ref("a");
  nack.add_ack_ids(received[0].ack_id());
  v1::NackResponse given_back;
  {
    CallScope call;
    ASSERT_TRUE(messaging_->Nack(&call, nack, &given_back).ok());
  }
  const auto again = Await(Of("a"));
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].attempt(), 2u);
}

TEST_F(MessagingTest, AMailboxIsShown) {
  ASSERT_TRUE(Send({To("a", "12345")}).ok());
  const auto received = Await(Of("a"));
  v1::GetMailboxRequest request;
  *request.mutable_account() = Ref("a");
  v1::GetMailboxResponse response;
  CallScope call;
  ASSERT_TRUE(messaging_->GetMailbox(&call, request, &response).ok());
  EXPECT_EQ(response.message_count(), 1u);
  EXPECT_GE(response.byte_count(), 5u);
  EXPECT_EQ(response.messages_max(), limits::kAccountMailboxMessagesMax);
}

// Plan: three messages, of which a consumer gave the first back once and holds it again. The list
// has all of them, in pages, and takes nothing.
TEST_F(MessagingTest, AMailboxIsListedWithoutReceiving) {
  ASSERT_TRUE(Send({To("a", "1"), To("a", "2"), To("a", "3")}).ok());
  {
    const auto received = Await(Of("a"));
    v1::NackRequest nack;
    *nack.mutable_account() = Ref("a");
    nack.add_ack_ids(received.at(0).ack_id());
    v1::NackResponse response;
    CallScope call;
    ASSERT_TRUE(messaging_->Nack(&call, nack, &response).ok());
  }
  const auto held = Await(Of("a"));
  v1::ListMailboxRequest list;
  *list.mutable_account() = Ref("a");
  list.set_page_size(2);
  std::vector<v1::MailboxMessage> messages;
  const auto read = [&] {
    v1::ListMailboxResponse page;
    CallScope call;
    const grpc::Status status = messaging_->ListMailbox(&call, list, &page);
    messages.assign(page.messages().begin(), page.messages().end());
    list.set_page_token(page.next_page_token());
    return status;
  };
  ASSERT_TRUE(read().ok());
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].message().payload(), "1");
  EXPECT_EQ(messages[0].attempts(), 1u);
  EXPECT_EQ(messages[1].message().payload(), "2");
  EXPECT_EQ(messages[1].attempts(), 0u);
  EXPECT_FALSE(messages[1].has_not_before());
  const uint64_t second = messages[1].number();
  ASSERT_FALSE(list.page_token().empty());
  ASSERT_TRUE(read().ok());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].message().payload(), "3");
  EXPECT_EQ(messages[0].number(), second + 1);
  EXPECT_TRUE(list.page_token().empty());
  list.set_start_number(second + 1);
  list.set_no_payload(true);
  ASSERT_TRUE(read().ok());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].message().payload(), "");
  list.mutable_account()->set_id("nobody");
  EXPECT_EQ(FactsOf(read()).reason, "ACCOUNT_NOT_FOUND");
  list.set_page_token("nonsense");
  EXPECT_FALSE(read().ok());
  // The lease still holds.
  v1::AckRequest ack;
  *ack.mutable_account() = Ref("a");
  ack.add_ack_ids(held.at(0).ack_id());
  v1::AckResponse acked;
  CallScope call;
  EXPECT_TRUE(messaging_->Ack(&call, ack, &acked).ok());
}

// Plan: messages to two accounts; their rates are there as soon as they are, each pair once, and as
// many pairs as were asked for.
TEST_F(MessagingTest, RatesFromShardToShardAreShown) {
  ASSERT_TRUE(Send({To("a", "1"), To("a", "2"), To("b", "3")}).ok());
  Await(Of("a"));
  Await(Of("b"));
  const auto rates = [&](int pairs_max, v1::GetMessageRatesResponse& response) {
    v1::GetMessageRatesRequest request;
    request.set_pairs_max(pairs_max);
    CallScope call;
    return messaging_->GetMessageRates(&call, request, &response);
  };
  v1::GetMessageRatesResponse all;
  ASSERT_TRUE(rates(0, all).ok());
  double sum = 0;
  std::set<std::pair<std::string, std::string>> pairs;
  for (const v1::ShardMessageRate& rate : all.rates()) {
    sum += rate.messages_per_second();
    EXPECT_TRUE(rate.sender_shard_id().starts_with("s-"));
    EXPECT_TRUE(pairs.emplace(rate.sender_shard_id(), rate.receiver_shard_id()).second);
  }
  EXPECT_GT(sum, 0);
  EXPECT_NEAR(sum, all.messages_per_second(), 1e-9);
  v1::GetMessageRatesResponse one;
  ASSERT_TRUE(rates(1, one).ok());
  EXPECT_EQ(one.rates_size(), 1);
  EXPECT_EQ(FactsOf(rates(-1, one)).field, "pairs_max");
}

TEST_F(MessagingTest, ASubscriptionSendsAsMuchAsThereIsCreditFor) {
  CallScope call;
  const std::unique_ptr<Stream> stream = messaging_->Subscribe(&call);
  v1::SubscribeRequest request;
  *request.mutable_subscription() = Of("a");
  request.mutable_subscription()->set_concurrent(true);
  request.set_credit(2);
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(Send({To("a", "1"), To("a", "2"), To("a", "3")}).ok());
  Strings payloads;
  v1::SubscribeResponse response;
  const auto read = [&](size_t count) {
    while (payloads.size() < count && stream->Read(&response)) {
      for (const v1::ReceivedMessage& received : response.messages()) {
        payloads.push_back(received.message().payload());
      }
    }
  };
  read(2);
  EXPECT_EQ(payloads, Strings({"1", "2"}));
  // The third is for whoever asks.
  EXPECT_EQ(Payloads(Await(request.subscription())), Strings({"3"}));
  ASSERT_TRUE(Send({To("a", "4")}).ok());
  request.Clear();
  request.set_credit(1);
  ASSERT_TRUE(stream->Write(request));
  read(3);
  EXPECT_EQ(payloads, Strings({"1", "2", "4"}));
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(MessagingTest, ASubscriptionOutlivesASplit) {
  CallScope call;
  const std::unique_ptr<Stream> stream = messaging_->Subscribe(&call);
  v1::SubscribeRequest request;
  *request.mutable_subscription() = Of("");
  request.set_credit(1000);
  ASSERT_TRUE(stream->Write(request));
  std::set<std::string> expected;
  std::set<std::string> seen;
  for (int round = 0; round < 3; ++round) {
    for (const char* id : {"a", "b"}) {
      const std::string payload = absl::StrCat(id, round);
      ASSERT_TRUE(Send({To(id, payload)}).ok());
      expected.insert(payload);
    }
    v1::SplitShardRequest split;
    *split.mutable_account() = Ref(round == 0 ? "a" : "b");
    v1::ResolveRequest where;
    *where.mutable_account() = split.account();
    v1::ResolveResponse found;
    {
      CallScope look;
      ASSERT_TRUE(daemon_.routing->Resolve(&look, where, &found).ok());
    }
    split.set_id(found.route().shard_id());
    v1::SplitShardResponse response;
    CallScope change;
    // Refused if the shard begins there already; what counts is that messages go on.
    daemon_.shards->SplitShard(&change, split, &response);
    v1::SubscribeResponse messages;
    while (seen.size() < expected.size() && stream->Read(&messages)) {
      for (const v1::ReceivedMessage& received : messages.messages()) {
        EXPECT_TRUE(Ack(received).ok());
        seen.insert(received.message().payload());
      }
    }
  }
  EXPECT_EQ(seen, expected);
  call.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(MessagingTest, UndeliverableOnesAreListedRedrivenAndPurged) {
  ASSERT_TRUE(Send({To("nobody", "1"), To("nobody", "2"), To("nobody", "3")}).ok());
  v1::ListUndeliverableRequest list;
  list.set_namespace_(kNamespace);
  list.set_page_size(2);
  std::vector<v1::UndeliverableMessage> messages;
  // They are on their way for a moment.
  while (messages.size() < 3) {
    messages.clear();
    list.clear_page_token();
    do {
      v1::ListUndeliverableResponse page;
      CallScope call;
      ASSERT_TRUE(messaging_->ListUndeliverable(&call, list, &page).ok());
      messages.insert(messages.end(), page.messages().begin(), page.messages().end());
      list.set_page_token(page.next_page_token());
    } while (!list.page_token().empty());
  }
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0].reason(), v1::UNDELIVERABLE_REASON_NO_ACCOUNT);
  EXPECT_EQ(messages[0].message().payload(), "1");
  EXPECT_EQ(messages[0].message().receiver().id(), "nobody");

  v1::GetUndeliverableRequest get;
  get.set_id(messages[1].id());
  v1::GetUndeliverableResponse got;
  {
    CallScope call;
    ASSERT_TRUE(messaging_->GetUndeliverable(&call, get, &got).ok());
  }
  EXPECT_EQ(got.message().message().payload(), "2");
  const auto redrive = [&](const std::string& id) {
    v1::RedriveUndeliverableRequest request;
    request.set_id(id);
    v1::RedriveUndeliverableResponse response;
    CallScope call;
    return FactsOf(messaging_->RedriveUndeliverable(&call, request, &response));
  };
  EXPECT_EQ(redrive(messages[0].id()).reason, "ACCOUNT_NOT_FOUND");
  EXPECT_EQ(redrive("nonsense").field, "id");
  v1::PurgeUndeliverableRequest purge;
  purge.set_id(messages[1].id());
  v1::PurgeUndeliverableResponse purged;
  {
    CallScope call;
    ASSERT_TRUE(messaging_->PurgeUndeliverable(&call, purge, &purged).ok());
  }
  EXPECT_EQ(redrive(messages[1].id()).reason, "UNDELIVERABLE_NOT_FOUND");
  daemon_.Put("nobody", "k", "v");  // then they come by themselves
  v1::Subscription subscription = Of("nobody");
  subscription.set_concurrent(true);
  std::set<std::string> seen;
  while (seen.size() < 2) {
    for (const std::string& payload : Payloads(Await(subscription, 5))) seen.insert(payload);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"1", "3"}));
}

// Plan: a consumer waits and goes; the message that comes then is for another.
TEST_F(MessagingTest, WhoHasGoneGetsNothing) {
  {
    CallScope call;
    const std::unique_ptr<Stream> stream = messaging_->Subscribe(&call);
    v1::SubscribeRequest request;
    *request.mutable_subscription() = Of("");
    request.set_credit(1);
    ASSERT_TRUE(stream->Write(request));
    call.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  ASSERT_TRUE(Send({To("a", "x")}).ok());
  const auto received = Await(Of(""));
  ASSERT_EQ(Payloads(received), Strings({"x"}));
  EXPECT_EQ(received[0].attempt(), 1u);
}

TEST_F(MessagingTest, AStopEndsWhoWaits) {
  std::thread waiting([this] {
    v1::ReceiveRequest request;
    *request.mutable_subscription() = Of("a");
    v1::ReceiveResponse response;
    CallScope call;
    EXPECT_EQ(messaging_->Receive(&call, request, &response).error_code(),
              grpc::StatusCode::UNAVAILABLE);
  });
  CallScope call;
  const std::unique_ptr<Stream> stream = messaging_->Subscribe(&call);
  v1::SubscribeRequest request;
  *request.mutable_subscription() = Of("");
  request.set_credit(1);
  ASSERT_TRUE(stream->Write(request));
  while (daemon_.runtime().ready_board().waiting() < 2) std::this_thread::yield();
  daemon_.Stop();
  waiting.join();
  v1::SubscribeResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(MessagingTest, BadInputIsNamed) {
  const auto receive = [this](const v1::ReceiveRequest& request) {
    v1::ReceiveResponse response;
    CallScope call;
    return FactsOf(messaging_->Receive(&call, request, &response)).field;
  };
  v1::ReceiveRequest request;
  EXPECT_EQ(receive(request), "namespace");
  *request.mutable_subscription() = Of("");
  request.set_max_messages(-1);
  EXPECT_EQ(receive(request), "max_messages");
  request.set_max_messages(limits::kReceiveMessagesMax + 1);
  EXPECT_EQ(receive(request), "max_messages");
  request.set_max_messages(1);
  request.mutable_subscription()->set_label("no value");
  EXPECT_EQ(receive(request), "subscription.label");
  *request.mutable_subscription() = Of("a", "k=v");
  EXPECT_EQ(receive(request), "subscription.label");
  *request.mutable_subscription() = Of("");
  ToProto(absl::Milliseconds(1), *request.mutable_subscription()->mutable_lease());
  EXPECT_EQ(receive(request), "lease");

  v1::Send none = To("", "x");
  EXPECT_EQ(FactsOf(Send({none})).field, "sends[0].receiver");
  EXPECT_EQ(FactsOf(Send({})).field, "sends");
  v1::AckRequest ack;
  *ack.mutable_account() = Ref("a");
  ack.add_ack_ids("nonsense");
  v1::AckResponse acked;
  CallScope call;
  EXPECT_EQ(FactsOf(messaging_->Ack(&call, ack, &acked)).field, "ack_ids[0]");
}

}  // namespace
}  // namespace shardd::rpc
