// Plan: watch accounts from every kind of revision, through deletions and restarts, and count what
// each watch is told.

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/core/shard_core.h"
#include "tests/support/shard_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

const AccountRef kWatched{"ns", "account"};

class WatchTest : public ShardFixture {
 protected:
  TurnResult Run(uint64_t call, ShardRequestBody body) {
    ShardRequest request;
    request.call = CallId{call, 0};
    request.body = std::move(body);
    return Turn({request});
  }
  TurnResult Watch(uint64_t call, uint64_t start_revision, const AccountRef& ref = kWatched) {
    return Run(call, WatchRequest{ref, start_revision});
  }
  TurnResult Put(const std::string& key, const std::string& value) {
    return Run(
        1000, ApplyRequest{
                  .account = kWatched, .create_account = true, .mutations = {shardd::Put{key, value}}});
  }
};

TEST_F(WatchTest, HearsOfEveryKindOfChange) {
  ASSERT_THAT(CreateAccount({.account = kWatched}), IsOk());
  TurnResult result = Watch(1, 0);
  ASSERT_EQ(result.events.size(), 1u) << "a sign that the watch stands";
  EXPECT_TRUE(result.events[0].changes.empty());
  EXPECT_EQ(result.events[0].progress_revision, 1u);
  EXPECT_TRUE(result.replies.empty());

  result = Run(1000, ApplyRequest{.account = kWatched,
                                  .mutations = {shardd::Put{"b", "2"}, shardd::Put{"a", "1"},
                                                Delete{"c"}, Append{"b", "!"}}});
  ASSERT_EQ(result.events.size(), 1u);
  ASSERT_EQ(result.events[0].changes.size(), 1u);
  const AccountChange& change = *result.events[0].changes[0];
  EXPECT_EQ(change.revision, 2u);
  ASSERT_EQ(change.entries.size(), 2u) << "in key order, each key once";
  EXPECT_EQ(change.entries[0].key, "a");
  EXPECT_EQ(change.entries[1].value, "2!");
  EXPECT_FALSE(change.created || change.deleted || change.updated);

  result = Run(1000, UpdateAccountRequest{.account = kWatched, .labels = Labels{}});
  EXPECT_TRUE(result.events[0].changes[0]->updated);
  result = Run(1000, DeleteAccountRequest{.account = kWatched});
  EXPECT_TRUE(result.events[0].changes[0]->deleted);
  EXPECT_EQ(result.events[0].changes[0]->entries.size(), 2u);
  EXPECT_FALSE(result.events[0].changes[0]->entries[0].value.has_value());
  result = Put("z", "");
  EXPECT_TRUE(result.events[0].changes[0]->created);
  EXPECT_EQ(result.events[0].progress_revision, 5u);
}

TEST_F(WatchTest, HearsOfNothingElse) {
  ASSERT_THAT(CreateAccount({.account = kWatched}), IsOk());
  ASSERT_THAT(CreateAccount({.account = {"ns", "other"}}), IsOk());
  Watch(1, 0);
  EXPECT_TRUE(Run(1000, UpdateAccountRequest{.account = {"ns", "other"}, .labels = Labels{}})
                  .events.empty());
  EXPECT_TRUE(Run(1000, GetRequest{kWatched, {"a"}}).events.empty());
  EXPECT_TRUE(Run(1000, CreateAccountRequest{.account = kWatched, .request_id = "r"}).events.empty())
      << "a refusal is no change, though it is remembered";
  EXPECT_TRUE(Run(1000, GetOutcomeRequest{kWatched, "f", true}).events.empty());
}

// Plan: resume from each revision of five; the changes come without a gap or a repeat.
TEST_F(WatchTest, ResumesFromARevision) {
  for (int i = 0; i < 5; ++i) Put("k", absl::StrCat(i));
  for (uint64_t start = 1; start <= 5; ++start) {
    const TurnResult result = Watch(start, start);
    ASSERT_EQ(result.events.size(), 1u);
    ASSERT_EQ(result.events[0].changes.size(), 6 - start);
    EXPECT_EQ(result.events[0].changes[0]->revision, start);
    EXPECT_EQ(result.events[0].progress_revision, 5u);
  }
  const TurnResult next = Put("k", "next");
  ASSERT_EQ(next.events.size(), 5u) << "once for each watch";
  for (const WatchEvent& event : next.events) EXPECT_EQ(event.changes[0]->revision, 6u);
}

TEST_F(WatchTest, WaitsForAFutureRevision) {
  Put("k", "1");
  EXPECT_TRUE(Watch(1, 4).events[0].changes.empty());
  EXPECT_TRUE(Put("k", "2").events.empty());
  EXPECT_TRUE(Put("k", "3").events.empty());
  const TurnResult fourth = Put("k", "4");
  ASSERT_EQ(fourth.events.size(), 1u);
  EXPECT_EQ(fourth.events[0].changes[0]->revision, 4u);
}

TEST_F(WatchTest, SaysWhatIsCompacted) {
  Put("k", "1");
  Put("k", "2");
  Restart();  // forgets the history
  const TurnResult result = Watch(1, 1);
  ASSERT_EQ(result.replies.size(), 1u);
  EXPECT_THAT(result.replies[0].answer, HasReason(Reason::kRevisionCompacted));
  EXPECT_EQ(MetadataOf(result.replies[0].answer.status())["current_revision"], "2");
  EXPECT_EQ(core().watch_count(), 0u);
  EXPECT_TRUE(Watch(1, 3).replies.empty()) << "the next one is not compacted";
  EXPECT_EQ(core().watch_count(), 1u);
}

// Plan: push the first change out of the history, by count and by bytes.
TEST_F(WatchTest, TheHistoryIsBounded) {
  for (uint64_t i = 0; i < limits::kWatchHistoryChangesMax; ++i) Put("k", "");
  EXPECT_TRUE(Watch(1, 1).replies.empty());
  Put("k", "");
  EXPECT_THAT(Watch(2, 1).replies[0].answer, HasReason(Reason::kRevisionCompacted));
  EXPECT_TRUE(Watch(2, 2).replies.empty());
  Put("k", std::string(limits::kWatchHistoryBytesMax - 1000, 'v'));
  EXPECT_TRUE(Watch(3, limits::kWatchHistoryChangesMax + 2).replies.empty());
  Put("k", std::string(1000, 'v'));
  EXPECT_THAT(Watch(4, limits::kWatchHistoryChangesMax + 2).replies[0].answer,
              HasReason(Reason::kRevisionCompacted));
}

TEST_F(WatchTest, MissingAccounts) {
  EXPECT_THAT(Watch(1, 0).replies[0].answer, HasReason(Reason::kAccountNotFound));
  EXPECT_THAT(Watch(1, 7).replies[0].answer, HasReason(Reason::kAccountNotFound));
  Put("k", "1");
  Run(1000, DeleteAccountRequest{.account = kWatched});
  EXPECT_THAT(Watch(1, 0).replies[0].answer, HasReason(Reason::kAccountNotFound));
  EXPECT_THAT(Watch(1, 3).replies[0].answer, HasReason(Reason::kAccountNotFound));
  const TurnResult missed = Watch(1, 2);
  ASSERT_EQ(missed.events.size(), 1u) << "the deletion may still be heard of";
  EXPECT_TRUE(missed.events[0].changes[0]->deleted);
}

TEST_F(WatchTest, EndsWhenAsked) {
  Put("k", "1");
  Watch(1, 0);
  const TurnResult ended = Run(1, UnwatchRequest{kWatched});
  ASSERT_EQ(ended.replies.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<WatchEnded>(*ended.replies[0].answer));
  EXPECT_TRUE(Put("k", "2").events.empty());
  EXPECT_EQ(core().watch_count(), 0u);
  EXPECT_EQ(Run(2, UnwatchRequest{kWatched}).replies.size(), 1u) << "ending none is harmless";
}

TEST_F(WatchTest, AsManyAsAllowed) {
  Put("k", "1");
  for (uint64_t call = 1; call <= limits::kWatchesPerShardMax; ++call) {
    ASSERT_TRUE(Watch(call, 0).replies.empty());
  }
  EXPECT_THAT(Watch(5000, 0).replies[0].answer, HasReason(Reason::kTooManyWatches));
  EXPECT_EQ(Put("k", "2").events.size(), limits::kWatchesPerShardMax);
  Run(1, UnwatchRequest{kWatched});
  EXPECT_TRUE(Watch(5000, 0).replies.empty());
}

// Plan: signs of life come once per interval, and the core asks to be woken for them.
TEST_F(WatchTest, SignsOfLife) {
  Put("k", "1");
  const TurnResult begun = Watch(1, 0);
  EXPECT_EQ(begun.wake_at, now_ + limits::kWatchProgressInterval);
  now_ += limits::kWatchProgressInterval - absl::Nanoseconds(1);
  EXPECT_TRUE(Turn({}).events.empty());
  now_ += absl::Nanoseconds(1);
  const TurnResult sign = Turn({});
  ASSERT_EQ(sign.events.size(), 1u);
  EXPECT_TRUE(sign.events[0].changes.empty());
  EXPECT_EQ(sign.events[0].progress_revision, 1u);
  EXPECT_EQ(sign.wake_at, now_ + limits::kWatchProgressInterval);
  EXPECT_TRUE(Turn({}).events.empty()) << "waking early is harmless";
  const TurnResult ended = Run(1, UnwatchRequest{kWatched});
  EXPECT_GT(ended.wake_at, now_ + limits::kWatchProgressInterval);
}

}  // namespace
}  // namespace shardd
