// Plan: messages wait in mailboxes of one core; consumers receive them, acknowledge them with a
// commit, give them back or let their leases pass, with restarts, deletions and splits in between.
// Looked at: what is handed out and when, what is stored, and who is said to be ready.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/cross_thread_messaging/message_records.h"
#include "server/routing/undeliverable.h"
#include "tests/support/message_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr absl::Duration kLease = absl::Seconds(30);

class ShardCoreReceivingTest : public MessageFixture {
 protected:
  // The last said of the namespace.
  bool Ready() const { return ready_["ns"]; }

  TurnResult Run(ShardRequestBody body) {
    std::vector<ShardRequest> requests(1);
    requests[0].call = CallId{1000, 0};
    requests[0].body = std::move(body);
    return Look(Turn(std::move(requests)));
  }
  TurnResult Wake() { return Look(Turn({})); }

  std::vector<ReceivedMessage> Receive(const AccountRef& account, size_t count = 1,
                                       bool several = false) {
    return Received(Run(ReceiveRequest{account, {count, kLease, several}}));
  }
  std::vector<ReceivedMessage> ReceiveAny(size_t count = 1, bool several = false) {
    return Received(Run(ReceiveAnyRequest{"ns", std::nullopt, {count, kLease, several}}));
  }
  static std::vector<ReceivedMessage> Received(const TurnResult& turn) {
    EXPECT_THAT(turn.replies, SizeIs(1));
    if (turn.replies.size() != 1 || !turn.replies[0].answer.ok()) return {};
    return std::get<ReceiveResult>(*turn.replies[0].answer).messages;
  }
  static std::vector<std::string> Payloads(const std::vector<ReceivedMessage>& messages) {
    std::vector<std::string> payloads;
    for (const ReceivedMessage& message : messages) payloads.push_back(message.message.payload);
    return payloads;
  }

  absl::Status Ack(const AccountRef& account, std::vector<Lease> acks) {
    ApplyRequest request;
    request.account = account;
    request.acks = std::move(acks);
    return StatusOf(Run(std::move(request)));
  }
  absl::Status Nack(const AccountRef& account, std::vector<Lease> leases,
                    absl::Duration delay = absl::ZeroDuration()) {
    return StatusOf(Run(NackRequest{account, std::move(leases), delay}));
  }
  absl::Status Extend(const AccountRef& account, std::vector<Lease> leases) {
    return StatusOf(Run(ExtendLeasesRequest{account, std::move(leases), kLease}));
  }
  static absl::Status StatusOf(const TurnResult& turn) {
    EXPECT_THAT(turn.replies, SizeIs(1));
    return turn.replies[0].answer.status();
  }

  // Sends to an account that exists, and settles.
  void SendTo(const AccountRef& receiver, const std::string& payload) {
    Look(Settle(RunApply(SendRequest({payload}, receiver))));
  }

  // Remembers who was said to be ready.
  TurnResult Look(TurnResult turn) {
    for (const ShardEffect& effect : turn.others) {
      const auto* const ready = std::get_if<MessagesReady>(&effect);
      if (ready == nullptr) continue;
      for (const auto& [line, is] : ready->news.lines) {
        if (!line.second) ready_[line.first] = is;
      }
    }
    return turn;
  }

 private:
  mutable std::map<std::string, bool> ready_;
};

// Plan: two messages, of which one is received twice and acknowledged; a third has no receiver.
TEST_F(ShardCoreReceivingTest, WhatBecomesOfMessagesIsCounted) {
  const TurnResult sent = RunApply(SendRequest({"a", "b"}, receiver_));
  EXPECT_EQ(core().messages().outbox_count, 2u);
  EXPECT_EQ(core().messages().outbox_oldest, now_);
  Look(Settle(sent));
  EXPECT_EQ(core().messages().outbox_count, 0u);
  EXPECT_EQ(core().messages().outbox_oldest, absl::InfiniteFuture());
  EXPECT_THAT(Nack(receiver_, {Receive(receiver_)[0].lease}), IsOk());
  EXPECT_THAT(Ack(receiver_, {Receive(receiver_)[0].lease}), IsOk());
  Look(Settle(RunApply(SendRequest({"c"}, {"ns", "nobody"}))));
  const MessageStatus status = core().messages();
  EXPECT_EQ(status.counts.sent, 3u);
  EXPECT_EQ(status.counts.delivered, 2u);
  EXPECT_EQ(status.counts.received, 2u);
  EXPECT_EQ(status.counts.redelivered, 1u);
  EXPECT_EQ(status.counts.acknowledged, 1u);
  EXPECT_EQ(status.counts.undeliverable, 1u);
  EXPECT_EQ(status.undeliverable_count, 1u);
  ASSERT_THAT(status.rates, SizeIs(1)) << "both accounts are in one shard";
  EXPECT_EQ(status.rates[0].from, core().shard());
  EXPECT_NEAR(status.rates[0].rate.PerSecond(now_), 0.2, 0.01) << "two in ten seconds";
}

// Plan: a message is delivered a second time, because its sender was not told of the first.
TEST_F(ShardCoreReceivingTest, WhatComesAgainIsNoMessageMore) {
  TurnResult sent = RunApply(SendRequest({"a"}, receiver_));
  const std::vector<ShardRequestBody> delivery = sent.passed_on;
  PassOn(std::move(sent.passed_on));
  PassOn(delivery);
  EXPECT_EQ(core().messages().counts.delivered, 1u);
  EXPECT_NEAR(core().messages().rates.at(0).rate.PerSecond(now_), 0.1, 0.01);
}

TEST_F(ShardCoreReceivingTest, OneAtATimeInOrder) {
  for (const char* payload : {"a", "b", "c"}) SendTo(receiver_, payload);
  EXPECT_TRUE(Ready());
  for (const char* payload : {"a", "b", "c"}) {
    const auto received = Receive(receiver_, 10);
    ASSERT_THAT(Payloads(received), ElementsAre(payload));
    EXPECT_EQ(received[0].until, now_ + kLease);
    EXPECT_EQ(received[0].attempt, 1u);
    EXPECT_FALSE(Ready());
    EXPECT_THAT(Receive(receiver_, 10), IsEmpty()) << "one is held";
    EXPECT_THAT(ReceiveAny(10), IsEmpty());
    EXPECT_THAT(Ack(receiver_, {received[0].lease}), IsOk());
  }
  EXPECT_FALSE(Ready());
  EXPECT_THAT(Mailbox(), IsEmpty());
  const MailboxState mailbox = RecordOf(receiver_)->mailbox;
  EXPECT_EQ(mailbox.first, 3u);
  EXPECT_EQ(mailbox.count, 0u);
  EXPECT_EQ(mailbox.bytes, 0u);
}

TEST_F(ShardCoreReceivingTest, SeveralIfAskedFor) {
  for (const char* payload : {"a", "b", "c"}) SendTo(receiver_, payload);
  const auto first = Receive(receiver_, 2, /*several=*/true);
  EXPECT_THAT(Payloads(first), ElementsAre("a", "b"));
  EXPECT_THAT(Receive(receiver_, 2), IsEmpty()) << "not for one who wants them in order";
  const auto rest = Receive(receiver_, 2, /*several=*/true);
  EXPECT_THAT(Payloads(rest), ElementsAre("c"));
  // In any order, together or not.
  EXPECT_THAT(Ack(receiver_, {rest[0].lease, first[0].lease}), IsOk());
  EXPECT_EQ(RecordOf(receiver_)->mailbox.first, 1u);
  EXPECT_THAT(Ack(receiver_, {first[1].lease}), IsOk());
  EXPECT_EQ(RecordOf(receiver_)->mailbox.count, 0u);
  EXPECT_THAT(Mailbox(), IsEmpty());
}

TEST_F(ShardCoreReceivingTest, AccountsTakeTurns) {
  const AccountRef other{"ns", "other"};
  ASSERT_THAT(PutEntry(other, "k", "v"), IsOk());
  for (const char* payload : {"a", "b"}) SendTo(receiver_, payload);
  SendTo(other, "x");
  EXPECT_THAT(Payloads(ReceiveAny(10)), ElementsAre("a", "x"));
}

TEST_F(ShardCoreReceivingTest, OnlyAccountsWithTheLabel) {
  CreateAccountRequest labelled;
  labelled.account = {"ns", "labelled"};
  labelled.labels = {{"tier", "gold"}};
  ASSERT_THAT(CreateAccount(labelled), IsOk());
  SendTo(receiver_, "a");
  SendTo(labelled.account, "x");
  const auto receive = [this](const char* value) {
    return Payloads(Received(
        Run(ReceiveAnyRequest{"ns", std::make_pair("tier", value), {10, kLease, false}})));
  };
  EXPECT_THAT(receive("silver"), IsEmpty());
  EXPECT_THAT(receive("gold"), ElementsAre("x"));
  EXPECT_THAT(Payloads(ReceiveAny(10)), ElementsAre("a")) << "who was passed over is still there";
}

TEST_F(ShardCoreReceivingTest, StateSendsAndAcksAreOneWrite) {
  SendTo(receiver_, "a");
  const auto received = Receive(receiver_);
  ASSERT_THAT(received, SizeIs(1));
  ApplyRequest request = SendRequest({"answer"}, sender_);
  request.account = receiver_;
  request.acks = {received[0].lease};
  request.mutations.push_back(Put{"seen", "a"});
  request.preconditions.push_back(EntryExists{"none"});
  EXPECT_THAT(StatusOf(Run(request)), HasReason(Reason::kPreconditionFailed));
  EXPECT_THAT(Mailbox(), ElementsAre("a"));
  EXPECT_EQ(ValueOf(receiver_, "seen"), "(none)");

  request.preconditions.clear();
  Settle(Run(request));
  EXPECT_THAT(Mailbox(), ElementsAre("answer"));
  EXPECT_EQ(ValueOf(receiver_, "seen"), "a");
  const auto answer = Receive(sender_);
  ASSERT_THAT(Payloads(answer), ElementsAre("answer"));
  EXPECT_EQ(answer[0].message.hops, 1u) << "it was sent by who dealt with another";
}

TEST_F(ShardCoreReceivingTest, AConsumerWhoseLeaseHasPassedChangesNothing) {
  SendTo(receiver_, "a");
  const auto received = Receive(receiver_);
  now_ += kLease;
  ApplyRequest late;
  late.account = receiver_;
  late.acks = {received[0].lease};
  late.mutations.push_back(Put{"seen", "late"});
  EXPECT_THAT(StatusOf(Run(late)), HasReason(Reason::kMessageLeaseEnded)) << "in the same turn";
  const auto again = Receive(receiver_);
  ASSERT_THAT(Payloads(again), ElementsAre("a"));
  EXPECT_EQ(again[0].attempt, 2u);
  EXPECT_THAT(StatusOf(Run(late)), HasReason(Reason::kMessageLeaseEnded));
  EXPECT_EQ(ValueOf(receiver_, "seen"), "(none)");
  EXPECT_THAT(Extend(receiver_, {received[0].lease}), HasReason(Reason::kMessageLeaseEnded));
  EXPECT_THAT(Nack(receiver_, {received[0].lease}), HasReason(Reason::kMessageLeaseEnded));
  EXPECT_THAT(Ack(receiver_, {again[0].lease}), IsOk());
  EXPECT_THAT(Stored(MessageRecordType::kAttempts), IsEmpty());
}

TEST_F(ShardCoreReceivingTest, ARepeatedAckGetsTheFirstAnswer) {
  SendTo(receiver_, "a");
  const auto received = Receive(receiver_);
  ApplyRequest request;
  request.account = receiver_;
  request.request_id = "r";
  request.acks = {received[0].lease};
  EXPECT_THAT(Apply(request), IsOk());
  now_ += kLease;
  const auto again = Apply(request);
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->replayed);
}

TEST_F(ShardCoreReceivingTest, LeasesCanBeExtended) {
  SendTo(receiver_, "a");
  const auto received = Receive(receiver_);
  now_ += kLease - absl::Seconds(1);
  EXPECT_THAT(Extend(receiver_, {received[0].lease}), IsOk());
  now_ += kLease - absl::Seconds(1);
  EXPECT_THAT(Receive(receiver_), IsEmpty());
  EXPECT_THAT(Ack(receiver_, {received[0].lease}), IsOk());
}

TEST_F(ShardCoreReceivingTest, ExtendingAndGivingBackAreAllOrNothing) {
  for (const char* payload : {"a", "b"}) SendTo(receiver_, payload);
  const auto received = Receive(receiver_, 2, /*several=*/true);
  ASSERT_THAT(received, SizeIs(2));
  const Lease wrong{received[1].lease.number, received[1].lease.token + 1};
  EXPECT_THAT(Extend(receiver_, {received[0].lease, wrong}), HasReason(Reason::kMessageLeaseEnded));
  EXPECT_THAT(Nack(receiver_, {received[0].lease, wrong}), HasReason(Reason::kMessageLeaseEnded));
  EXPECT_THAT(Ack(receiver_, {received[0].lease, wrong}), HasReason(Reason::kMessageLeaseEnded));
  now_ += kLease - absl::Seconds(1);
  EXPECT_THAT(Ack(receiver_, {received[0].lease, received[1].lease}), IsOk());
}

TEST_F(ShardCoreReceivingTest, WhatIsGivenBackHoldsUpTheRest) {
  for (const char* payload : {"a", "b"}) SendTo(receiver_, payload);
  const auto received = Receive(receiver_);
  EXPECT_THAT(Nack(receiver_, {received[0].lease}, absl::Seconds(10)), IsOk());
  EXPECT_THAT(Receive(receiver_, 2), IsEmpty());
  EXPECT_EQ(Wake().wake_at, now_ + absl::Seconds(10));
  now_ += absl::Seconds(10);
  Wake();
  EXPECT_TRUE(Ready());
  EXPECT_THAT(Payloads(Receive(receiver_, 2)), ElementsAre("a"));
}

TEST_F(ShardCoreReceivingTest, WhatReachedNobodyIsNoAttempt) {
  SendTo(receiver_, "a");
  const auto received = Receive(receiver_);
  const TurnResult back =
      Run(NackRequest{receiver_, {received[0].lease}, absl::ZeroDuration(), /*counts=*/false});
  EXPECT_EQ(back.writes, 0u);
  EXPECT_TRUE(Ready());
  const auto again = Receive(receiver_);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].attempt, 1u);
  EXPECT_THAT(Ack(receiver_, {received[0].lease}), HasReason(Reason::kMessageLeaseEnded));
}

TEST_F(ShardCoreReceivingTest, WhoWantsSeveralGetsWhatFollows) {
  for (const char* payload : {"a", "b"}) SendTo(receiver_, payload);
  const auto received = Receive(receiver_, 1, /*several=*/true);
  EXPECT_THAT(Nack(receiver_, {received[0].lease}, absl::Seconds(10)), IsOk());
  const AccountRef other{"ns", "other"};
  now_ += absl::Seconds(1);
  SendTo(receiver_, "c");
  EXPECT_THAT(Payloads(Receive(receiver_, 5, /*several=*/true)), ElementsAre("b", "c"));
  now_ += absl::Seconds(9);
  EXPECT_THAT(Payloads(Receive(receiver_, 5, /*several=*/true)), ElementsAre("a"));
}

TEST_F(ShardCoreReceivingTest, AfterItsAttemptsItIsUndeliverable) {
  ApplyRequest request = SendRequest({"a", "b"}, receiver_);
  request.sends[0].attempts_max = 2;
  Settle(RunApply(std::move(request)));
  EXPECT_THAT(Nack(receiver_, {Receive(receiver_)[0].lease}), IsOk());
  const auto second = Receive(receiver_);
  EXPECT_EQ(second[0].attempt, 2u);
  now_ += kLease;  // the consumer died
  Wake();
  EXPECT_THAT(Stored(MessageRecordType::kUndeliverable), ElementsAre("too-many-attempts"));
  EXPECT_THAT(Stored(MessageRecordType::kAttempts), IsEmpty());
  EXPECT_EQ(RecordOf(receiver_)->mailbox.count, 1u);
  EXPECT_THAT(Payloads(Receive(receiver_)), ElementsAre("b"));
}

TEST_F(ShardCoreReceivingTest, ARestartEndsLeasesAndKeepsAttempts) {
  SendTo(receiver_, "a");
  EXPECT_THAT(Nack(receiver_, {Receive(receiver_)[0].lease}), IsOk());
  const auto held = Receive(receiver_);
  Restart({.first_lease = 1000});
  Wake();
  EXPECT_TRUE(Ready()) << "it is found";
  EXPECT_THAT(Ack(receiver_, {held[0].lease}), HasReason(Reason::kMessageLeaseEnded));
  const auto again = Receive(receiver_);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_GE(again[0].lease.token, 1000u);
  EXPECT_EQ(again[0].attempt, 2u) << "nobody knows how the second went";
  EXPECT_THAT(Ack(receiver_, {again[0].lease}), IsOk());
}

TEST_F(ShardCoreReceivingTest, ADelayedMessageComesInItsTime) {
  ApplyRequest request = SendRequest({"late", "now"}, receiver_);
  request.sends[0].delay = absl::Seconds(60);
  Look(Settle(RunApply(std::move(request))));
  const auto received = Receive(receiver_, 5);
  EXPECT_THAT(Payloads(received), ElementsAre("now"));
  EXPECT_THAT(Ack(receiver_, {received[0].lease}), IsOk());
  EXPECT_THAT(Receive(receiver_, 5), IsEmpty());
  Restart();
  EXPECT_EQ(Wake().wake_at, now_ + absl::Seconds(60));
  EXPECT_FALSE(Ready());
  now_ += absl::Seconds(60);
  Wake();
  EXPECT_TRUE(Ready());
  const auto late = Receive(receiver_, 5);
  EXPECT_THAT(Payloads(late), ElementsAre("late"));
  EXPECT_THAT(Stored(MessageRecordType::kDelayed), IsEmpty());
  EXPECT_THAT(Ack(receiver_, {late[0].lease}), IsOk());
  EXPECT_EQ(RecordOf(receiver_)->mailbox.count, 0u);
  EXPECT_EQ(RecordOf(receiver_)->mailbox.delayed, 0u);
}

TEST_F(ShardCoreReceivingTest, WhatHasExpiredIsNotReceived) {
  ApplyRequest request = SendRequest({"a", "b"}, receiver_);
  request.sends[0].time_to_live = absl::Seconds(5);
  Settle(RunApply(std::move(request)));
  now_ += absl::Seconds(5);
  EXPECT_THAT(Payloads(Receive(receiver_)), ElementsAre("b"));
  EXPECT_THAT(Stored(MessageRecordType::kUndeliverable), ElementsAre("expired"));
  EXPECT_EQ(RecordOf(receiver_)->mailbox.count, 1u);
}

TEST_F(ShardCoreReceivingTest, AFrozenAccountsMessagesWait) {
  SendTo(receiver_, "a");
  UpdateAccountRequest update;
  update.account = receiver_;
  update.state = AccountState::kFrozen;
  ASSERT_THAT(UpdateAccount(update), IsOk());
  SendTo(receiver_, "b");
  EXPECT_THAT(ReceiveAny(5), IsEmpty());
  EXPECT_THAT(Receive(receiver_), IsEmpty());
  update.state = AccountState::kActive;
  ASSERT_THAT(UpdateAccount(update), IsOk());
  EXPECT_THAT(Payloads(ReceiveAny(5)), ElementsAre("a"));
}

// Plan: more messages than one step moves, one of them held, one delayed; the account is deleted
// and created again before they are moved.
TEST_F(ShardCoreReceivingTest, WhatCameBeforeADeletionIsUndeliverable) {
  ApplyRequest delayed = SendRequest({"delayed"}, receiver_);
  delayed.sends[0].delay = absl::Seconds(60);
  Settle(RunApply(std::move(delayed)));
  const size_t count = limits::kMessagesMovedPerStep + 10;
  for (size_t sent = 0; sent < count;) {
    std::vector<std::string> payloads;
    for (; payloads.size() < limits::kSendsMax && sent < count; ++sent) payloads.push_back("old");
    Settle(RunApply(SendRequest(payloads, receiver_)));
  }
  const auto held = Receive(receiver_);
  ASSERT_THAT(held, SizeIs(1));
  ASSERT_THAT(DeleteAccount({receiver_, "", 0}), IsOk());
  ASSERT_THAT(PutEntry(receiver_, "k", "v"), IsOk());
  SendTo(receiver_, "new");
  EXPECT_THAT(Ack(receiver_, {held[0].lease}), HasReason(Reason::kMessageLeaseEnded));
  EXPECT_THAT(Payloads(Receive(receiver_, 5, /*several=*/true)), ElementsAre("new"));
  while (Wake().wake_at <= now_) {
  }
  EXPECT_THAT(Stored(MessageRecordType::kUndeliverable), SizeIs(count + 1));
  EXPECT_THAT(Stored(MessageRecordType::kDelayed), IsEmpty());
  EXPECT_THAT(Mailbox(), ElementsAre("new"));
  const MailboxState mailbox = RecordOf(receiver_)->mailbox;
  EXPECT_EQ(mailbox.count, 1u);
  EXPECT_EQ(mailbox.delayed, 0u);
  EXPECT_EQ(mailbox.first, mailbox.orphans_end);
}

TEST_F(ShardCoreReceivingTest, ARestartGoesOnWithWhatCameBeforeADeletion) {
  SendTo(receiver_, "old");
  std::vector<ShardRequest> requests(1);
  requests[0].body = DeleteAccountRequest{receiver_, "", 0};
  // The turn of the deletion moves it already; as if it had not.
  AccountRecord record = *RecordOf(receiver_);
  record.state = AccountState::kDeleted;
  record.update_time = now_;
  record.mailbox.orphans_end = record.mailbox.next;
  storage::WriteSet batch;
  batch.Put(kTestHome, AccountKeys(receiver_).Key(RecordType::kAccount), record.Encode());
  ASSERT_THAT(store().Commit(batch), IsOk());
  Restart();
  EXPECT_THAT(Receive(receiver_), IsEmpty());
  Wake();
  now_ += limits::kSweepRestInterval;
  while (Wake().wake_at <= now_) {
  }
  EXPECT_THAT(Stored(MessageRecordType::kUndeliverable), ElementsAre("account-deleted"));
  EXPECT_EQ(RecordOf(receiver_)->mailbox.count, 0u);
}

// Plan: send to an account that is not there, and more while it is being made; all of it arrives in
// the order sent, also if the daemon ends in between.
TEST_F(ShardCoreReceivingTest, WhatAwaitedItsReceiverComesFirst) {
  const AccountRef late{"ns", "late"};
  for (const char* payload : {"a", "b"}) SendTo(late, payload);
  EXPECT_THAT(Stored(MessageRecordType::kUndeliverable), ElementsAre("no-account", "no-account"));
  const TurnResult sent = RunApply(SendRequest({"c"}, late));
  std::vector<ShardRequest> requests(2);
  requests[0].call = CallId{1001, 0};
  CreateAccountRequest create;
  create.account = late;
  requests[0].body = create;
  ASSERT_THAT(sent.passed_on, SizeIs(1));
  requests[1].body = sent.passed_on[0];
  Look(Settle(Turn(std::move(requests))));
  EXPECT_THAT(Mailbox(), ElementsAre("a", "b"));
  EXPECT_THAT(Stored(MessageRecordType::kUndeliverable), IsEmpty());
  now_ += limits::kOutboxRestMin;
  Look(Settle(Turn({})));
  EXPECT_THAT(Mailbox(), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(Ready());
}

TEST_F(ShardCoreReceivingTest, ARestartRedrivesWhatAwaitsItsReceiver) {
  const AccountRef late{"ns", "late"};
  SendTo(late, "a");
  // As if the daemon had ended between the account's creation and the redrive.
  AccountRecord record = *RecordOf(receiver_);
  record.mailbox = {};
  storage::WriteSet batch;
  batch.Put(kTestHome, AccountKeys(late).Key(RecordType::kAccount), record.Encode());
  ASSERT_THAT(store().Commit(batch), IsOk());
  Restart();
  Wake();
  EXPECT_THAT(Mailbox(), ElementsAre("a"));
}

TEST_F(ShardCoreReceivingTest, UndeliverableOnesAreRedrivenOrPurgedByHand) {
  ApplyRequest request = SendRequest({"a", "b"}, receiver_);
  for (Send& send : request.sends) send.time_to_live = absl::Seconds(5);
  Settle(RunApply(std::move(request)));
  now_ += absl::Seconds(5);
  EXPECT_THAT(Receive(receiver_), IsEmpty());
  EXPECT_THAT(Stored(MessageRecordType::kUndeliverable), ElementsAre("expired", "expired"));
  const uint64_t revision = RecordOf(sender_)->revision;
  const auto own_key = [&](uint32_t index) {
    return UndeliverableOwnKey(AccountKeys(sender_), {revision, index});
  };
  EXPECT_THAT(StatusOf(Run(SettleUndeliverableRequest{receiver_, own_key(0), true})), IsOk());
  EXPECT_THAT(StatusOf(Run(SettleUndeliverableRequest{receiver_, own_key(1), false})), IsOk());
  EXPECT_THAT(Stored(MessageRecordType::kUndeliverable), IsEmpty());
  for (const bool redrive : {true, false}) {
    EXPECT_THAT(StatusOf(Run(SettleUndeliverableRequest{receiver_, own_key(0), redrive})),
                HasReason(Reason::kUndeliverableNotFound));
  }
  EXPECT_THAT(Payloads(Receive(receiver_)), ElementsAre("a"));
}

TEST_F(ShardCoreReceivingTest, WithoutReceiverARedriveIsRefusedAndCounted) {
  const AccountRef late{"ns", "late"};
  SendTo(late, "a");
  const std::string own_key =
      UndeliverableOwnKey(AccountKeys(sender_), {RecordOf(sender_)->revision, 0});
  EXPECT_THAT(StatusOf(Run(SettleUndeliverableRequest{late, own_key, true})),
              HasReason(Reason::kAccountNotFound));
  std::string bytes;
  ASSERT_TRUE(*store().Get(
      storage::kMessages,
      MessageKey(MessageRecordType::kUndeliverable, AccountKeys(late), own_key), &bytes));
  EXPECT_EQ(UndeliverableRecord::Decode(bytes)->attempts, 1u);
}

// Plan: room for one undeliverable message. The second that would become one stays where it is, in
// an outbox or a mailbox, and goes on when there is room.
TEST_F(ShardCoreReceivingTest, WithoutRoomNothingBecomesUndeliverable) {
  const AccountRef nobody{"ns", "nobody"};
  Restart({.undeliverables = {.messages_max = 1, .bytes_max = 1000}});
  ApplyRequest expiring = SendRequest({"m"}, receiver_);
  expiring.sends[0].time_to_live = absl::Seconds(5);
  Settle(RunApply(std::move(expiring)));
  const uint64_t revision = RecordOf(sender_)->revision;
  SendTo(nobody, "a");
  SendTo(nobody, "b");
  EXPECT_THAT(Outbox(), ElementsAre("b"));
  now_ += absl::Seconds(5);
  EXPECT_THAT(Receive(receiver_), IsEmpty());
  EXPECT_THAT(Mailbox(), ElementsAre("m"));

  const std::string own_key = UndeliverableOwnKey(AccountKeys(sender_), {revision + 1, 0});
  EXPECT_THAT(StatusOf(Run(SettleUndeliverableRequest{nobody, own_key, false})), IsOk());
  now_ += limits::kUndeliverableRetryInterval;
  EXPECT_THAT(Receive(receiver_), IsEmpty());
  EXPECT_THAT(Mailbox(), IsEmpty());
  EXPECT_THAT(Stored(MessageRecordType::kUndeliverable), ElementsAre("expired"));
}

TEST_F(ShardCoreReceivingTest, ASplitTakesLeasesAlong) {
  SendTo(receiver_, "a");
  SendTo(receiver_, "b");
  const auto held = Receive(receiver_);
  Route child{ShardId{2}, KeyRange{receiver_.routing_key(), std::nullopt}, kTestHome};
  Command(BeginSurvey{OperationId{5}, SurveyPurpose::kCount, child.range});
  TurnResult split = Command(SplitOff{OperationId{5}, TableEpoch{2}, child, {}, {}});
  for (ShardEffect& effect : split.others) {
    auto* const start = std::get_if<StartShard>(&effect);
    if (start == nullptr) continue;
    auto parent = Use(std::make_unique<ShardCore>(child, TableEpoch{2}, std::move(*start->state),
                                                  ShardCore::Options()));
    EXPECT_THAT(Receive(receiver_), IsEmpty()) << "held";
    EXPECT_THAT(Ack(receiver_, {held[0].lease}), IsOk());
    EXPECT_TRUE(Ready());
    const auto next = Receive(receiver_);
    ASSERT_THAT(Payloads(next), ElementsAre("b"));
    EXPECT_GT(next[0].lease.token, held[0].lease.token) << "tokens are not used twice";
    return;
  }
  FAIL() << "no shard was started";
}

// Plan: two messages of the largest size and one more than fit an answer.
TEST_F(ShardCoreReceivingTest, AnAnswerIsBounded) {
  const std::string large(limits::kMessagePayloadBytesMax, 'x');
  for (int i = 0; i < 4; ++i) SendTo(receiver_, large);
  const auto first = Receive(receiver_, 10, /*several=*/true);
  EXPECT_THAT(first, SizeIs(limits::kPageBytesMax / large.size()));
  EXPECT_THAT(Receive(receiver_, 10, /*several=*/true), Not(IsEmpty())) << "there is more";
}

}  // namespace
}  // namespace shardd
