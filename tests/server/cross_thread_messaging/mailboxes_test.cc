// Plan: accounts with messages, consumers that hold them, let them pass or give them back; look at
// whose turn it is, and that each lease is worth something exactly until its time.
#include "server/cross_thread_messaging/mailboxes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shardd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kAccountsMax = 4;

class MailboxesTest : public ::testing::Test {
 protected:
  static AccountRef Account(const std::string& id) { return {"shop", id}; }
  void Note(const std::string& id) { boxes_.Note(Account(id), now_, now_); }
  // Those whose turn it is, all of them.
  std::vector<std::string> Ids(bool several = false) {
    std::vector<std::string> ids;
    while (const auto next = boxes_.Next("shop", several)) ids.push_back(next->id);
    return ids;
  }
  void Lend(const std::string& id, Lease lease) {
    boxes_.Lend(Account(id), lease, now_ + absl::Seconds(30));
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  Mailboxes boxes_{kAccountsMax};
};

TEST_F(MailboxesTest, AccountsTakeTurns) {
  Note("b");
  Note("a");
  Note("b");
  EXPECT_EQ(boxes_.Next("shop", false), Account("b"));
  Note("b");
  EXPECT_THAT(Ids(), ElementsAre("a", "b"));
  EXPECT_EQ(boxes_.size(), 0u);
  EXPECT_FALSE(boxes_.HasReady("shop"));
}

TEST_F(MailboxesTest, NamespacesHaveLinesOfTheirOwn) {
  Note("a");
  boxes_.Note({"", "a"}, now_, now_);
  EXPECT_EQ(boxes_.Next("other", false), std::nullopt);
  EXPECT_EQ(boxes_.Next("", false), (AccountRef{"", "a"}));
  EXPECT_THAT(Ids(), ElementsAre("a"));
}

TEST_F(MailboxesTest, AnAccountWhoseMessageIsHeldIsPassedOver) {
  Note("a");
  Note("b");
  ASSERT_TRUE(boxes_.Pick(Account("a"), false));
  Lend("a", {1, 7});
  Note("a");  // another message
  EXPECT_THAT(Ids(), ElementsAre("b"));
  EXPECT_FALSE(boxes_.Pick(Account("a"), false));
  boxes_.EndLease(Account("a"), 1);
  EXPECT_THAT(Ids(), ElementsAre("a"));
}

TEST_F(MailboxesTest, SeveralAtATimeIfAskedFor) {
  Note("a");
  ASSERT_TRUE(boxes_.Pick(Account("a"), true));
  Lend("a", {1, 7});
  Note("a");
  EXPECT_THAT(Ids(/*several=*/true), ElementsAre("a"));
  Lend("a", {2, 8});
  EXPECT_TRUE(boxes_.IsLent(Account("a"), 1));
  EXPECT_TRUE(boxes_.IsLent(Account("a"), 2));
  EXPECT_EQ(boxes_.lent(), 2u);
}

TEST_F(MailboxesTest, ALeaseIsValidUntilItsTime) {
  Lend("a", {1, 7});
  const absl::Time end = now_ + absl::Seconds(30);
  EXPECT_EQ(boxes_.Until(Account("a"), {1, 7}, now_), end);
  EXPECT_EQ(boxes_.Until(Account("a"), {1, 7}, end - absl::Nanoseconds(1)), end);
  EXPECT_EQ(boxes_.Until(Account("a"), {1, 7}, end), std::nullopt) << "the moment it passes";
  EXPECT_EQ(boxes_.Until(Account("a"), {1, 6}, now_), std::nullopt) << "of an earlier time";
  EXPECT_EQ(boxes_.Until(Account("a"), {2, 7}, now_), std::nullopt);
  EXPECT_EQ(boxes_.Until(Account("b"), {1, 7}, now_), std::nullopt);
}

TEST_F(MailboxesTest, PassedLeasesComeInTheirOrder) {
  Lend("a", {1, 7});
  now_ += absl::Seconds(1);
  Lend("b", {1, 7});
  boxes_.Extend(Account("a"), {1, 7}, now_ + absl::Seconds(60));
  EXPECT_EQ(boxes_.wake_at(), now_ + absl::Seconds(30));
  EXPECT_FALSE(boxes_.NextPassed(now_ + absl::Milliseconds(29'999)).has_value());
  const auto passed = boxes_.NextPassed(now_ + absl::Seconds(60));
  ASSERT_TRUE(passed.has_value());
  EXPECT_EQ(passed->account, Account("b"));
  EXPECT_EQ(passed->number, 1u);
  EXPECT_EQ(boxes_.NextPassed(now_ + absl::Seconds(60))->account, Account("a"));
  EXPECT_FALSE(boxes_.NextPassed(absl::InfiniteFuture()).has_value());
  EXPECT_EQ(boxes_.size(), 0u);
}

TEST_F(MailboxesTest, ALaterMessageWaitsForItsTime) {
  boxes_.Note(Account("a"), now_ + absl::Seconds(5), now_);
  boxes_.Note(Account("a"), now_ + absl::Seconds(9), now_);
  EXPECT_THAT(Ids(), IsEmpty());
  EXPECT_EQ(boxes_.wake_at(), now_ + absl::Seconds(5));
  boxes_.Note(Account("a"), now_ + absl::Seconds(2), now_);
  EXPECT_EQ(boxes_.wake_at(), now_ + absl::Seconds(2));
  boxes_.Advance(now_ + absl::Milliseconds(1'999));
  EXPECT_THAT(Ids(), IsEmpty());
  boxes_.Advance(now_ + absl::Seconds(2));
  EXPECT_THAT(Ids(), ElementsAre("a"));
  EXPECT_EQ(boxes_.wake_at(), absl::InfiniteFuture());
}

TEST_F(MailboxesTest, WhatIsNotRememberedMustBeLookedFor) {
  for (const char* id : {"a", "b", "c", "d"}) Note(id);
  EXPECT_TRUE(boxes_.complete());
  Note("a");
  EXPECT_TRUE(boxes_.complete());
  Note("e");
  EXPECT_FALSE(boxes_.complete());
  EXPECT_FALSE(boxes_.HasMuchRoom());
  EXPECT_THAT(Ids(), ElementsAre("a", "b", "c", "d"));
  EXPECT_TRUE(boxes_.HasMuchRoom());
  boxes_.SetComplete();
  EXPECT_TRUE(boxes_.complete());
}

TEST_F(MailboxesTest, ARangeGoesToAnotherOwnerAsItIs) {
  Note("b");
  Note("a");
  ASSERT_TRUE(boxes_.Pick(Account("b"), false));
  Lend("b", {3, 9});
  boxes_.Note(Account("c"), now_ + absl::Seconds(5), now_);
  Mailboxes released = boxes_.Release({kFirstRoutingKey, std::nullopt});
  EXPECT_EQ(boxes_.size(), 0u);
  EXPECT_EQ(boxes_.lent(), 0u);
  EXPECT_EQ(boxes_.wake_at(), absl::InfiniteFuture());
  EXPECT_THAT(Ids(), IsEmpty());

  boxes_.Take(std::move(released));
  EXPECT_EQ(boxes_.size(), 3u);
  EXPECT_TRUE(boxes_.Until(Account("b"), {3, 9}, now_).has_value());
  EXPECT_EQ(boxes_.wake_at(), now_ + absl::Seconds(5));
  EXPECT_THAT(Ids(), ElementsAre("a"));
  boxes_.Advance(now_ + absl::Seconds(5));
  EXPECT_THAT(Ids(), ElementsAre("c"));
  EXPECT_EQ(boxes_.NextPassed(now_ + absl::Seconds(30))->account, Account("b"));
}

TEST_F(MailboxesTest, OnlyAccountsOfTheRangeGo) {
  Note("a");
  Note("b");
  const RoutingKey a = Account("a").routing_key();
  Mailboxes released = boxes_.Release({a, Successor(a)});
  EXPECT_EQ(released.size(), 1u);
  EXPECT_THAT(Ids(), ElementsAre("b"));
}

}  // namespace
}  // namespace shardd
