// Plan: give commands to real shard cores on one store, with requests before, between and after
// them: what is counted, watched, cached and closed must go where the range goes.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/shard_state_operations/range_survey.h"
#include "tests/support/shard_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr OperationId kOperation{5};
constexpr ShardId kChild{2};
constexpr storage::Family kOtherHome{2};

class ShardCoreChangesTest : public ShardFixture {
 protected:
  // Accounts "ns", id0 and up, by routing key: the upper half goes with a split.
  ShardCoreChangesTest() {
    for (int i = 0; i < 10; ++i) accounts_.push_back({"ns", absl::StrCat("id", i)});
    std::sort(accounts_.begin(), accounts_.end(), [](const AccountRef& a, const AccountRef& b) {
      return a.routing_key() < b.routing_key();
    });
    child_.range.start = accounts_[5].routing_key();
    rest_.range.end = child_.range.start;
  }
  const AccountRef& Low(int i) const { return accounts_[static_cast<size_t>(i)]; }
  const AccountRef& High(int i) const { return accounts_[static_cast<size_t>(5 + i)]; }
  void Fill() {
    for (const AccountRef& account : accounts_) {
      ASSERT_THAT(PutEntry(account, "k", "value"), IsOk());
    }
  }

  // Takes what a turn tells of the progress out of it, and returns it.
  static uint64_t TakeProgress(TurnResult& turn) {
    uint64_t steps = 0;
    std::erase_if(turn.others, [&](const ShardEffect& effect) {
      const auto* const report = std::get_if<ShardReport>(&effect);
      if (report == nullptr) return false;
      const auto* const advanced = std::get_if<OperationAdvanced>(report);
      if (advanced == nullptr) return false;
      EXPECT_EQ(advanced->operation, kOperation);
      steps += advanced->steps;
      return true;
    });
    return steps;
  }

  // With so many of the records of ten accounts and their entries copied.
  static double SpeedUpAfter(int records) {
    return 1 + (limits::kRehomeSpeedUp - 1) * records / 20;
  }
  // Each step copies one record; returns how long the first one is followed by a rest.
  absl::Duration BeginPacedRehome() {
    constexpr double kBytesPerSecond = 20'000;
    ShardCore::Options options;
    options.rehome_pace = {1, 1000, static_cast<size_t>(kBytesPerSecond)};
    Restart(options);
    Fill();
    EXPECT_THAT(store().CreateHome(kOtherHome), IsOk());
    Command(BeginRehome{kOperation, kOtherHome});
    EXPECT_EQ(RecordsIn(kOtherHome), 1u);
    const auto cursor = store().NewCursor(kOtherHome, {});
    cursor->SeekToFirst();
    // The batch holds the record, and the cursor in meta.
    const std::string stored = StoredRehome();
    const size_t bytes = cursor->key().size() + cursor->value().size() +
                         RehomeKey(core().route().shard).size() + stored.size();
    return absl::Seconds(static_cast<double>(bytes + 2 * limits::kRehomeBytesPerRecord) /
                         (kBytesPerSecond * SpeedUpAfter(1)));
  }
  std::string StoredRehome() {
    std::string bytes;
    EXPECT_THAT(store().Get(storage::kMeta, RehomeKey(core().route().shard), &bytes), IsOk());
    return bytes;
  }
  size_t RecordsIn(storage::Family home) {
    size_t count = 0;
    const auto cursor = store().NewCursor(home, {});
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) ++count;
    return count;
  }
  // A step is taken when so much time has passed, and none before.
  void ExpectRest(absl::Duration rest) {
    const size_t before = RecordsIn(kOtherHome);
    now_ += rest - limits::kRehomeIdleAfter / 2;
    SendGet();
    EXPECT_EQ(RecordsIn(kOtherHome), before);
    now_ += limits::kRehomeIdleAfter;
    SendGet();
    EXPECT_EQ(RecordsIn(kOtherHome), before + 1);
  }
  TurnResult SendGet() { return Send(CallId{next_get_++, 0}, GetRequest{Low(0), {"k"}}); }

  SurveyTotals Survey(const KeyRange& range, storage::Family home = kTestHome) {
    RangeSurvey survey(store(), home, range, {.checksum = false, .median_samples = 0});
    for (int i = 0; i < 1000; ++i) {
      const absl::StatusOr<bool> ended = survey.Step(1000);
      EXPECT_THAT(ended, IsOk());
      if (!ended.ok() || *ended) break;
    }
    return survey.totals();
  }
  void ExpectCounts(const ShardStats& stats, const Route& route) {
    const SurveyTotals totals = Survey(route.range, route.home);
    EXPECT_EQ(stats.account_count, totals.account_count);
    EXPECT_EQ(stats.entry_count, totals.entry_count);
    EXPECT_EQ(stats.byte_count, totals.byte_count);
  }

  SurveyTotals BeginSplit() {
    const TurnResult begun = Command(BeginSurvey{kOperation, SurveyPurpose::kCount, child_.range});
    EXPECT_EQ(begun.others.size(), 1u);
    const auto& order = std::get<SurveyOrder>(begun.others.at(0));
    EXPECT_EQ(order.range, child_.range);
    EXPECT_EQ(order.home, kTestHome);
    return Survey(order.range, order.home);
  }
  // Ends it, and gives the core of the child.
  std::unique_ptr<ShardCore> EndSplit(const SurveyTotals& counted) {
    SplitOff split{kOperation, TableEpoch{2}, child_, counted, {}};
    split.records.Put(storage::kMeta, "table", "the next");
    TurnResult result = Command(std::move(split));
    EXPECT_EQ(result.others.size(), 2u);
    auto& start = std::get<StartShard>(result.others.at(0));
    EXPECT_EQ(start.route, child_);
    const auto& flipped = std::get<TableFlipped>(std::get<ShardReport>(result.others.at(1)));
    EXPECT_EQ(flipped.operation, kOperation);
    EXPECT_EQ(flipped.since, now_);
    std::string bytes;
    EXPECT_TRUE(*store().Get(storage::kMeta, "table", &bytes)) << "in the same batch";
    return std::make_unique<ShardCore>(start.route, start.epoch, std::move(*start.state),
                                       ShardCore::Options());
  }
  std::unique_ptr<ShardCore> Split() { return EndSplit(BeginSplit()); }
  // What the child retires with; it is discarded.
  std::shared_ptr<HandOver> RetireOf(std::unique_ptr<ShardCore> child) {
    auto survivor = Use(std::move(child));
    TurnResult result = Command(Retire{kOperation});
    EXPECT_TRUE(core().retired());
    EXPECT_FALSE(core().TakesRequests(now_));
    Use(std::move(survivor));
    return std::get<ShardRetired>(std::get<ShardReport>(result.others.back())).state;
  }
  void MergeBack(std::unique_ptr<ShardCore> child) {
    auto state = RetireOf(std::move(child));
    const TurnResult result =
        Command(Absorb{kOperation, TableEpoch{3}, child_, std::move(state), {}});
    ASSERT_EQ(result.others.size(), 2u);
    EXPECT_EQ(std::get<EndShard>(result.others[0]).ended, kChild);
    EXPECT_TRUE(std::holds_alternative<TableFlipped>(std::get<ShardReport>(result.others[1])));
  }
  TurnResult Send(CallId call, ShardRequestBody body, uint64_t epoch = 0) {
    ShardRequest request;
    request.call = call;
    request.epoch = epoch;
    request.body = std::move(body);
    std::vector<ShardRequest> requests;
    requests.push_back(std::move(request));
    return Turn(std::move(requests));
  }
  static std::string NamespaceIn(const KeyRange& range) {
    for (int i = 0;; ++i) {
      std::string name = absl::StrCat("other", i);
      const KeyRange wanted = RangeOfNamespace(name);
      if (range.Intersection(wanted) == wanted) return name;
    }
  }
  absl::Status Close(const std::string& name_space) {
    const TurnResult result = Send(CallId{}, PurgeNamespace{OperationId{9}, name_space});
    return result.purges.size() == 1 ? absl::OkStatus() : absl::InternalError("no answer");
  }

  std::vector<AccountRef> accounts_;
  uint64_t next_get_ = 1000;
  Route child_{kChild, whole_.range, kTestHome};
  Route rest_{ShardId{1}, whole_.range, kTestHome};
};

// Plan: between survey and split, accounts are made, changed and deleted on both sides.
TEST_F(ShardCoreChangesTest, ASplitCountsExactly) {
  Fill();
  const SurveyTotals counted = BeginSplit();
  ASSERT_EQ(counted.account_count, 5u);
  ASSERT_THAT(PutEntry(High(0), "k2", "more"), IsOk());
  ASSERT_THAT(PutEntry(High(1), "k", "v"), IsOk());
  ASSERT_THAT(DeleteAccount({High(2), "", 0}), IsOk());
  ASSERT_THAT(DeleteAccount({High(3), "", 0}), IsOk());
  ASSERT_THAT(PutEntry(High(3), "k", "again"), IsOk());
  ASSERT_THAT(PutEntry(Low(0), "k2", "of the parent"), IsOk());
  ASSERT_THAT(DeleteAccount({Low(1), "", 0}), IsOk());
  const auto child = EndSplit(counted);
  EXPECT_EQ(child->stats().account_count, 4u);
  ExpectCounts(child->stats(), child_);
  ExpectCounts(core().stats(), rest_);
  EXPECT_EQ(StoredStats(kChild), child->stats());
  EXPECT_EQ(StoredStats(), core().stats());
}

// Plan: all that was counted is deleted before the split: what changed is negative.
TEST_F(ShardCoreChangesTest, CountsWhatWasDeletedSinceTheSurvey) {
  Fill();
  const SurveyTotals counted = BeginSplit();
  for (int i = 0; i < 5; ++i) ASSERT_THAT(DeleteAccount({High(i), "", 0}), IsOk());
  const auto child = EndSplit(counted);
  EXPECT_EQ(child->stats().account_count, 0u);
  EXPECT_EQ(child->stats().byte_count, 0u);
  ExpectCounts(core().stats(), rest_);
}

TEST_F(ShardCoreChangesTest, ASplitThatIsCancelledCountsNoLonger) {
  Fill();
  BeginSplit();
  ASSERT_THAT(PutEntry(High(0), "k2", "more"), IsOk());
  Command(EndSurvey{OperationId{6}});  // of another one, late
  Command(EndSurvey{kOperation});
  const auto child = Split();
  ExpectCounts(child->stats(), child_);
  ExpectCounts(core().stats(), rest_);
}

TEST_F(ShardCoreChangesTest, BothSidesServeTheirRange) {
  Fill();
  auto child = Split();
  EXPECT_EQ(core().route(), rest_);
  EXPECT_EQ(core().epoch(), TableEpoch{2});
  EXPECT_EQ(ValueOf(Low(4), "k"), "value");
  EXPECT_THAT(PutEntry(High(0), "k", "v"), HasReason(Reason::kStaleEpoch));
  const TurnResult old = Send(CallId{50, 0}, GetRequest{Low(0), {"k"}}, /*epoch=*/1);
  EXPECT_THAT(old.replies.at(0).answer, HasReason(Reason::kStaleEpoch));
  Use(std::move(child));
  EXPECT_EQ(core().epoch(), TableEpoch{2});
  EXPECT_EQ(ValueOf(High(0), "k"), "value");
  EXPECT_THAT(PutEntry(High(0), "k", "new"), IsOk());
  EXPECT_THAT(PutEntry(Low(0), "k", "v"), HasReason(Reason::kStaleEpoch));
}

// Plan: one watch on each side, and one that resumes after the split from before it.
TEST_F(ShardCoreChangesTest, WatchesAndHistoryGoAlong) {
  Fill();
  ASSERT_EQ(Send(CallId{50, 0}, WatchRequest{Low(0)}).events.size(), 1u);
  ASSERT_EQ(Send(CallId{51, 0}, WatchRequest{High(0)}).events.size(), 1u);
  ASSERT_THAT(PutEntry(High(1), "k", "second"), IsOk());
  auto child = Split();
  EXPECT_EQ(core().watch_count(), 1u);
  EXPECT_EQ(child->watch_count(), 1u);
  const auto parent = Use(std::move(child));
  const uint64_t revision = RecordOf(High(1))->revision;
  const TurnResult resumed = Send(CallId{52, 0}, WatchRequest{High(1), revision});
  ASSERT_EQ(resumed.events.size(), 1u);
  EXPECT_EQ(resumed.events[0].changes.size(), 1u) << "from before the split";
  const TurnResult written =
      Send(CallId{53, 0}, ApplyRequest{.account = High(0), .mutations = {Put{"k", "v"}}});
  ASSERT_EQ(written.events.size(), 1u);
  EXPECT_EQ(written.events[0].call, (CallId{51, 0}));
  const TurnResult ended = Send(CallId{51, 0}, UnwatchRequest{High(0)});
  EXPECT_EQ(ended.replies.size(), 1u);
  EXPECT_EQ(core().watch_count(), 1u);
}

TEST_F(ShardCoreChangesTest, AMergeBringsWatchesAndHistory) {
  Fill();
  ASSERT_EQ(Send(CallId{51, 0}, WatchRequest{High(0)}).events.size(), 1u);
  auto child = Split();
  MergeBack(std::move(child));
  EXPECT_EQ(core().watch_count(), 1u);
  const TurnResult written =
      Send(CallId{53, 0}, ApplyRequest{.account = High(0), .mutations = {Put{"k", "v"}}});
  ASSERT_EQ(written.events.size(), 1u);
  const uint64_t first = RecordOf(High(1))->revision;
  const TurnResult resumed = Send(CallId{52, 0}, WatchRequest{High(1), first});
  ASSERT_EQ(resumed.events.size(), 1u);
  EXPECT_EQ(resumed.events[0].changes.size(), 1u);
}

// Plan: what the parent refuses the child refuses too; each is opened by itself.
TEST_F(ShardCoreChangesTest, ClosedNamespacesAreCopied) {
  ASSERT_THAT(Close("ns"), IsOk());
  auto child = Split();
  EXPECT_THAT(PutEntry(Low(0), "k", "v"), HasReason(Reason::kNamespaceDeleting));
  const auto parent = Use(std::move(child));
  EXPECT_THAT(PutEntry(High(0), "k", "v"), HasReason(Reason::kNamespaceDeleting));
  Send(CallId{}, ReopenNamespace{"ns"});
  EXPECT_THAT(PutEntry(High(0), "k", "v"), IsOk());
}

TEST_F(ShardCoreChangesTest, ClosedNamespacesComeWithAMerge) {
  auto child = Split();
  const std::string other = NamespaceIn(child_.range);
  auto parent = Use(std::move(child));
  ASSERT_THAT(Close(other), IsOk());
  child = Use(std::move(parent));
  ASSERT_THAT(Close("ns"), IsOk());
  MergeBack(std::move(child));
  EXPECT_THAT(PutEntry({"ns", "a"}, "k", "v"), HasReason(Reason::kNamespaceDeleting));
  EXPECT_THAT(PutEntry({other, "a"}, "k", "v"), HasReason(Reason::kNamespaceDeleting));
}

// Plan: a namespace of the child is closed before the split and reopened after it, where it lies;
// the parent must not bring it back, closed.
TEST_F(ShardCoreChangesTest, WhatIsReopenedStaysSoAfterAMerge) {
  const std::string other = NamespaceIn(child_.range);
  ASSERT_THAT(Close(other), IsOk());
  auto parent = Use(Split());
  Send(CallId{}, ReopenNamespace{other});
  auto child = Use(std::move(parent));
  Send(CallId{}, PurgeNamespace{OperationId{9}, other});  // late
  MergeBack(std::move(child));
  EXPECT_THAT(PutEntry({other, "a"}, "k", "v"), IsOk());
}

// Plan: a revision that was forgotten on one side must not be used again after split and merge.
TEST_F(ShardCoreChangesTest, TheRevisionFloorGoesAlongAndNeverFalls) {
  Fill();
  for (int i = 0; i < 5; ++i) ASSERT_THAT(PutEntry(High(0), "k", "v"), IsOk());
  const uint64_t last = RecordOf(High(0))->revision;
  Send(CallId{}, PurgeNamespace{OperationId{9}, "ns", /*delete_accounts=*/true});
  Send(CallId{}, ReopenNamespace{"ns"});
  auto child = Split();
  EXPECT_GT(core().stats().revision_floor, last);
  EXPECT_EQ(child->stats().revision_floor, core().stats().revision_floor);
  auto parent = Use(std::move(child));
  ASSERT_OK_AND_ASSIGN(const ApplyResult put, PutEntry(High(0), "k", "v"));
  EXPECT_GT(put.revision, last);
  MergeBack(Use(std::move(parent)));
  EXPECT_GT(core().stats().revision_floor, last);
}

TEST_F(ShardCoreChangesTest, AMergeAddsUp) {
  Fill();
  auto child = Split();
  auto parent = Use(std::move(child));
  ASSERT_THAT(PutEntry(High(0), "k2", "more"), IsOk());
  MergeBack(Use(std::move(parent)));
  EXPECT_EQ(core().route().range, whole_.range);
  EXPECT_EQ(core().epoch(), TableEpoch{3});
  ExpectCounts(core().stats(), whole_);
  EXPECT_EQ(StoredStats(), core().stats());
  std::string bytes;
  EXPECT_FALSE(*store().Get(storage::kMeta, ShardStatsKey(kChild), &bytes));
  EXPECT_EQ(ValueOf(High(0), "k2"), "more");
}

// Plan: the survivor may be the upper one as well.
TEST_F(ShardCoreChangesTest, TheUpperNeighbourTakesOver) {
  Fill();
  auto child = Split();
  const Route ended = core().route();
  auto state = RetireOf(Use(std::move(child)));
  Command(Absorb{kOperation, TableEpoch{3}, ended, std::move(state), {}});
  EXPECT_EQ(core().shard(), kChild);
  EXPECT_EQ(core().route().range, whole_.range);
  ExpectCounts(core().stats(), whole_);
  EXPECT_EQ(ValueOf(Low(0), "k"), "value");
}

// Plan: the parent has read what the child then overwrites; when the range comes back, the parent
// must read the store, not what it remembers.
TEST_F(ShardCoreChangesTest, TheCacheForgetsARangeThatComesBack) {
  Fill();
  ASSERT_EQ(ValueOf(High(0), "k"), "value");
  ASSERT_EQ(ValueOf(High(1), "k2"), "(none)");
  auto child = Split();
  auto parent = Use(std::move(child));
  ASSERT_THAT(PutEntry(High(0), "k", "new"), IsOk());
  ASSERT_THAT(PutEntry(High(1), "k2", "there"), IsOk());
  const uint64_t revision = RecordOf(High(0))->revision;
  MergeBack(Use(std::move(parent)));
  EXPECT_EQ(ValueOf(High(0), "k"), "new");
  EXPECT_EQ(ValueOf(High(1), "k2"), "there");
  ASSERT_OK_AND_ASSIGN(const ApplyResult put, PutEntry(High(0), "k", "newer"));
  EXPECT_EQ(put.revision, revision + 1);
  ExpectCounts(core().stats(), whole_);
}

TEST_F(ShardCoreChangesTest, ARetiredShardCanComeBack) {
  Fill();
  ASSERT_EQ(Send(CallId{50, 0}, WatchRequest{Low(0)}).events.size(), 1u);
  ASSERT_THAT(Close("other"), IsOk());
  TurnResult retired = Command(Retire{kOperation});
  EXPECT_TRUE(core().retired());
  EXPECT_FALSE(core().TakesRequests(absl::InfiniteFuture()));
  EXPECT_EQ(retired.wake_at, absl::InfiniteFuture());
  auto& report = std::get<ShardRetired>(std::get<ShardReport>(retired.others.back()));
  EXPECT_EQ(report.state->since, now_) << "since then requests wait";
  EXPECT_EQ(report.state->watches.size(), 1u);
  EXPECT_EQ(Turn({}).writes, 0u);
  Command(Unretire{kOperation, std::move(report.state)});
  EXPECT_TRUE(core().TakesRequests(now_));
  EXPECT_EQ(core().watch_count(), 1u);
  EXPECT_EQ(ValueOf(Low(0), "k"), "value");
  EXPECT_THAT(PutEntry({"other", "a"}, "k", "v"), HasReason(Reason::kNamespaceDeleting));
  const TurnResult written =
      Send(CallId{53, 0}, ApplyRequest{.account = Low(0), .mutations = {Put{"k", "v"}}});
  EXPECT_EQ(written.events.size(), 1u);
  ExpectCounts(core().stats(), whole_);
}

TEST_F(ShardCoreChangesTest, APauseEndsByItselfOrWhenToldSo) {
  const absl::Time until = now_ + absl::Seconds(5);
  const TurnResult paused = Command(PauseRequests{until});
  EXPECT_EQ(paused.wake_at, until);
  EXPECT_FALSE(core().TakesRequests(now_));
  EXPECT_FALSE(core().TakesRequests(until - absl::Microseconds(1)));
  EXPECT_TRUE(core().TakesRequests(until));
  Command(PauseRequests{now_});
  EXPECT_TRUE(core().TakesRequests(now_));
}

// Plan: each step of a rehome copies one record; requests come between, and find what they wrote
// wherever the shard lies.
TEST_F(ShardCoreChangesTest, ARehomeGoesOnBetweenRequests) {
  ShardCore::Options options;
  options.rehome_pace = {1, 1000};
  Restart(options);
  Fill();
  ASSERT_THAT(store().CreateHome(kOtherHome), IsOk());
  TurnResult turn = Command(BeginRehome{kOperation, kOtherHome});
  uint64_t told = TakeProgress(turn);
  size_t written = 0;
  for (int i = 0; i < 1000 && turn.others.empty(); ++i) {
    EXPECT_EQ(turn.wake_at, now_) << "the next step is due";
    turn = Send(CallId{1000 + written, 0},
                ApplyRequest{.account = accounts_[written % 10],
                             .mutations = {Put{"k", absl::StrCat(written)}}});
    ++written;
    told += TakeProgress(turn);
  }
  EXPECT_EQ(told, RecordsIn(kOtherHome));
  ASSERT_EQ(turn.others.size(), 1u);
  const auto& copied = std::get<HomeCopied>(std::get<ShardReport>(turn.others[0]));
  EXPECT_THAT(copied.status, IsOk());
  ASSERT_GT(written, 10u);
  EXPECT_TRUE(Turn({}).others.empty()) << "told once";
  turn = Command(SwitchHome{kOperation, TableEpoch{2}, {}});
  EXPECT_EQ(core().route().home, kOtherHome);
  EXPECT_EQ(Survey(whole_.range, kTestHome), Survey(whole_.range, kOtherHome));
  ASSERT_THAT(PutEntry(Low(0), "k", "both"), IsOk());
  EXPECT_EQ(Survey(whole_.range, kTestHome), Survey(whole_.range, kOtherHome));
  turn = Command(HomePublished{kOperation, /*clear=*/true});
  for (int i = 0; i < 1000 && turn.others.empty(); ++i) turn = Turn({});
  ASSERT_EQ(turn.others.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<HomeCleared>(std::get<ShardReport>(turn.others[0])));
  EXPECT_EQ(CountRecords(), (std::vector<size_t>{0, 0, 0, 0}));
  EXPECT_EQ(ValueOf(Low(0), "k"), "both");
  ExpectCounts(core().stats(), Route{ShardId{1}, whole_.range, kOtherHome});
}

// Plan: each step copies one record, and is followed by a rest as long as that asks for, while
// requests come. Some commits take longer than a shard must be idle to be taken for it, so that the
// turn after them finds nothing to do; that alone does not end the rest.
TEST_F(ShardCoreChangesTest, ARehomeRestsWhileThereAreRequests) {
  const absl::Duration rest = BeginPacedRehome();
  const absl::Time rested = now_ + rest;
  const size_t first = RecordsIn(kOtherHome);
  for (int i = 0; now_ < rested; ++i) {
    ASSERT_EQ(SendGet().wake_at, std::min(now_ + limits::kRehomeIdleAfter, rested));
    ASSERT_EQ(RecordsIn(kOtherHome), first);
    now_ += i % 2 == 0 ? limits::kRehomeIdleAfter / 2 : 3 * limits::kRehomeIdleAfter;
    if (now_ >= rested) break;
    Turn({});
    ASSERT_EQ(RecordsIn(kOtherHome), first);
    now_ += limits::kRehomeIdleAfter / 2;
  }
  SendGet();
  EXPECT_EQ(RecordsIn(kOtherHome), first + 1);
}

// Plan: nobody asks for anything any more.
TEST_F(ShardCoreChangesTest, ARehomeTakesIdleMoments) {
  BeginPacedRehome();
  now_ = SendGet().wake_at;
  const size_t first = RecordsIn(kOtherHome);
  TurnResult turn = Turn({});
  EXPECT_EQ(turn.wake_at, now_ + limits::kRehomeIdleAfter) << "it may be a short gap";
  EXPECT_EQ(RecordsIn(kOtherHome), first);
  now_ = turn.wake_at;
  for (size_t i = 1; i <= 5; ++i) {
    turn = Turn({});
    EXPECT_EQ(turn.wake_at, now_) << "the next step is due";
    EXPECT_EQ(RecordsIn(kOtherHome), first + i);
  }
  SendGet();
  EXPECT_EQ(RecordsIn(kOtherHome), first + 5) << "the rest of the last step holds again";
}

TEST_F(ShardCoreChangesTest, ARehomeThatTakesLongHurries) {
  const absl::Duration rest = BeginPacedRehome();
  now_ += limits::kRehomeDoublesEach;
  SendGet();
  const size_t first = RecordsIn(kOtherHome);
  ExpectRest(rest * SpeedUpAfter(1) / SpeedUpAfter(2) / 2);
  EXPECT_EQ(RecordsIn(kOtherHome), first + 1);
}

// Plan: all but one of the records are copied, so that nearly every write goes to both homes.
TEST_F(ShardCoreChangesTest, ARehomeHurriesTowardsItsEnd) {
  const absl::Duration rest = BeginPacedRehome();
  while (RecordsIn(kOtherHome) < 19) {
    now_ += rest;
    SendGet();
  }
  ExpectRest(rest * SpeedUpAfter(1) / SpeedUpAfter(19));
  EXPECT_EQ(RecordsIn(kOtherHome), 20u);
}

// Plan: entries come above the cursor, no time passes.
TEST_F(ShardCoreChangesTest, ARehomeKeepsAheadOfGrowth) {
  BeginPacedRehome();
  const size_t first = RecordsIn(kOtherHome);
  for (size_t i = 1; i <= 10; ++i) {
    ASSERT_THAT(PutEntry(High(4), absl::StrCat("new", i), "v"), IsOk());
    EXPECT_EQ(RecordsIn(kOtherHome), first + i);  // a step copies one
  }
  ASSERT_THAT(PutEntry(High(4), "new1", "another value"), IsOk());
  ASSERT_THAT(PutEntry(High(4), "new2", "another value"), IsOk());
  EXPECT_EQ(RecordsIn(kOtherHome), first + 10) << "that is no growth";
}

// Plan: an account that has as many outcomes as it keeps is written to by request id: each write
// brings an outcome and takes an old one.
TEST_F(ShardCoreChangesTest, WhatReplacesOldOutcomesIsNoGrowth) {
  ShardCore::Options options;
  options.rehome_pace = {1, 1000, 20'000};
  options.outcomes_per_account = 2;
  options.outcome_age_min = absl::ZeroDuration();
  Restart(options);
  Fill();
  const auto write = [&](absl::string_view round) {
    for (int i = 0; i < 10; ++i) {
      ASSERT_THAT(Ask(ApplyRequest{.account = High(4),
                                   .request_id = absl::StrCat(round, i),
                                   .mutations = {Put{"k", "v"}}}),
                  IsOk());
    }
  };
  write("before");
  ASSERT_THAT(store().CreateHome(kOtherHome), IsOk());
  Command(BeginRehome{kOperation, kOtherHome});
  const size_t first = RecordsIn(kOtherHome);
  write("meanwhile");
  EXPECT_EQ(RecordsIn(kOtherHome), first) << "it rests";
}

TEST_F(ShardCoreChangesTest, NewAccountsAreGrowth) {
  BeginPacedRehome();
  const size_t first = RecordsIn(kOtherHome);
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(Ask(CreateAccountRequest{.account = {"ns", absl::StrCat("new", i)}}), IsOk());
  }
  EXPECT_GE(RecordsIn(kOtherHome), first + 10);
}

TEST_F(ShardCoreChangesTest, ARehomeIsGivenUp) {
  ShardCore::Options options;
  options.rehome_pace.bytes_per_second = 0;
  Restart(options);
  Fill();
  ASSERT_THAT(store().CreateHome(kOtherHome), IsOk());
  Command(BeginRehome{kOperation, kOtherHome});
  const TurnResult turn = Command(AbandonRehome{kOperation, /*clear=*/true});
  ASSERT_EQ(turn.others.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<HomeCleared>(std::get<ShardReport>(turn.others[0])));
  EXPECT_EQ(Survey(whole_.range, kOtherHome), SurveyTotals());
  EXPECT_EQ(core().route(), whole_);
  EXPECT_EQ(ValueOf(High(0), "k"), "value");
}

}  // namespace
}  // namespace shardd
