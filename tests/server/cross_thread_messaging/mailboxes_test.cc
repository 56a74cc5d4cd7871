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
using ::testing::Pair;

constexpr size_t kAccountsMax = 4;
const LineName kFree{"shop", false};
const LineName kHeld{"shop", true};

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
    boxes_.Lend(Account(id), lease.number,
                {.token = lease.token, .until = now_ + absl::Seconds(30), .bytes = 10});
  }

  // The account of the lease that has passed first, which is ended; "": none has.
  std::string EndPassed(absl::Time now) {
    const auto passed = boxes_.FirstPassed(now);
    if (!passed.has_value()) return "";
    boxes_.EndLease(passed->account, passed->number);
    return passed->account.id;
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
  ASSERT_NE(boxes_.Find(Account("a"), {1, 7}, now_), nullptr);
  EXPECT_EQ(boxes_.Find(Account("a"), {1, 7}, now_)->bytes, 10u);
  EXPECT_NE(boxes_.Find(Account("a"), {1, 7}, end - absl::Nanoseconds(1)), nullptr);
  EXPECT_EQ(boxes_.Find(Account("a"), {1, 7}, end), nullptr) << "the moment it passes";
  EXPECT_EQ(boxes_.Find(Account("a"), {1, 6}, now_), nullptr) << "of an earlier time";
  EXPECT_EQ(boxes_.Find(Account("a"), {2, 7}, now_), nullptr);
  EXPECT_EQ(boxes_.Find(Account("b"), {1, 7}, now_), nullptr);
}

TEST_F(MailboxesTest, AForgottenAccountHoldsNothing) {
  Note("a");
  Lend("a", {1, 7});
  boxes_.Forget(Account("a"));
  boxes_.Forget(Account("b"));
  EXPECT_EQ(boxes_.Find(Account("a"), {1, 7}, now_), nullptr);
  EXPECT_EQ(boxes_.size(), 0u);
  EXPECT_EQ(boxes_.lent(), 0u);
  EXPECT_THAT(Ids(/*several=*/true), IsEmpty());
}

TEST_F(MailboxesTest, NewsSayWhoIsReady) {
  Note("a");
  Note("b");
  Note("a");
  MailboxNews news = boxes_.TakeNews();
  EXPECT_THAT(news.came, ElementsAre(Pair(Account("a"), false), Pair(Account("b"), false)));
  EXPECT_THAT(news.lines, ElementsAre(Pair(kFree, true)));

  ASSERT_TRUE(boxes_.Pick(Account("a"), false));
  Lend("a", {1, 7});
  Note("a");
  news = boxes_.TakeNews();
  EXPECT_THAT(news.came, ElementsAre(Pair(Account("a"), true))) << "for who wants several";
  EXPECT_THAT(news.lines, ElementsAre(Pair(kHeld, true))) << "b is still in the other one";

  EXPECT_THAT(Ids(), ElementsAre("b"));
  EXPECT_THAT(boxes_.TakeNews().lines, ElementsAre(Pair(kFree, false)));
  boxes_.EndLease(Account("a"), 1);
  news = boxes_.TakeNews();
  EXPECT_THAT(news.came, ElementsAre(Pair(Account("a"), false)));
  EXPECT_THAT(news.lines, ElementsAre(Pair(kFree, true), Pair(kHeld, false)));

  EXPECT_THAT(Ids(), ElementsAre("a"));
  Note("a");
  EXPECT_THAT(boxes_.TakeNews().lines, IsEmpty()) << "as it was said last";
}

TEST_F(MailboxesTest, NewsFollowARangeToItsOwner) {
  Note("a");
  EXPECT_THAT(boxes_.TakeNews().lines, ElementsAre(Pair(kFree, true)));
  Mailboxes released = boxes_.Release({kFirstRoutingKey, std::nullopt});
  EXPECT_THAT(boxes_.TakeNews().lines, ElementsAre(Pair(kFree, false)));
  const MailboxNews news = released.TakeNews();
  EXPECT_THAT(news.came, ElementsAre(Pair(Account("a"), false)));
  EXPECT_THAT(news.lines, ElementsAre(Pair(kFree, true)));
  boxes_.Take(std::move(released));
  EXPECT_THAT(boxes_.TakeNews().lines, ElementsAre(Pair(kFree, true)));
}

TEST_F(MailboxesTest, PassedLeasesComeInTheirOrder) {
  Lend("a", {1, 7});
  now_ += absl::Seconds(1);
  Lend("b", {1, 7});
  boxes_.Extend(Account("a"), 1, now_ + absl::Seconds(60));
  EXPECT_EQ(boxes_.wake_at(), now_ + absl::Seconds(30));
  EXPECT_EQ(EndPassed(now_ + absl::Milliseconds(29'999)), "");
  EXPECT_EQ(EndPassed(now_ + absl::Seconds(60)), "b");
  EXPECT_EQ(EndPassed(now_ + absl::Seconds(60)), "a");
  EXPECT_EQ(EndPassed(absl::InfiniteFuture()), "");
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
  EXPECT_FALSE(boxes_.MustBeLookedFor(now_));
  EXPECT_THAT(Ids(), ElementsAre("a", "b", "c", "d"));
  EXPECT_TRUE(boxes_.MustBeLookedFor(now_));
  boxes_.SetComplete();
  EXPECT_TRUE(boxes_.complete());
  EXPECT_FALSE(boxes_.MustBeLookedFor(now_));
}

TEST_F(MailboxesTest, NoNamespaceKeepsAnotherFromBeingServed) {
  for (const char* id : {"a", "b", "c", "d"}) Note(id);
  EXPECT_TRUE(boxes_.Note({"", "x"}, now_, now_));
  EXPECT_TRUE(boxes_.Note({"", "y"}, now_, now_));  // in the place of d
  EXPECT_FALSE(boxes_.Note({"", "z"}, now_, now_));
  EXPECT_FALSE(boxes_.MustBeLookedFor(now_));
  // Who is asked for by name may be one that is forgotten.
  EXPECT_TRUE(boxes_.Pick(Account("d"), false));
  EXPECT_EQ(boxes_.Next("", false), (AccountRef{"", "x"}));
  EXPECT_FALSE(boxes_.MustBeLookedFor(now_));
  EXPECT_EQ(boxes_.Next("", false), (AccountRef{"", "y"}));
  EXPECT_TRUE(boxes_.MustBeLookedFor(now_));
  EXPECT_THAT(Ids(), ElementsAre("a", "b", "c"));
}

TEST_F(MailboxesTest, WhoWaitsLongestMakesRoom) {
  for (const int seconds : {40, 10, 30, 20}) {
    boxes_.Note(Account(std::to_string(seconds)), now_ + absl::Seconds(seconds), now_);
  }
  boxes_.Note(Account("35"), now_ + absl::Seconds(35), now_);
  boxes_.Note(Account("50"), now_ + absl::Seconds(50), now_);
  Note("now");
  EXPECT_EQ(boxes_.size(), 4);
  EXPECT_THAT(Ids(), ElementsAre("now"));
  for (const int seconds : {10, 20, 30}) {
    const absl::Time then = now_ + absl::Seconds(seconds);
    EXPECT_EQ(boxes_.wake_at(), then);
    EXPECT_FALSE(boxes_.MustBeLookedFor(then - absl::Seconds(11)));
    boxes_.Advance(then);
  }
  // The time of one that was forgotten.
  EXPECT_EQ(boxes_.wake_at(), now_ + absl::Seconds(35));
  EXPECT_FALSE(boxes_.MustBeLookedFor(now_ + absl::Seconds(34)));
  EXPECT_TRUE(boxes_.MustBeLookedFor(now_ + absl::Seconds(35)));
  boxes_.SetComplete();
  EXPECT_EQ(boxes_.wake_at(), absl::InfiniteFuture());
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
  EXPECT_NE(boxes_.Find(Account("b"), {3, 9}, now_), nullptr);
  EXPECT_EQ(boxes_.wake_at(), now_ + absl::Seconds(5));
  EXPECT_THAT(Ids(), ElementsAre("a"));
  boxes_.Advance(now_ + absl::Seconds(5));
  EXPECT_THAT(Ids(), ElementsAre("c"));
  EXPECT_EQ(EndPassed(now_ + absl::Seconds(30)), "b");
}

TEST_F(MailboxesTest, WhoIsFirstInLineIsSoElsewhere) {
  for (const char* id : {"d", "a", "c"}) Note(id);
  Mailboxes released = boxes_.Release({kFirstRoutingKey, std::nullopt});
  boxes_.Take(std::move(released));
  EXPECT_THAT(Ids(), ElementsAre("d", "a", "c"));
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
