// Plan: send to receivers that take, refuse and answer late, and look at what goes next and when;
// then many pairs at random, with owners that change, against receivers that keep to the protocol:
// each message arrives, in order, and nothing goes twice before it was answered.
#include "server/cross_thread_messaging/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/random.h"

namespace shardd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Outbox::Bounds kBounds = {.messages_max = 100,
                                    .bytes_max = 1000,
                                    .in_flight_max = 8,
                                    .pair_in_flight_max = 3,
                                    .rest_min = absl::Milliseconds(100),
                                    .rest_max = absl::Milliseconds(400)};
const KeyRange kEverything{kFirstRoutingKey, std::nullopt};

MessagePair PairOf(const std::string& sender, const std::string& receiver) {
  return {{"ns", sender}, {"ns", receiver}};
}

class OutboxTest : public ::testing::Test {
 protected:
  // All that goes now, like "a>b 1".
  std::vector<std::string> Go() {
    std::vector<std::string> gone;
    while (const auto next = outbox_.Next(now_)) {
      gone.push_back(absl::StrCat(next->pair.sender.id, ">", next->pair.receiver.id, " ",
                                  next->number.revision));
    }
    return gone;
  }
  void Add(const MessagePair& pair, uint64_t from, uint64_t to) {
    for (uint64_t i = from; i <= to; ++i) outbox_.Add(pair, {i, 0}, 10, now_);
  }
  bool Settle(const MessagePair& pair, uint64_t number, DeliveryOutcome outcome) {
    return outbox_.Settle(pair, {number, 0}, outcome, now_);
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  Outbox outbox_{kBounds};
  const MessagePair ab_ = PairOf("a", "b");
};

// Plan: messages sent one second after the other; the oldest goes, and then all that are left move
// to another outbox and back.
TEST_F(OutboxTest, KnowsWhenTheOldestWasSent) {
  EXPECT_EQ(outbox_.oldest(), absl::InfiniteFuture());
  const absl::Time first = now_;
  Add(ab_, 1, 1);
  now_ += absl::Seconds(1);
  Add(PairOf("c", "b"), 1, 1);
  EXPECT_EQ(outbox_.oldest(), first);
  Go();
  EXPECT_TRUE(Settle(ab_, 1, DeliveryOutcome::kTaken));
  EXPECT_EQ(outbox_.oldest(), now_);
  Outbox other = outbox_.Release({kFirstRoutingKey, std::nullopt});
  EXPECT_EQ(outbox_.oldest(), absl::InfiniteFuture());
  EXPECT_EQ(other.oldest(), now_);
  outbox_.Take(std::move(other));
  EXPECT_EQ(outbox_.oldest(), now_);
  EXPECT_TRUE(Settle(PairOf("c", "b"), 1, DeliveryOutcome::kTaken));
  EXPECT_EQ(outbox_.oldest(), absl::InfiniteFuture());
}

TEST_F(OutboxTest, APairGoesInOrderSeveralAtATime) {
  Add(ab_, 1, 5);
  EXPECT_EQ(outbox_.Newest(ab_), (SendNumber{5, 0}));
  EXPECT_THAT(Go(), ElementsAre("a>b 1", "a>b 2", "a>b 3"));
  EXPECT_TRUE(Settle(ab_, 1, DeliveryOutcome::kTaken));
  EXPECT_THAT(Go(), ElementsAre("a>b 4"));
  for (const uint64_t number : {2, 3, 4}) Settle(ab_, number, DeliveryOutcome::kTaken);
  EXPECT_THAT(Go(), ElementsAre("a>b 5"));
  Settle(ab_, 5, DeliveryOutcome::kTaken);
  EXPECT_EQ(outbox_.count(), 0u);
  EXPECT_EQ(outbox_.bytes(), 0u);
  EXPECT_EQ(outbox_.in_flight(), 0u);
  EXPECT_EQ(outbox_.Newest(ab_), SendNumber());
}

TEST_F(OutboxTest, PairsTakeTurns) {
  Add(ab_, 1, 3);
  Add(PairOf("a", "c"), 4, 5);
  Add(PairOf("x", "b"), 1, 1);
  EXPECT_THAT(Go(), ElementsAre("a>b 1", "a>c 4", "x>b 1", "a>b 2", "a>c 5", "a>b 3"));
}

TEST_F(OutboxTest, NoMoreThanTheWindowIsOnItsWay) {
  for (const char* receiver : {"b", "c", "d", "e"}) Add(PairOf("a", receiver), 1, 3);
  EXPECT_EQ(Go().size(), kBounds.in_flight_max);
  EXPECT_EQ(outbox_.in_flight(), kBounds.in_flight_max);
  Settle(ab_, 1, DeliveryOutcome::kTaken);
  EXPECT_EQ(Go().size(), 1u);
}

TEST_F(OutboxTest, ARefusalSendsThePairBackToWhereItStopped) {
  Add(ab_, 1, 5);
  EXPECT_EQ(Go().size(), 3u);
  Settle(ab_, 1, DeliveryOutcome::kTaken);
  Settle(ab_, 2, DeliveryOutcome::kMailboxFull);
  EXPECT_THAT(Go(), IsEmpty()) << "3 is still on its way";
  EXPECT_EQ(outbox_.wake_at(), absl::InfiniteFuture());
  Settle(ab_, 3, DeliveryOutcome::kOutOfOrder);
  EXPECT_THAT(Go(), IsEmpty());
  EXPECT_EQ(outbox_.wake_at(), now_ + kBounds.rest_min);
  now_ = outbox_.wake_at();
  EXPECT_THAT(Go(), ElementsAre("a>b 2", "a>b 3", "a>b 4"));
}

TEST_F(OutboxTest, RestsGrowAndATakenMessageEndsThat) {
  Add(ab_, 1, 2);
  std::vector<int64_t> rests;
  for (int round = 0; round < 4; ++round) {
    Go();
    Settle(ab_, 1, DeliveryOutcome::kBusy);
    Settle(ab_, 2, DeliveryOutcome::kOutOfOrder);
    rests.push_back(absl::ToInt64Milliseconds(outbox_.wake_at() - now_));
    now_ = outbox_.wake_at();
  }
  EXPECT_THAT(rests, ElementsAre(100, 200, 400, 400));
  Go();
  Settle(ab_, 1, DeliveryOutcome::kTaken);
  Settle(ab_, 2, DeliveryOutcome::kBusy);
  EXPECT_EQ(outbox_.wake_at(), now_ + kBounds.rest_min);
}

TEST_F(OutboxTest, OthersGoOnWhileAPairRests) {
  Add(ab_, 1, 1);
  Go();
  Settle(ab_, 1, DeliveryOutcome::kMailboxFull);
  Add(PairOf("a", "c"), 2, 2);
  Add(ab_, 3, 3);
  EXPECT_THAT(Go(), ElementsAre("a>c 2"));
}

TEST_F(OutboxTest, KnowsWhoseMailboxIsFull) {
  EXPECT_EQ(outbox_.FullUntil(ab_.receiver), absl::InfinitePast());
  Add(ab_, 1, 1);
  Go();
  Settle(ab_, 1, DeliveryOutcome::kBusy);
  EXPECT_EQ(outbox_.FullUntil(ab_.receiver), absl::InfinitePast());
  now_ = outbox_.wake_at();
  Go();
  Settle(ab_, 1, DeliveryOutcome::kMailboxFull);
  EXPECT_EQ(outbox_.FullUntil(ab_.receiver), outbox_.wake_at());
  now_ = outbox_.wake_at();
  Go();
  EXPECT_EQ(outbox_.FullUntil(ab_.receiver), absl::InfinitePast()) << "it is asked again";
}

TEST_F(OutboxTest, AnswersToNothingChangeNothing) {
  EXPECT_FALSE(Settle(ab_, 1, DeliveryOutcome::kTaken));
  Add(ab_, 1, 2);
  EXPECT_FALSE(Settle(ab_, 1, DeliveryOutcome::kTaken)) << "not on its way";
  Go();
  EXPECT_FALSE(Settle(ab_, 7, DeliveryOutcome::kTaken));
  EXPECT_TRUE(Settle(ab_, 1, DeliveryOutcome::kTaken));
  EXPECT_FALSE(Settle(ab_, 1, DeliveryOutcome::kTaken)) << "a repeat";
  EXPECT_EQ(outbox_.count(), 1u);
  EXPECT_EQ(outbox_.in_flight(), 1u);
}

TEST_F(OutboxTest, RoomIsCountedInMessagesAndBytes) {
  Add(ab_, 1, 99);
  EXPECT_TRUE(outbox_.HasRoom(1, 10));
  EXPECT_FALSE(outbox_.HasRoom(2, 10));
  EXPECT_FALSE(outbox_.HasRoom(1, 11));
}

TEST_F(OutboxTest, ARangeGoesToAnotherOwnerAsItIs) {
  const MessagePair rests = PairOf("r", "b");
  Add(ab_, 1, 5);
  Add(rests, 1, 1);
  Go();
  Settle(rests, 1, DeliveryOutcome::kMailboxFull);
  Settle(ab_, 1, DeliveryOutcome::kTaken);
  const absl::Time wake_at = outbox_.wake_at();

  Outbox released = outbox_.Release(kEverything);
  EXPECT_EQ(outbox_.count(), 0u);
  EXPECT_EQ(outbox_.bytes(), 0u);
  EXPECT_EQ(outbox_.in_flight(), 0u);
  EXPECT_EQ(outbox_.wake_at(), absl::InfiniteFuture());
  EXPECT_EQ(outbox_.FullUntil(ab_.receiver), absl::InfinitePast());
  EXPECT_THAT(Go(), IsEmpty());

  outbox_.Take(std::move(released));
  EXPECT_EQ(outbox_.count(), 5u);
  EXPECT_EQ(outbox_.bytes(), 50u);
  EXPECT_EQ(outbox_.in_flight(), 2u);
  EXPECT_EQ(outbox_.wake_at(), wake_at);
  EXPECT_EQ(outbox_.FullUntil(ab_.receiver), wake_at);
  EXPECT_THAT(Go(), ElementsAre("a>b 4"));
}

TEST_F(OutboxTest, OnlySendersOfTheRangeGo) {
  const RoutingKey a = ab_.sender.routing_key();
  const MessagePair other = PairOf("x", "a");
  const RoutingKey x = other.sender.routing_key();
  Add(ab_, 1, 1);
  Add(other, 1, 1);
  const KeyRange upper{std::max(a, x), std::nullopt};
  const Outbox released = outbox_.Release(upper);
  EXPECT_EQ(released.count(), 1u);
  EXPECT_EQ(outbox_.count(), 1u);
  EXPECT_EQ(released.Newest(a > x ? ab_ : other).revision, 1u);
}

// The far end: takes a message only after the one before it, and once.
class Receivers {
 public:
  explicit Receivers(Random& random) : random_(random) {}

  DeliveryOutcome Deliver(const MessagePair& pair, SendNumber number, SendNumber after) {
    SendNumber& mark = marks_[pair];
    if (number <= mark) return DeliveryOutcome::kTaken;
    if (after > mark) return DeliveryOutcome::kOutOfOrder;
    if (random_.Below(4) == 0) return DeliveryOutcome::kMailboxFull;
    mark = number;
    taken_[pair].push_back(number.revision);
    return DeliveryOutcome::kTaken;
  }
  const std::map<MessagePair, std::vector<uint64_t>>& taken() const { return taken_; }

 private:
  Random& random_;
  std::map<MessagePair, SendNumber> marks_;
  std::map<MessagePair, std::vector<uint64_t>> taken_;
};

TEST(OutboxAtRandomTest, EverythingArrivesOnceInOrder) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Receivers receivers(random);
    absl::Time now = absl::FromUnixSeconds(1000);
    std::vector<Outbox> owners;
    owners.emplace_back(kBounds);
    std::map<MessagePair, std::vector<uint64_t>> sent;
    std::map<MessagePair, std::map<uint64_t, SendNumber>> after;
    struct Answer {
      MessagePair pair;
      SendNumber number;
      DeliveryOutcome outcome;
    };
    std::vector<Answer> answers;
    const auto owner_of = [&](const MessagePair& pair) -> Outbox& {
      for (Outbox& owner : owners) {
        if (owner.Newest(pair) != SendNumber()) return owner;
      }
      return owners.front();
    };
    const auto finished = [&] {
      return std::all_of(owners.begin(), owners.end(),
                         [](const Outbox& owner) { return owner.count() == 0; });
    };
    uint64_t revision = 0;
    for (int step = 0; step < 3000 && (step < 400 || !finished()); ++step) {
      const uint64_t what = random.Below(10);
      if (what < 3 && step < 400) {
        const MessagePair pair =
            PairOf(absl::StrCat("s", random.Below(3)), absl::StrCat("r", random.Below(3)));
        Outbox& owner = owner_of(pair);
        if (owner.HasRoom(1, 10)) {
          const SendNumber number{++revision, 0};
          after[pair][number.revision] = owner.Newest(pair);
          sent[pair].push_back(number.revision);
          owner.Add(pair, number, 10, now);
        }
      } else if (what < 6) {
        Outbox& owner = owners[random.Below(owners.size())];
        if (const auto next = owner.Next(now)) {
          answers.push_back({next->pair, next->number,
                             receivers.Deliver(next->pair, next->number,
                                               after[next->pair][next->number.revision])});
        }
      } else if (what < 9 && !answers.empty()) {
        const Answer answer = answers.front();
        answers.erase(answers.begin());
        EXPECT_TRUE(owner_of(answer.pair).Settle(answer.pair, answer.number, answer.outcome, now));
      } else if (random.Below(4) == 0) {
        // A sender's range goes to another owner: a new one, or one that is there.
        const RoutingKey key = AccountRef{"ns", absl::StrCat("s", random.Below(3))}.routing_key();
        Outbox& from = owners[random.Below(owners.size())];
        Outbox moved = from.Release({key, Successor(key)});
        if (owners.size() < 3) {
          owners.push_back(std::move(moved));
        } else {
          owners[random.Below(owners.size())].Take(std::move(moved));
        }
      } else {
        now += absl::Milliseconds(50);
      }
    }
    EXPECT_TRUE(finished());
    EXPECT_EQ(receivers.taken(), sent);
  }
}

}  // namespace
}  // namespace shardd
