// Plan: step a shard by hand; admission, order within a turn, restarts and revisions.

#include "server/core/shard_core.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/shard_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

const AccountRef kRef{"ns", "account"};

using ShardCoreTest = ShardFixture;

ShardRequest Request(uint64_t call, ShardRequestBody body) {
  ShardRequest request;
  request.call = CallId{call, 0};
  request.body = std::move(body);
  return request;
}

ApplyRequest AddOne(const AccountRef& ref = kRef) {
  return {.account = ref, .create_account = true, .mutations = {AddInteger{"n", 1}}};
}

// Plan: a deadline is the last moment at which a request may run.
TEST_F(ShardCoreTest, RefusesLateRequests) {
  ShardRequest in_time = Request(1, AddOne());
  in_time.deadline = now_;
  ShardRequest late = Request(2, AddOne());
  late.deadline = now_ - absl::Nanoseconds(1);
  const TurnResult result = Turn({in_time, late});
  ASSERT_EQ(result.replies.size(), 2u);
  EXPECT_THAT(result.replies[0].answer, IsOk());
  EXPECT_THAT(result.replies[1].answer, HasReason(Reason::kDeadlineExpired));
  EXPECT_EQ(result.stale_routes, 0u);
  EXPECT_EQ(ValueOf(kRef, "n"), "1");
}

// Plan: a shard whose range is that of epoch 3; a caller may have read that table, a later one that
// did not change it, or an older one.
TEST_F(ShardCoreTest, RefusesOlderEpochs) {
  RestartAt(TableEpoch{3});
  for (const uint64_t epoch : {uint64_t{0}, uint64_t{2}, uint64_t{3}, uint64_t{4}}) {
    ShardRequest request = Request(1, AddOne());
    request.epoch = epoch;
    const TurnResult result = Turn({request, request});
    EXPECT_EQ(result.stale_routes, epoch == 2 ? 2u : 0u);
    if (epoch == 2) {
      EXPECT_THAT(result.replies[0].answer, HasReason(Reason::kStaleEpoch));
      EXPECT_EQ(MetadataOf(result.replies[0].answer.status())["epoch"], "3");
    } else {
      EXPECT_THAT(result.replies[0].answer, IsOk());
    }
  }
  EXPECT_EQ(ValueOf(kRef, "n"), "6");
}

// Plan: give the shard a range that ends at the account's key, then one that begins there.
TEST_F(ShardCoreTest, ServesItsRangeOnly) {
  const RoutingKey at = kRef.routing_key();
  Restart(Route{ShardId{1}, {kFirstRoutingKey, at}, kTestHome});
  const ShardRequestBody all[] = {AddOne(),
                                  GetRequest{kRef, {"n"}},
                                  ScanRequest{.account = kRef},
                                  CreateAccountRequest{.account = kRef},
                                  UpdateAccountRequest{.account = kRef},
                                  DeleteAccountRequest{.account = kRef},
                                  GetOutcomeRequest{kRef, "r", true},
                                  WatchRequest{kRef, 0},
                                  UnwatchRequest{kRef}};
  for (const ShardRequestBody& body : all) {
    EXPECT_THAT(Ask(body), HasReason(Reason::kStaleEpoch)) << body.index();
  }
  EXPECT_EQ(CountRecords(), std::vector<size_t>(4));
  Restart(Route{ShardId{1}, {at, Successor(at)}, kTestHome});
  EXPECT_THAT(Apply(AddOne()), IsOk());
}

// Plan: one frame of reads that find more than its answer may hold: those that fit are answered,
// the rest are refused unread, and the next call in the same turn begins anew.
TEST_F(ShardCoreTest, BoundsWhatOneFrameReads) {
  const size_t size = limits::kEntryValueBytesMax;
  ASSERT_THAT(Apply({.account = kRef,
                     .create_account = true,
                     .mutations = {Put{"big", std::string(size, 'v')}}}),
              IsOk());
  const size_t fitting = limits::kFrameReadBytesMax / size;
  std::vector<ShardRequest> requests;
  for (uint32_t slot = 0; slot < fitting + 2; ++slot) {
    requests.push_back(Request(1, GetRequest{kRef, {"big"}}));
    requests.back().call.slot = slot;
  }
  requests.push_back(Request(2, ScanRequest{.account = kRef}));
  const TurnResult result = Turn(requests);
  ASSERT_EQ(result.replies.size(), requests.size());
  EXPECT_THAT(result.replies[fitting - 1].answer, IsOk());
  EXPECT_THAT(result.replies[fitting + 1].answer, HasReason(Reason::kFrameTooLarge));
  EXPECT_THAT(result.replies.back().answer, IsOk());
}

TEST_F(ShardCoreTest, LaterRequestsOfATurnSeeEarlierOnes) {
  std::vector<ShardRequest> requests;
  for (uint64_t call = 1; call <= 3; ++call) requests.push_back(Request(call, AddOne()));
  requests.push_back(Request(4, GetRequest{kRef, {"n"}}));
  requests.push_back(Request(5, DeleteAccountRequest{.account = kRef}));
  requests.push_back(Request(6, GetRequest{kRef, {"n"}}));
  requests.push_back(Request(7, AddOne()));
  requests.push_back(Request(8, ScanRequest{.account = kRef}));
  const TurnResult result = Turn(requests);
  ASSERT_EQ(result.replies.size(), 8u);
  for (uint64_t call = 1; call <= 8; ++call) {
    EXPECT_EQ(result.replies[call - 1].call, (CallId{call, 0})) << "answers keep the order";
  }
  EXPECT_EQ(std::get<GetResult>(*result.replies[3].answer).entries[0].value, "3");
  EXPECT_THAT(result.replies[5].answer, HasReason(Reason::kAccountNotFound));
  EXPECT_EQ(std::get<ApplyResult>(*result.replies[6].answer).revision, 5u);
  const auto& scan = std::get<ScanResult>(*result.replies[7].answer);
  ASSERT_EQ(scan.entries.size(), 1u);
  EXPECT_EQ(scan.entries[0].value, "1");
  EXPECT_EQ(StoredStats(), (ShardStats{1, 1, 2, 0}));
}

// Plan: refused requests and reads write nothing at all.
TEST_F(ShardCoreTest, ATurnWithoutChangesWritesNothing) {
  ASSERT_THAT(Apply(AddOne()), IsOk());
  const TurnResult result =
      Turn({Request(1, GetRequest{kRef, {"n"}}), Request(2, CreateAccountRequest{.account = kRef}),
            Request(3, GetOutcomeRequest{kRef, "r", false})});
  EXPECT_EQ(result.writes, 0u);
  EXPECT_EQ(Turn({}).writes, 0u);
}

// Plan: with a cache that keeps nothing, alternate between accounts and restart in between; the
// answers are those of a cache that holds all.
TEST_F(ShardCoreTest, TheCacheChangesNothing) {
  Restart({.cache_bytes = 1});
  const AccountRef refs[] = {{"ns", "a"}, {"ns", "b"}, {"", "a"}};
  for (int round = 1; round <= 4; ++round) {
    for (const AccountRef& ref : refs) {
      ASSERT_OK_AND_ASSIGN(const ApplyResult result, Apply(AddOne(ref)));
      EXPECT_EQ(result.revision, static_cast<uint64_t>(round));
    }
    if (round % 2 == 0) Restart({.cache_bytes = 1});
  }
  EXPECT_EQ(core().stats().account_count, 3u);
}

// Plan: more accounts than the cache holds; the shard forgets records, never state.
TEST_F(ShardCoreTest, MoreAccountsThanAreCached) {
  Restart({.cache_bytes = 4096});
  for (int round = 1; round <= 2; ++round) {
    for (int i = 0; i < 64; ++i) {
      ASSERT_OK_AND_ASSIGN(const ApplyResult result, Apply(AddOne({"ns", absl::StrCat(i)})));
      ASSERT_EQ(result.results[0].integer, round);
    }
  }
}

// Plan: delete and create again, also after what was left has been forgotten; the revision of the
// name only rises.
TEST_F(ShardCoreTest, RevisionsNeverFall) {
  uint64_t last = 0;
  const auto rises = [&](uint64_t revision) {
    EXPECT_GT(revision, last);
    last = revision;
  };
  for (int round = 0; round < 3; ++round) {
    ASSERT_OK_AND_ASSIGN(const ApplyResult applied, Apply(AddOne()));
    rises(applied.revision);
    ASSERT_OK_AND_ASSIGN(const AccountResult deleted, DeleteAccount({.account = kRef}));
    rises(deleted.record.revision);
    ASSERT_OK_AND_ASSIGN(const AccountResult created, CreateAccount({.account = kRef}));
    rises(created.record.revision);
    ASSERT_THAT(DeleteAccount({.account = kRef}), IsOk());
    now_ += limits::kOutcomeRetention + limits::kSweepRestInterval;
    Turn({});
    now_ += limits::kOutcomeRetention + limits::kSweepRestInterval;
    Turn({});
    EXPECT_FALSE(RecordOf(kRef).has_value()) << "forgotten";
    if (round == 1) Restart();
  }
  EXPECT_GE(StoredStats().revision_floor, last);
}

TEST_F(ShardCoreTest, UnreadableRecordsFailTheRequestAndChangeNothing) {
  ASSERT_THAT(Apply({.account = kRef,
                     .request_id = "r",
                     .create_account = true,
                     .mutations = {Put{"a", "1"}}}),
              IsOk());
  const AccountKeys keys(kRef);
  const auto spoil = [&](const std::string& key) {
    std::string before;
    ASSERT_TRUE(*store().Get(kTestHome, key, &before));
    storage::WriteSet writes;
    writes.Put(kTestHome, key, "garbage");
    ASSERT_THAT(store().Commit(writes), IsOk());
    Restart();
    EXPECT_THAT(
        Apply({.account = kRef, .request_id = "r", .mutations = {Append{"a", "2"}}}),
        testing::AnyOf(HasReason(Reason::kStorageCorrupt), HasReason(Reason::kRequestIdReused)));
    EXPECT_THAT(Apply({.account = kRef, .request_id = "s", .mutations = {Append{"a", "2"}}}),
                testing::AnyOf(HasReason(Reason::kStorageCorrupt), IsOk()));
    storage::WriteSet restore;
    restore.Put(kTestHome, key, before);
    ASSERT_THAT(store().Commit(restore), IsOk());
    Restart();
  };
  spoil(keys.Key(RecordType::kAccount));
  spoil(keys.Key(RecordType::kEntry, "a"));
  EXPECT_EQ(ValueOf(kRef, "a"), "1");
  EXPECT_EQ(CountRecords(), (std::vector<size_t>{1, 1, 1, 1}));
}

}  // namespace
}  // namespace shardd
