// Plan: add and remove undeliverable messages of some receivers, and hand them over; look at
// counts, ages and order.
#include "server/routing/undeliverables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace shardd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const AccountRef kUndeliverableA{"shop", "a"};
const AccountRef kUndeliverableB{"shop", "b"};

class UndeliverablesTest : public ::testing::Test {
 protected:
  static absl::Time At(int second) { return absl::FromUnixSeconds(second); }

  Undeliverables messages_{{.messages_max = 3, .bytes_max = 100}};
};

TEST_F(UndeliverablesTest, CountsAndKnowsTheOldest) {
  EXPECT_EQ(messages_.oldest(), absl::InfiniteFuture());
  messages_.Add(kUndeliverableA, "2", {At(20), 10, true});
  messages_.Add(kUndeliverableA, "1", {At(10), 20, true});
  messages_.Add(kUndeliverableB, "1", {At(10), 30, true});
  EXPECT_EQ(messages_.count(), 3u);
  EXPECT_EQ(messages_.bytes(), 60u);
  EXPECT_EQ(messages_.oldest(), At(10));
  EXPECT_THAT(messages_.Awaiting(kUndeliverableA, 5), ElementsAre("1", "2"));
  EXPECT_THAT(messages_.Awaiting(kUndeliverableA, 1), ElementsAre("1"));
  messages_.Remove(kUndeliverableA, "1");
  EXPECT_EQ(messages_.oldest(), At(10)) << "that of b";
  messages_.Remove(kUndeliverableB, "1");
  EXPECT_EQ(messages_.oldest(), At(20));
  EXPECT_THAT(messages_.Awaited(), ElementsAre(kUndeliverableA));
  messages_.Remove(kUndeliverableA, "1");  // is not there
  EXPECT_EQ(messages_.count(), 1u);
  EXPECT_EQ(messages_.bytes(), 10u);
}

TEST_F(UndeliverablesTest, SomeAwaitTheirReceiverAndSomeDoNot) {
  messages_.Add(kUndeliverableA, "1", {At(1), 1, false});
  messages_.Add(kUndeliverableB, "1", {At(1), 1, false});
  messages_.Add(kUndeliverableB, "2", {At(1), 1, true});
  EXPECT_THAT(messages_.Awaiting(kUndeliverableA, 5), IsEmpty());
  EXPECT_THAT(messages_.Awaiting(kUndeliverableB, 5), ElementsAre("2"));
  EXPECT_THAT(messages_.Awaited(), ElementsAre(kUndeliverableB));
}

TEST_F(UndeliverablesTest, RoomIsCountedInMessagesAndBytes) {
  messages_.Add(kUndeliverableA, "1", {At(1), 60, true});
  EXPECT_TRUE(messages_.HasRoom(2, 40));
  EXPECT_FALSE(messages_.HasRoom(3, 40));
  EXPECT_FALSE(messages_.HasRoom(1, 41));
  messages_.Add(kUndeliverableA, "2", {At(1), 0, true});
  messages_.Add(kUndeliverableA, "3", {At(1), 0, true});
  EXPECT_FALSE(messages_.HasRoom(1, 0));
}

TEST_F(UndeliverablesTest, ARangeGoesToAnotherOwner) {
  messages_.Add(kUndeliverableA, "1", {At(1), 10, true});
  messages_.Add(kUndeliverableB, "1", {At(2), 20, true});
  const RoutingKey a = kUndeliverableA.routing_key();
  Undeliverables released = messages_.Release({a, Successor(a)});
  EXPECT_EQ(released.count(), 1u);
  EXPECT_EQ(released.bytes(), 10u);
  EXPECT_EQ(released.oldest(), At(1));
  EXPECT_THAT(messages_.Awaiting(kUndeliverableA, 5), IsEmpty());
  EXPECT_EQ(messages_.oldest(), At(2));
  messages_.Take(std::move(released));
  EXPECT_EQ(messages_.count(), 2u);
  EXPECT_EQ(messages_.bytes(), 30u);
  EXPECT_EQ(messages_.oldest(), At(1));
}

}  // namespace
}  // namespace shardd
