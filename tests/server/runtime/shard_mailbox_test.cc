// Plan: fill one mailbox to its bounds and look at what Pop hands out; then split and merge
// mailboxes between pushes by older and newer tables, at last with pushers on threads of their own.

#include "server/runtime/shard_mailbox.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

using Result = ShardMailbox::PushResult;
using Item = ShardMailbox::Item;
using Refused = std::vector<ShardMailboxes::Refused>;

constexpr KeyRange kAll{kFirstRoutingKey, std::nullopt};
constexpr RoutingKey kMiddle{uint64_t{1} << 63, 0};
constexpr KeyRange kUpper{kMiddle, std::nullopt};
constexpr QueueLimits kWide{1'000'000, size_t{1} << 30};

ShardRequest Request(uint64_t call, const AccountRef& account) {
  ShardRequest request;
  request.call = CallId{call, 0};
  request.body = GetRequest{account, {"k"}};
  return request;
}
Item OneOf(uint64_t call, const AccountRef& account = {"", "a"}) {
  Item item;
  item.push_back(Request(call, account));
  return item;
}
ShardRequestBody Reopening(const std::string& name) { return ReopenNamespace{name}; }

// An account of each half of the key space.
AccountRef AccountIn(const KeyRange& range, int skip = 0) {
  for (int i = 0;; ++i) {
    const AccountRef account{"", absl::StrCat("id", i)};
    if (range.Contains(account.routing_key()) && skip-- == 0) return account;
  }
}
const AccountRef kLow = AccountIn({kFirstRoutingKey, kMiddle});
const AccountRef kHigh = AccountIn(kUpper);

class ShardMailboxTest : public testing::Test {
 protected:
  std::shared_ptr<ShardMailbox> New(uint64_t since = 1, QueueLimits limits = kWide) {
    return std::make_shared<ShardMailbox>(limits, TableEpoch{since}, clock_);
  }
  // Everything that waits, without waiting for more.
  ShardMailbox::Mail Pop(ShardMailbox& mailbox, bool take_items = true) {
    ShardMailbox::Mail mail;
    mailbox.Pop(mail, take_items, clock_.Now());
    return mail;
  }
  // The calls that wait, in order; 0 for a message.
  std::vector<uint64_t> CallsOf(ShardMailbox& mailbox) {
    std::vector<uint64_t> calls;
    for (const Item& item : Pop(mailbox).items) {
      for (const ShardRequest& request : item) calls.push_back(request.call.call);
    }
    return calls;
  }

  FakeClock clock_;
  ShardMailboxes mailboxes_;
};

using Calls = std::vector<uint64_t>;
constexpr TableEpoch kOne{1};
constexpr TableEpoch kTwo{2};
constexpr TableEpoch kThree{3};

TEST_F(ShardMailboxTest, HandsOutInOrder) {
  const auto mailbox = New();
  for (uint64_t call = 1; call <= 3; ++call) {
    ASSERT_EQ(mailbox->Push(OneOf(call), kOne), Result::kAccepted);
  }
  EXPECT_EQ(mailbox->depth(), 3u);
  EXPECT_EQ(CallsOf(*mailbox), (Calls{1, 2, 3}));
  EXPECT_EQ(mailbox->depth(), 0u);
  EXPECT_FALSE(mailbox->Waits(true));
}

// Plan: what the worker would take, by each way that something comes or goes.
TEST_F(ShardMailboxTest, SaysSinceWhenThereIsWork) {
  const auto mailbox = New();
  const std::shared_ptr<const WaitingWork> work = mailbox->waiting_work();
  EXPECT_EQ(work->since(), std::nullopt);
  ASSERT_EQ(mailbox->Push(OneOf(1, kHigh), kOne), Result::kAccepted);
  const absl::Time first = clock_.Now();
  clock_.Advance(absl::Seconds(1));
  ASSERT_EQ(mailbox->Push(OneOf(2, kHigh), kOne), Result::kAccepted);
  mailbox->PushCommand(Retire{OperationId{1}});
  EXPECT_EQ(work->since(), first);
  Pop(*mailbox);
  EXPECT_EQ(work->since(), first) << "the command is taken, the requests are not";
  Pop(*mailbox, /*take_items=*/false);
  EXPECT_EQ(work->since(), std::nullopt) << "they are not to be taken";
  ASSERT_EQ(mailbox->Push(OneOf(3, kHigh), kOne), Result::kAccepted);
  EXPECT_EQ(work->since(), std::nullopt);
  mailbox->PushCommand(Retire{OperationId{1}});
  EXPECT_EQ(work->since(), clock_.Now());
  Pop(*mailbox, /*take_items=*/false);
  EXPECT_EQ(CallsOf(*mailbox), (Calls{1, 2, 3}));
  EXPECT_EQ(work->since(), std::nullopt);

  // Two shards, and back to one.
  mailboxes_.Add(kAll, mailbox);
  ASSERT_EQ(mailbox->Push(OneOf(4, kHigh), kOne), Result::kAccepted);
  const auto upper = New(2);
  mailboxes_.Split(mailbox, kUpper, upper, kTwo);
  EXPECT_EQ(work->since(), std::nullopt);
  EXPECT_EQ(upper->waiting_work()->since(), clock_.Now());
  mailboxes_.Merge(upper, mailbox, kThree);
  EXPECT_EQ(work->since(), clock_.Now());
  EXPECT_EQ(upper->waiting_work()->since(), std::nullopt);
}

TEST_F(ShardMailboxTest, BoundedByRequests) {
  const auto mailbox = New(1, {2, kWide.bytes_max});
  ASSERT_EQ(mailbox->Push(OneOf(1), kOne), Result::kAccepted);
  Item two = OneOf(2);
  two.push_back(Request(3, kLow));
  EXPECT_EQ(mailbox->Push(std::move(two), kOne), Result::kFull) << "all of an item or nothing";
  EXPECT_EQ(two.size(), 2u) << "left as it was";
  EXPECT_EQ(mailbox->Push(OneOf(4), kOne), Result::kAccepted);
  EXPECT_EQ(mailbox->Push(OneOf(5), kOne), Result::kFull);
  EXPECT_EQ(CallsOf(*mailbox), (Calls{1, 4}));
  EXPECT_EQ(mailbox->Push(OneOf(6), kOne), Result::kAccepted);
}

TEST_F(ShardMailboxTest, BoundedByBytes) {
  const size_t one = MailboxWeight(OneOf(1)[0].body);
  ASSERT_GT(one, 0u);
  const auto mailbox = New(1, {kWide.items_max, 2 * one});
  EXPECT_EQ(mailbox->Push(OneOf(1), kOne), Result::kAccepted);
  EXPECT_EQ(mailbox->Push(OneOf(2), kOne), Result::kAccepted);
  EXPECT_EQ(mailbox->Push(OneOf(3), kOne), Result::kFull);
}

// Plan: the end of a watch, a message and a command come into a full mailbox.
TEST_F(ShardMailboxTest, WhatHasNoWeightIsNeverRefused) {
  const auto mailbox = New(1, {1, kWide.bytes_max});
  ASSERT_EQ(mailbox->Push(OneOf(1), kOne), Result::kAccepted);
  Item end(1);
  end[0].call = CallId{2, 0};
  end[0].body = UnwatchRequest{kLow};
  EXPECT_EQ(mailbox->Push(std::move(end), kOne), Result::kAccepted);
  mailbox->PushMessage(Reopening("ns"));
  mailbox->PushCommand(Retire{OperationId{1}});
  EXPECT_EQ(mailbox->depth(), 1u);
  EXPECT_EQ(Pop(*mailbox).commands.size(), 1u);
  EXPECT_EQ(CallsOf(*mailbox), (Calls{1, 2, 0}));
}

TEST_F(ShardMailboxTest, CommandsComeFirstAndAlone) {
  const auto mailbox = New();
  ASSERT_EQ(mailbox->Push(OneOf(1), kOne), Result::kAccepted);
  mailbox->PushCommand(Retire{OperationId{1}});
  mailbox->PushCommand(EndSurvey{OperationId{2}});
  const ShardMailbox::Mail first = Pop(*mailbox);
  ASSERT_EQ(first.commands.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<Retire>(first.commands[0]));
  EXPECT_TRUE(first.items.empty());
  const ShardMailbox::Mail second = Pop(*mailbox);
  EXPECT_TRUE(second.commands.empty());
  EXPECT_EQ(second.items.size(), 1u);
}

TEST_F(ShardMailboxTest, AnAbsorbAloneIsTakenBetweenItems) {
  const auto mailbox = New();
  EXPECT_FALSE(mailbox->PopAbsorb().has_value());
  mailbox->PushCommand(Absorb{.operation = OperationId{1}});
  mailbox->PushCommand(EndSurvey{OperationId{2}});
  const std::optional<Absorb> absorb = mailbox->PopAbsorb();
  ASSERT_TRUE(absorb.has_value());
  EXPECT_EQ(absorb->operation, OperationId{1});
  EXPECT_FALSE(mailbox->PopAbsorb().has_value());
  mailbox->PushCommand(Absorb{.operation = OperationId{3}});
  EXPECT_FALSE(mailbox->PopAbsorb().has_value()) << "another command came before it";
  EXPECT_EQ(Pop(*mailbox).commands.size(), 2u);
  EXPECT_FALSE(mailbox->PopAbsorb().has_value());
}

// Plan: a shard that is paused takes commands only; once closed, its mailbox is emptied all the
// same.
TEST_F(ShardMailboxTest, ItemsWaitWhileTheyAreNotTaken) {
  const auto mailbox = New();
  ASSERT_EQ(mailbox->Push(OneOf(1), kOne), Result::kAccepted);
  EXPECT_FALSE(mailbox->Waits(false));
  EXPECT_TRUE(Pop(*mailbox, /*take_items=*/false).items.empty());
  mailbox->PushCommand(PauseRequests{clock_.Now()});
  EXPECT_TRUE(mailbox->Waits(false));
  EXPECT_EQ(Pop(*mailbox, /*take_items=*/false).commands.size(), 1u);
  EXPECT_EQ(mailbox->depth(), 1u);
  mailbox->Close();
  EXPECT_EQ(Pop(*mailbox, /*take_items=*/false).items.size(), 1u);
}

TEST_F(ShardMailboxTest, ClosedItRefusesAndEnds) {
  const auto mailbox = New();
  ASSERT_EQ(mailbox->Push(OneOf(1), kOne), Result::kAccepted);
  mailbox->Close();
  EXPECT_EQ(mailbox->Push(OneOf(2), kOne), Result::kClosed);
  ShardMailbox::Mail mail;
  EXPECT_TRUE(mailbox->Pop(mail, true, absl::InfiniteFuture()));
  EXPECT_EQ(mail.items.size(), 1u);
  mail = {};
  EXPECT_FALSE(mailbox->Pop(mail, true, absl::InfiniteFuture()));
}

TEST_F(ShardMailboxTest, KnowsSinceWhenTheOldestWaits) {
  const auto mailbox = New();
  EXPECT_EQ(mailbox->oldest(), absl::InfiniteFuture());
  const absl::Time first = clock_.Now();
  ASSERT_EQ(mailbox->Push(OneOf(1), kOne), Result::kAccepted);
  clock_.Advance(absl::Seconds(1));
  ASSERT_EQ(mailbox->Push(OneOf(2), kOne), Result::kAccepted);
  EXPECT_EQ(mailbox->oldest(), first);
  EXPECT_EQ(Pop(*mailbox).oldest, first);
  EXPECT_EQ(mailbox->oldest(), absl::InfiniteFuture());
}

// Plan: requests of both halves in one item and in several, and a message between them.
TEST_F(ShardMailboxTest, ASplitTakesTheRangeInOrder) {
  const auto parent = New();
  mailboxes_.Add(kAll, parent);
  Item mixed = OneOf(1, kLow);
  mixed.push_back(Request(2, kHigh));
  ASSERT_TRUE(mailboxes_.Push(*parent, std::move(mixed), kOne).empty());
  mailboxes_.PushMessage(kAll, Reopening("ns"));
  ASSERT_TRUE(mailboxes_.Push(*parent, OneOf(3, kHigh), kOne).empty());
  ASSERT_TRUE(mailboxes_.Push(*parent, OneOf(4, kLow), kOne).empty());
  const auto child = New(2);
  mailboxes_.Split(parent, kUpper, child, kTwo);
  EXPECT_EQ(parent->depth(), 2u);
  EXPECT_EQ(child->depth(), 2u);
  EXPECT_EQ(CallsOf(*parent), (Calls{1, 0, 4}));
  EXPECT_EQ(CallsOf(*child), (Calls{2, 0, 3})) << "with a copy of the message";
}

TEST_F(ShardMailboxTest, APushByAnOlderTableGoesToTheNewOwner) {
  const auto parent = New();
  const auto child = New(2);
  mailboxes_.Add(kAll, parent);
  mailboxes_.Split(parent, kUpper, child, kTwo);
  EXPECT_EQ(parent->Push(OneOf(1, kHigh), kOne), Result::kMoved);
  Item mixed = OneOf(1, kHigh);
  mixed.push_back(Request(2, kLow));
  mixed.push_back(Request(3, kHigh));
  EXPECT_TRUE(mailboxes_.Push(*parent, std::move(mixed), kOne).empty());
  EXPECT_TRUE(mailboxes_.Push(*parent, OneOf(4, kLow), kTwo).empty());
  EXPECT_EQ(CallsOf(*parent), (Calls{2, 4}));
  EXPECT_EQ(CallsOf(*child), (Calls{1, 3}));
}

// Plan: the part for the owner with room is taken, the other one comes back with the reason.
TEST_F(ShardMailboxTest, APushByAnOlderTableMayFindNoRoom) {
  const auto parent = New();
  const auto child = New(2, {0, kWide.bytes_max});
  mailboxes_.Add(kAll, parent);
  mailboxes_.Split(parent, kUpper, child, kTwo);
  Item mixed = OneOf(1, kHigh);
  mixed.push_back(Request(2, kLow));
  const Refused refused = mailboxes_.Push(*parent, std::move(mixed), kOne);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].why, Result::kFull);
  ASSERT_EQ(refused[0].requests.size(), 1u);
  EXPECT_EQ(refused[0].requests[0].call, (CallId{1, 0}));
  EXPECT_EQ(CallsOf(*parent), (Calls{2}));
}

// Plan: what was accepted stays accepted, even by an owner with less room.
TEST_F(ShardMailboxTest, WhatMovesCountsButIsNotRefused) {
  const auto parent = New();
  mailboxes_.Add(kAll, parent);
  for (uint64_t call = 1; call <= 3; ++call) {
    ASSERT_TRUE(mailboxes_.Push(*parent, OneOf(call, kHigh), kOne).empty());
  }
  const auto child = New(2, {2, kWide.bytes_max});
  mailboxes_.Split(parent, kUpper, child, kTwo);
  EXPECT_EQ(child->depth(), 3u);
  EXPECT_EQ(child->Push(OneOf(4, kHigh), kTwo), Result::kFull);
}

TEST_F(ShardMailboxTest, WhatMovesKeepsItsAge) {
  const auto low = New();
  mailboxes_.Add(kAll, low);
  const absl::Time first = clock_.Now();
  ASSERT_TRUE(mailboxes_.Push(*low, OneOf(1, kHigh), kOne).empty());
  clock_.Advance(absl::Seconds(1));
  const auto high = New(2);
  mailboxes_.Split(low, kUpper, high, kTwo);
  EXPECT_EQ(low->oldest(), absl::InfiniteFuture());
  EXPECT_EQ(high->oldest(), first);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(mailboxes_.Push(*low, OneOf(2, kLow), kTwo).empty());
  mailboxes_.Merge(high, low, kThree);
  EXPECT_EQ(low->oldest(), first);
  EXPECT_EQ(high->oldest(), absl::InfiniteFuture());
}

TEST_F(ShardMailboxTest, AMergeAppends) {
  const auto low = New();
  const auto high = New(2);
  mailboxes_.Add(kAll, low);
  mailboxes_.Split(low, kUpper, high, kTwo);
  ASSERT_TRUE(mailboxes_.Push(*low, OneOf(1, kLow), kTwo).empty());
  ASSERT_TRUE(mailboxes_.Push(*high, OneOf(2, kHigh), kTwo).empty());
  mailboxes_.Merge(low, high, kThree);
  EXPECT_EQ(low->depth(), 0u);
  EXPECT_EQ(low->oldest(), absl::InfiniteFuture());
  EXPECT_EQ(CallsOf(*high), (Calls{2, 1}));
  EXPECT_TRUE(mailboxes_.Push(*high, OneOf(3, kLow), kThree).empty());
  EXPECT_EQ(CallsOf(*high), (Calls{3}));
}

// Plan: pushers that looked at the table before the merge, or even before the split, name mailboxes
// that are out of use.
TEST_F(ShardMailboxTest, AfterAMergeOldPushersStillArrive) {
  const auto low = New();
  const auto high = New(2);
  mailboxes_.Add(kAll, low);
  mailboxes_.Split(low, kUpper, high, kTwo);
  mailboxes_.Merge(high, low, kThree);
  EXPECT_TRUE(mailboxes_.Push(*high, OneOf(1, kHigh), kTwo).empty());
  EXPECT_TRUE(mailboxes_.Push(*low, OneOf(2, kHigh), kOne).empty());
  EXPECT_TRUE(mailboxes_.Push(*low, OneOf(3, kLow), kTwo).empty());
  EXPECT_EQ(CallsOf(*high), Calls());
  EXPECT_EQ(CallsOf(*low), (Calls{1, 2, 3}));
}

TEST_F(ShardMailboxTest, MessagesGoToWhoeverHasAPart) {
  const auto low = New();
  const auto high = New(2);
  mailboxes_.Add(kAll, low);
  mailboxes_.Split(low, kUpper, high, kTwo);
  mailboxes_.PushMessage({kFirstRoutingKey, kMiddle}, Reopening("a"));
  mailboxes_.PushMessage({{1, 0}, RoutingKey{2, 0}}, Reopening("b"));
  mailboxes_.PushMessage(kUpper, Reopening("c"));
  mailboxes_.PushMessage({{1, 0}, std::nullopt}, Reopening("d"));
  EXPECT_EQ(CallsOf(*low).size(), 3u);
  EXPECT_EQ(CallsOf(*high).size(), 2u);
}

TEST_F(ShardMailboxTest, ClosedOwnersRefuseWhatIsRouted) {
  const auto low = New();
  const auto high = New(2);
  mailboxes_.Add(kAll, low);
  mailboxes_.Split(low, kUpper, high, kTwo);
  high->Close();
  const Refused refused = mailboxes_.Push(*low, OneOf(1, kHigh), kOne);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].why, Result::kClosed);
}

// Plan: pushers, each with accounts of its own in both halves, look at the table, maybe an old one,
// and push; meanwhile the upper half is split off and merged back again and again. Everything is
// there once, and per account in the order in which it was pushed.
TEST_F(ShardMailboxTest, EveryRequestArrivesOnceAndInOrderThroughChanges) {
  constexpr uint64_t kPushers = 3;
  constexpr uint64_t kPushes = 4000;
  constexpr int kChangesMin = 200;
  struct Published {
    TableEpoch epoch;
    std::shared_ptr<ShardMailbox> low;
    std::shared_ptr<ShardMailbox> high;
  };
  const auto survivor = New();
  mailboxes_.Add(kAll, survivor);
  Mutex mutex;
  Published published{kOne, survivor, survivor};
  std::atomic<uint64_t> pushing = kPushers;
  std::vector<std::thread> pushers;
  for (uint64_t pusher = 0; pusher < kPushers; ++pusher) {
    pushers.emplace_back([&, pusher] {
      const AccountRef mine[] = {AccountIn({kFirstRoutingKey, kMiddle}, static_cast<int>(pusher)),
                                 AccountIn(kUpper, static_cast<int>(pusher))};
      Published seen;
      for (uint64_t push = 1; push <= kPushes; ++push) {
        if (push % 7 == 1) {  // in between it is out of date
          MutexLock lock(mutex);
          seen = published;
        }
        const bool upper = push % 2 == 0;
        ShardMailbox& owner = upper ? *seen.high : *seen.low;
        EXPECT_TRUE(mailboxes_.Push(owner, OneOf(pusher * kPushes + push, mine[upper]), seen.epoch)
                        .empty());
      }
      --pushing;
    });
  }
  std::map<AccountRef, std::vector<uint64_t>> run;
  uint64_t count = 0;
  const auto work = [&](ShardMailbox& mailbox) {
    for (const Item& item : Pop(mailbox).items) {
      for (const ShardRequest& request : item) {
        run[*AccountOf(request.body)].push_back(request.call.call);
        ++count;
      }
    }
  };
  uint64_t epoch = 1;
  for (int change = 0; change < kChangesMin || pushing > 0; ++change) {
    const auto child = New(epoch + 1);
    mailboxes_.Split(survivor, kUpper, child, TableEpoch{++epoch});
    {
      MutexLock lock(mutex);
      published = {TableEpoch{epoch}, survivor, child};
    }
    if (change % 3 != 0) work(*child);
    if (change % 2 == 0) work(*survivor);
    mailboxes_.Merge(child, survivor, TableEpoch{++epoch});
    {
      MutexLock lock(mutex);
      published = {TableEpoch{epoch}, survivor, survivor};
    }
    if (change % 5 == 0) work(*survivor);
  }
  for (std::thread& pusher : pushers) pusher.join();
  work(*survivor);
  EXPECT_EQ(count, kPushers * kPushes);
  EXPECT_EQ(run.size(), 2 * kPushers);
  for (const auto& [account, calls] : run) {
    EXPECT_EQ(calls.size(), kPushes / 2) << account.id;
    EXPECT_TRUE(std::is_sorted(calls.begin(), calls.end())) << account.id;
  }
}

}  // namespace
}  // namespace shardd
