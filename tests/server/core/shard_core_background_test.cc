// Plan: purge namespaces step by step and sweep by a fake clock; requests in between are served or
// refused as the namespace's state asks.

#include <set>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/core/shard_core.h"
#include "tests/support/shard_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

class BackgroundTest : public ShardFixture {
 protected:
  PurgeResult Purge(PurgeNamespace purge) {
    purge.operation = OperationId{1};
    purge.name_space = "ns";
    ShardRequest request;
    request.body = std::move(purge);
    TurnResult result = Turn({request});
    EXPECT_EQ(result.purges.size(), 1u);
    EXPECT_TRUE(result.replies.empty()) << "nobody called";
    EXPECT_EQ(result.purges[0].operation, OperationId{1});
    EXPECT_EQ(result.purges[0].shard, ShardId{1});
    EXPECT_THAT(result.purges[0].status, IsOk());
    return result.purges[0];
  }
  void Reopen() {
    ShardRequest request;
    request.body = ReopenNamespace{"ns"};
    EXPECT_TRUE(Turn({request}).replies.empty());
  }
  void Fill(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      ASSERT_THAT(PutEntry({"ns", absl::StrCat("id", i)}, "k", "v", "r"), IsOk());
    }
  }
};

TEST_F(BackgroundTest, APurgeRemovesAStepAtATime) {
  Fill(10);
  ASSERT_THAT(PutEntry({"nt", "id0"}, "k", "v", "r"), IsOk());
  ASSERT_THAT(PutEntry({"", "ns"}, "k", "v", "r"), IsOk());
  ASSERT_THAT(DeleteAccount({.account = {"ns", "id0"}}), IsOk());
  uint64_t deleted = 0;
  int steps = 0;
  for (PurgeResult result; !result.empty; ++steps) {
    ASSERT_LT(steps, 10);
    result = Purge({.delete_accounts = true, .accounts_max = 4});
    EXPECT_LE(result.accounts_deleted, 4u);
    deleted += result.accounts_deleted;
  }
  EXPECT_EQ(deleted, 9u) << "the deleted one was none";
  EXPECT_EQ(CountRecords(), (std::vector<size_t>{2, 2, 2, 2})) << "of the other two accounts";
  const ShardStats stats = StoredStats();
  EXPECT_EQ(stats.account_count, 2u);
  EXPECT_EQ(stats.entry_count, 2u);
  EXPECT_EQ(stats.byte_count, 4u);
  EXPECT_EQ(stats.revision_floor, 2u);
}

TEST_F(BackgroundTest, APurgeStepIsBounded) {
  Fill(limits::kPurgeAccountsPerStep + 1);
  EXPECT_EQ(Purge({.delete_accounts = true}).accounts_deleted, limits::kPurgeAccountsPerStep);
  const PurgeResult last = Purge({.delete_accounts = true});
  EXPECT_EQ(last.accounts_deleted, 1u);
  EXPECT_TRUE(last.empty);
}

// Plan: a step goes on behind the last, past what is deleted already.
TEST_F(BackgroundTest, APurgeGoesOnWhereItStopped) {
  Fill(5);
  PurgeNamespace purge{.delete_accounts = true, .accounts_max = 2};
  uint64_t deleted = 0;
  std::string before;
  for (int step = 0; step < 3; ++step) {
    const PurgeResult result = Purge(purge);
    EXPECT_GT(result.position, before);
    before = purge.position = result.position;
    deleted += result.accounts_deleted;
    EXPECT_EQ(result.empty, step == 2);
  }
  EXPECT_EQ(deleted, 5u);
}

// Plan: without leave to delete, nothing at all changes, not even what deleted accounts remember.
TEST_F(BackgroundTest, LookingChangesNothing) {
  Fill(3);
  ASSERT_THAT(DeleteAccount({.account = {"ns", "id0"}}), IsOk());
  const std::vector<size_t> before = CountRecords();
  const PurgeResult held = Purge({.delete_accounts = false});
  EXPECT_TRUE(held.holds_accounts);
  EXPECT_FALSE(held.empty);
  EXPECT_EQ(CountRecords(), before);
  Reopen();
  for (const char* id : {"id1", "id2"}) ASSERT_THAT(DeleteAccount({.account = {"ns", id}}), IsOk());
  const PurgeResult empty = Purge({.delete_accounts = false});
  EXPECT_TRUE(empty.empty);
  EXPECT_FALSE(empty.holds_accounts);
  EXPECT_EQ(CountRecords()[2], before[2]);
}

// Plan: what is left of deleted accounts fills several steps; looking goes on behind it.
TEST_F(BackgroundTest, LookingGoesOnWhereItStopped) {
  Fill(6);
  for (int i = 0; i < 6; ++i)
    ASSERT_THAT(DeleteAccount({.account = {"ns", absl::StrCat("id", i)}}), IsOk());
  PurgeNamespace look{.accounts_max = 2};
  int steps = 0;
  for (PurgeResult result; !result.empty; ++steps) {
    ASSERT_LT(steps, 10);
    result = Purge(look);
    EXPECT_FALSE(result.holds_accounts);
    look.position = result.position;
  }
  EXPECT_GE(steps, 3);
}

TEST_F(BackgroundTest, AClosedNamespaceTakesNoRequest) {
  Fill(1);
  const AccountRef ref{"ns", "id0"};
  ShardRequest watch;
  watch.call = CallId{7, 0};
  watch.body = WatchRequest{ref, 0};
  Turn({watch});
  Purge({.delete_accounts = false});
  const ShardRequestBody all[] = {ApplyRequest{.account = ref},
                                  GetRequest{ref, {"k"}},
                                  ScanRequest{.account = ref},
                                  CreateAccountRequest{.account = ref},
                                  UpdateAccountRequest{.account = ref, .labels = Labels{}},
                                  DeleteAccountRequest{.account = ref},
                                  GetOutcomeRequest{ref, "r", true},
                                  WatchRequest{ref, 0}};
  for (const ShardRequestBody& body : all) {
    EXPECT_THAT(Ask(body), HasReason(Reason::kNamespaceDeleting)) << body.index();
  }
  EXPECT_THAT(Ask(UnwatchRequest{ref}), IsOk()) << "a watch can always end";
  EXPECT_THAT(PutEntry({"nt", "id0"}, "k", "v"), IsOk());
  Reopen();
  EXPECT_EQ(ValueOf(ref, "k"), "v");
}

// Plan: after a purge and a new start, names go on above what they had.
TEST_F(BackgroundTest, RevisionsGoOnAfterAPurge) {
  const AccountRef ref{"ns", "id0"};
  for (int i = 0; i < 5; ++i) ASSERT_THAT(PutEntry(ref, "k", "v"), IsOk());
  Purge({.delete_accounts = true});
  Restart();
  ASSERT_OK_AND_ASSIGN(const ApplyResult again, PutEntry(ref, "k", "v"));
  EXPECT_EQ(again.revision, 7u) << "the purge itself was a change";
}

TEST_F(BackgroundTest, WatchesHearOfAPurge) {
  Fill(1);
  ShardRequest watch;
  watch.call = CallId{7, 0};
  watch.body = WatchRequest{{"ns", "id0"}, 0};
  Turn({watch});
  ShardRequest purge;
  purge.body = PurgeNamespace{OperationId{1}, "ns", true};
  const TurnResult result = Turn({purge});
  ASSERT_EQ(result.events.size(), 1u);
  EXPECT_EQ(result.events[0].call, (CallId{7, 0}));
  EXPECT_TRUE(result.events[0].changes[0]->deleted);
  EXPECT_EQ(result.events[0].changes[0]->revision, 2u);
}

TEST_F(BackgroundTest, UnreadableAccountsFailAPurge) {
  Fill(1);
  storage::WriteSet writes;
  writes.Put(kTestHome, AccountKeys({"ns", "id0"}).Key(RecordType::kAccount), "garbage");
  ASSERT_THAT(store().Commit(writes), IsOk());
  ShardRequest purge;
  purge.body = PurgeNamespace{OperationId{1}, "ns", true};
  const TurnResult result = Turn({purge});
  ASSERT_EQ(result.purges.size(), 1u);
  EXPECT_THAT(result.purges[0].status, HasReason(Reason::kStorageCorrupt));
}

// Plan: more accounts than one step looks at; steps come by the second, passes by the ten minutes.
TEST_F(BackgroundTest, SweepsInSteps) {
  Fill(limits::kSweepAccountsPerStep + 1);
  EXPECT_EQ(Turn({}).wake_at, now_ + limits::kSweepRestInterval);
  now_ += limits::kOutcomeRetention + absl::Seconds(1);
  const TurnResult step = Turn({});
  EXPECT_EQ(CountRecords()[2], 1u);
  EXPECT_EQ(step.wake_at, now_ + limits::kSweepStepInterval);
  EXPECT_EQ(Turn({}).writes, 0u) << "waking early is harmless";
  now_ += limits::kSweepStepInterval;
  // The sweep of marks had nothing to do: its rest began a step before.
  EXPECT_EQ(Turn({}).wake_at,
            now_ - limits::kSweepStepInterval + limits::kSweepRestInterval);
  EXPECT_EQ(CountRecords()[2], 0u);
  EXPECT_EQ(CountRecords()[0], limits::kSweepAccountsPerStep + 1);
}

TEST_F(BackgroundTest, ASweepDropsAFewOutcomesOfEachAccount) {
  const AccountRef ref{"ns", "id"};
  for (uint64_t i = 0; i < limits::kSweepOutcomesPerAccount + 5; ++i) {
    ASSERT_THAT(PutEntry(ref, "k", "v", absl::StrCat(i)), IsOk());
  }
  now_ += limits::kOutcomeRetention + absl::Seconds(1);
  Turn({});
  EXPECT_EQ(CountRecords()[2], 5u);
  now_ += limits::kSweepRestInterval;
  Turn({});
  EXPECT_EQ(CountRecords()[2], 0u);
}

// Plan: deleted accounts whose outcomes weigh more than a batch; each step ends when it is full,
// and the pass still reaches all of them.
TEST_F(BackgroundTest, ASweepStepEndsWhenTheBatchIsFull) {
  const std::string long_id(limits::kAccountIdBytesMax - 4, 'i');
  constexpr size_t kAccounts = 8;
  for (size_t i = 0; i < kAccounts; ++i) {
    const AccountRef ref{"ns", absl::StrCat(i, long_id)};
    ASSERT_THAT(CreateAccount({.account = ref}), IsOk());
    std::vector<ShardRequest> named(limits::kOutcomesPerAccountMax);
    for (size_t r = 0; r < named.size(); ++r) {
      named[r].body =
          ApplyRequest{.account = ref,
                       .request_id = absl::StrCat(
                           1'000'000 + r, std::string(limits::kRequestIdBytesMax - 7, 'r'))};
    }
    Turn(std::move(named));
    ASSERT_THAT(DeleteAccount({.account = ref}), IsOk());
  }
  now_ += limits::kOutcomeRetention + absl::Hours(1);
  size_t steps = 0;
  for (; CountRecords()[0] > 0; ++steps) {
    ASSERT_LT(steps, kAccounts);
    const size_t before = CountRecords()[0];
    Turn({});
    EXPECT_LT(CountRecords()[0], before);
    now_ += limits::kSweepStepInterval;
  }
  EXPECT_GT(steps, 1u);
}

// Plan: a record that cannot be read stops the pass, not the shard.
TEST_F(BackgroundTest, ASweepSurvivesUnreadableRecords) {
  Fill(3);
  storage::WriteSet writes;
  writes.Put(kTestHome, AccountKeys({"ns", "id1"}).Key(RecordType::kAccount), "garbage");
  ASSERT_THAT(store().Commit(writes), IsOk());
  Turn({});
  now_ += limits::kSweepRestInterval;
  EXPECT_EQ(Turn({}).wake_at, now_ + limits::kSweepRestInterval);
  EXPECT_EQ(ValueOf({"ns", "id0"}, "k"), "v");
}

}  // namespace
}  // namespace shardd
