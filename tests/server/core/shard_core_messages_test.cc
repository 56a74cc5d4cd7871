// Plan: send between accounts of one core, which is passed its own messages as the runtime would:
// look at what is stored and what goes out after each turn, with repeats, refusals, restarts and
// splits in between.

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
using ::testing::SizeIs;

class ShardCoreMessagesTest : public MessageFixture {
 protected:
  TurnResult SendAll(const std::vector<std::string>& payloads) {
    return RunApply(SendRequest(payloads, receiver_));
  }
};

TEST_F(ShardCoreMessagesTest, AMessageGoesFromOutboxToMailbox) {
  const uint64_t before = RecordOf(sender_)->revision;
  TurnResult turn = SendAll({"a"});
  EXPECT_EQ(RecordOf(sender_)->revision, before + 1) << "a send is a change";
  EXPECT_THAT(Outbox(), ElementsAre("a"));
  ASSERT_THAT(turn.passed_on, SizeIs(1));
  const Message message = std::get<DeliverMessage>(turn.passed_on[0]).message;
  EXPECT_EQ(message.number, (SendNumber{before + 1, 0}));
  EXPECT_EQ(message.after, SendNumber());
  EXPECT_EQ(message.id, absl::StrCat(before + 1, "-0"));

  turn = PassOn(std::move(turn.passed_on));
  EXPECT_THAT(Mailbox(), ElementsAre("a"));
  EXPECT_THAT(Outbox(), ElementsAre("a")) << "until the answer";
  const MailboxState mailbox = RecordOf(receiver_)->mailbox;
  EXPECT_EQ(mailbox.next, 1u);
  EXPECT_EQ(mailbox.count, 1u);
  EXPECT_EQ(mailbox.bytes, message.ByteSize());

  turn = PassOn(std::move(turn.passed_on));
  EXPECT_THAT(Outbox(), IsEmpty());
  EXPECT_THAT(turn.passed_on, IsEmpty());
}

TEST_F(ShardCoreMessagesTest, MessagesArriveInTheOrderSent) {
  Settle(SendAll({"a", "b"}));
  Settle(SendAll({"c"}));
  EXPECT_THAT(Mailbox(), ElementsAre("a", "b", "c"));
}

TEST_F(ShardCoreMessagesTest, StateAndSendsAreOneWrite) {
  ApplyRequest request = SendRequest({"a"}, receiver_);
  request.preconditions.push_back(EntryAbsent{"k"});
  EXPECT_THAT(Apply(request), HasReason(Reason::kPreconditionFailed));
  EXPECT_THAT(Outbox(), IsEmpty());

  request.preconditions.clear();
  request.mutations.push_back(AddInteger{"k", 1});  // holds no number
  EXPECT_THAT(Apply(request), HasReason(Reason::kValueNotInteger));
  EXPECT_THAT(Outbox(), IsEmpty());
}

TEST_F(ShardCoreMessagesTest, ARepeatedRequestSendsOnce) {
  ApplyRequest request = SendRequest({"a"}, receiver_);
  request.request_id = "r";
  Settle(RunApply(request));
  Settle(RunApply(request));
  EXPECT_THAT(Mailbox(), ElementsAre("a"));
}

TEST_F(ShardCoreMessagesTest, ARepeatedDeliveryChangesNothing) {
  TurnResult sent = SendAll({"a"});
  const std::vector<ShardRequestBody> delivery = sent.passed_on;
  TurnResult first = PassOn(delivery);
  const TurnResult again = PassOn(delivery);
  EXPECT_EQ(again.writes, 0u);
  EXPECT_THAT(Mailbox(), ElementsAre("a"));
  ASSERT_THAT(again.passed_on, SizeIs(1));
  EXPECT_EQ(std::get<SettleDelivery>(again.passed_on[0]).outcome, DeliveryOutcome::kTaken);
  Settle(std::move(first));
  EXPECT_THAT(PassOn(delivery).writes, 0u) << "also when the sender has forgotten it";
}

TEST_F(ShardCoreMessagesTest, WhatOvertakesIsTurnedAway) {
  TurnResult turn = SendAll({"a", "b"});
  ASSERT_THAT(turn.passed_on, SizeIs(2));
  std::swap(turn.passed_on[0], turn.passed_on[1]);
  turn = PassOn(std::move(turn.passed_on));
  EXPECT_THAT(Mailbox(), ElementsAre("a"));
  const auto& outcome = std::get<SettleDelivery>(turn.passed_on[0]);
  EXPECT_EQ(outcome.outcome, DeliveryOutcome::kOutOfOrder);
  turn = PassOn(std::move(turn.passed_on));
  EXPECT_THAT(Outbox(), ElementsAre("b"));
  EXPECT_LE(turn.wake_at, now_ + limits::kOutboxRestMin);
  now_ += limits::kOutboxRestMin;
  Settle(Turn({}));
  EXPECT_THAT(Mailbox(), ElementsAre("a", "b"));
  EXPECT_THAT(Outbox(), IsEmpty());
}

TEST_F(ShardCoreMessagesTest, ARestartDeliversWhatIsUnderWay) {
  SendAll({"a"});
  TurnResult turn = SendAll({"b"});
  Restart();
  turn = Turn({});
  EXPECT_THAT(turn.passed_on, SizeIs(2));
  turn = PassOn(std::move(turn.passed_on));  // taken in, but the answers are lost
  Restart();
  Settle(Turn({}));
  EXPECT_THAT(Mailbox(), ElementsAre("a", "b"));
  EXPECT_THAT(Outbox(), IsEmpty());
}

TEST_F(ShardCoreMessagesTest, WithoutReceiverItIsUndeliverable) {
  ASSERT_THAT(DeleteAccount({receiver_, "", 0}), IsOk());
  Settle(SendAll({"a"}));
  EXPECT_THAT(Outbox(), IsEmpty());
  EXPECT_THAT(Mailbox(), IsEmpty());
  EXPECT_THAT(Stored(MessageRecordType::kUndeliverable), ElementsAre("no-account"));
}

TEST_F(ShardCoreMessagesTest, ADelayedMessageIsKeptApart) {
  ApplyRequest request = SendRequest({"a"}, receiver_);
  request.sends[0].delay = absl::Seconds(5);
  Settle(RunApply(std::move(request)));
  EXPECT_THAT(Mailbox(), IsEmpty());
  EXPECT_THAT(Stored(MessageRecordType::kDelayed), ElementsAre("a"));
  EXPECT_EQ(RecordOf(receiver_)->mailbox.count, 1u);
}

TEST_F(ShardCoreMessagesTest, AFrozenAccountSendsNothing) {
  UpdateAccountRequest freeze;
  freeze.account = sender_;
  freeze.state = AccountState::kFrozen;
  ASSERT_THAT(UpdateAccount(freeze), IsOk());
  EXPECT_THAT(Apply(SendRequest({"a"}, receiver_)), HasReason(Reason::kAccountFrozen));
  EXPECT_THAT(Outbox(), IsEmpty());
}

// Plan: a mailbox with room for one more byte than the first message; the second waits in the
// outbox, further ones are refused with the request, and all arrives when there is room.
TEST_F(ShardCoreMessagesTest, AFullMailboxHoldsBackItsSenders) {
  const std::string large(limits::kMessagePayloadBytesMax, 'x');
  const auto count = static_cast<size_t>(limits::kAccountMailboxBytesMax / large.size());
  for (size_t i = 0; i + 1 < count; ++i) Settle(SendAll({large}));
  Settle(SendAll({large}));  // with its id it is too much
  EXPECT_THAT(Mailbox(), SizeIs(count - 1));
  EXPECT_THAT(Outbox(), SizeIs(1));

  ApplyRequest request = SendRequest({"small"}, receiver_);
  request.request_id = "the same";
  const auto refused = Apply(request);
  EXPECT_THAT(refused, HasReason(Reason::kAccountMailboxFull));
  EXPECT_EQ(RetryAfterOf(refused.status()), limits::kOutboxRestMin);
  EXPECT_THAT(Outbox(), SizeIs(1));
  // Who comes back as asked, under the same request_id, does not get the same answer.
  now_ += limits::kOutboxRestMin;
  EXPECT_THAT(Apply(request), IsOk());
}

// Plan: a mark stays as long as it is young, or its sender has something under way; then it goes,
// and messages are taken in as before.
TEST_F(ShardCoreMessagesTest, AMarkGoesWhenNothingIsUnderWay) {
  Settle(SendAll({"a"}));
  const auto marks = [this] {
    size_t count = 0;
    const auto cursor = store().NewCursor(storage::kMessages,
                                          MessageBounds(MessageRecordType::kMark, whole_.range));
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) ++count;
    return count;
  };
  EXPECT_EQ(marks(), 1u);
  now_ += limits::kSweepRestInterval;
  Settle(Turn({}));
  EXPECT_EQ(marks(), 1u) << "it is young";

  const TurnResult sent = SendAll({"b"});  // stays under way
  now_ += limits::kMarkAgeMin;
  TurnResult asked = Turn({});
  ASSERT_THAT(asked.passed_on, SizeIs(1));
  ASSERT_TRUE(std::holds_alternative<AskAboutMark>(asked.passed_on[0]));
  EXPECT_THAT(PassOn(std::move(asked.passed_on)).passed_on, IsEmpty());
  Settle(sent);
  now_ += limits::kSweepRestInterval + limits::kMarkAgeMin;
  Settle(Turn({}));
  EXPECT_EQ(marks(), 0u);
  Settle(SendAll({"c"}));
  EXPECT_THAT(Mailbox(), ElementsAre("a", "b", "c"));
}

TEST_F(ShardCoreMessagesTest, ASplitTakesTheOutboxAlong) {
  TurnResult sent = SendAll({"a", "b"});
  ASSERT_THAT(sent.passed_on, SizeIs(2));
  Route child{ShardId{2}, KeyRange{sender_.routing_key(), std::nullopt}, kTestHome};
  Command(BeginSurvey{OperationId{5}, SurveyPurpose::kCount, child.range});
  TurnResult split = Command(SplitOff{OperationId{5}, TableEpoch{2}, child, {}, {}});
  auto& start = std::get<StartShard>(split.others.at(0));
  auto parent = Use(std::make_unique<ShardCore>(child, TableEpoch{2}, std::move(*start.state),
                                                ShardCore::Options()));
  EXPECT_THAT(Turn({}).passed_on, IsEmpty()) << "both are on their way";
  const SendNumber first = std::get<DeliverMessage>(sent.passed_on[0]).message.number;
  PassOn({SettleDelivery{sender_, receiver_, first, DeliveryOutcome::kTaken}});
  EXPECT_THAT(Outbox(), ElementsAre("b"));
}

}  // namespace
}  // namespace shardd
