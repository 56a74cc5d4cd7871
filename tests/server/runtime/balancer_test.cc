// Plan: a balancer without a thread, over shards and a coordinator in the test's hands and a clock
// that the test moves: what it decides, asks for, stores and says.

#include "server/runtime/balancer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/error.h"
#include "server/load_balancing_service/limits.h"
#include "server/load_balancing_service/load_trace.h"
#include "server/load_balancing_service/replay.h"
#include "storage/memory_store.h"
#include "tests/server/runtime/balancing_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr ShardId kFirst{1};

// A shard is full at 100 operations a second.
BalancingConfig TestConfig() {
  BalancingConfig config;
  config.thresholds.operations_per_second = 100;
  config.shards_min = 2;
  return config;
}

class BalancerTest : public testing::Test {
 protected:
  void SetUp() override { Load({.config = TestConfig()}); }

  void Load(Balancer::Options options) {
    balancer_.reset();
    absl::StatusOr<std::unique_ptr<Balancer>> loaded = Balancer::Load(
        std::move(options),
        {.store = store_,
         .clock = clock_,
         .threads = threads_,
         .look = [this] { return shards_.View(); },
         .submit =
             [this](CoordinatorRequest request) {
               if (refusal_.ok()) requests_.push_back(std::move(request));
               return refusal_;
             },
         .on_storage_failure = [this](const absl::Status&) { ++storage_failures_; }});
    ASSERT_THAT(loaded, IsOk());
    balancer_ = *std::move(loaded);
  }

  // Rounds in which the first shard does `per_second` operations and the others nothing.
  void Run(absl::Duration duration, uint64_t per_second, uint64_t accounts = 100) {
    const absl::Duration interval = balancer_->Status().config.check_interval;
    for (absl::Duration passed; passed < duration; passed += interval) {
      shards_.Load(kFirst, per_second * 5, accounts);
      clock_.Advance(interval);
      balancer_->RunRound();
    }
  }
  void RunUntilAsked(uint64_t per_second) {
    for (int i = 0; i < 100 && requests_.empty(); ++i) Run(absl::Seconds(5), per_second);
    ASSERT_EQ(requests_.size(), 1u);
  }
  // The coordinator's answer to the newest request.
  void Answer(absl::StatusOr<CoordinatorAnswer> answer) {
    balancer_->OnAnswer({requests_.back().call, std::move(answer)});
  }
  OperationRecord Accepted() {
    OperationRecord record;
    record.id = OperationId{7};
    record.kind = OperationKind::kSplit;
    shards_.operation(7) = record;
    return record;
  }

  const Decision& NewestOn(ShardId shard) {
    round_ = balancer_->round();
    for (const Decision& decision : round_->decisions) {
      if (decision.shard == shard) return decision;
    }
    static const Decision kNone;
    ADD_FAILURE() << "no decision on " << shard.value;
    return kNone;
  }
  size_t StoredDecisionsCount() {
    const auto stored = StoredDecisions::Load(store_);
    EXPECT_THAT(stored, IsOk());
    return stored.ok() ? stored->log().entries().size() : 0;
  }
  // The newest round of the trace, read as a file.
  LoadTrace NewestTraced() {
    auto trace = LoadTrace::Decode(absl::StrCat(TraceHeader(), *balancer_->trace().back()));
    EXPECT_THAT(trace, IsOk());
    return trace.ok() ? *std::move(trace) : LoadTrace();
  }
  Balancer::Done Expect(absl::Status* outcome) {
    return [outcome](const absl::Status& status) { *outcome = status; };
  }

  FakeClock clock_;
  storage::MemoryStore store_;
  ThreadRegistry threads_{clock_};
  FakeShards shards_{2};
  std::vector<CoordinatorRequest> requests_;
  absl::Status refusal_;
  int storage_failures_ = 0;
  std::shared_ptr<const BalancingRound> round_;
  std::unique_ptr<Balancer> balancer_;
};

TEST_F(BalancerTest, SplitsWhatStaysHotAndSaysWhy) {
  RunUntilAsked(1000);
  const auto& split = std::get<SplitShardRequest>(requests_[0].body);
  EXPECT_EQ(requests_[0].call.call, Balancer::kCall);
  EXPECT_EQ(split.shard, kFirst);
  EXPECT_EQ(split.guard.expected_epoch, 1u);
  ASSERT_TRUE(split.at.has_value());
  EXPECT_EQ(split.at, NewestOn(kFirst).split_keys.front());
  EXPECT_GE(balancer_->round()->snapshot.now - balancer_->round()->snapshot.started_at,
            TestConfig().warm_up);
  EXPECT_EQ(ToText(NewestOn(kFirst).reason), "TOO_HOT");
  EXPECT_EQ(balancer_->Status().running.size(), 1u);
}

TEST_F(BalancerTest, AsksForNothingElseWhileAChangeRuns) {
  RunUntilAsked(1000);
  Run(absl::Minutes(1), 1000);
  EXPECT_EQ(requests_.size(), 1u);
  EXPECT_EQ(ToText(NewestOn(kFirst).reason), "CHANGE_RUNNING");
  Answer(CoordinatorAnswer(Accepted()));
  Run(absl::Minutes(1), 1000);
  EXPECT_EQ(requests_.size(), 1u);
  EXPECT_EQ(balancer_->Status().running[0].operation, OperationId{7});
  shards_.operation(7).state = OperationState::kSucceeded;
  shards_.Split(kFirst, *std::get<SplitShardRequest>(requests_[0].body).at, clock_.Now());
  Run(absl::Seconds(5), 0);
  EXPECT_EQ(balancer_->Status().changes_done, 1u);
  EXPECT_TRUE(balancer_->Status().running.empty());
}

// Plan: what passes by itself is tried in the next round; anything else after the shard cooled
// down.
TEST_F(BalancerTest, TriesAgainSoonOrLaterAfterARefusal) {
  RunUntilAsked(1000);
  Answer(Error(Reason::kStaleEpoch, "stale"));
  Run(absl::Seconds(5), 1000);
  ASSERT_EQ(requests_.size(), 2u);
  Answer(Error(Reason::kCannotSplit, "no"));
  Run(absl::Seconds(30), 1000);
  EXPECT_EQ(requests_.size(), 2u);
  EXPECT_EQ(balancer_->Status().changes_failed, 2u);
  ASSERT_TRUE(balancer_->Status().last_failure.has_value());
  EXPECT_THAT(balancer_->Status().last_failure->status, HasReason(Reason::kCannotSplit));
  Run(absl::Minutes(1), 1000);
  EXPECT_EQ(requests_.size(), 3u);
}

TEST_F(BalancerTest, ARequestThatCannotBeHandedOverIsARefusal) {
  refusal_ = Error(Reason::kDraining, "stopping");
  Run(absl::Minutes(3), 1000);
  EXPECT_GT(balancer_->Status().changes_failed, 0u);
  EXPECT_TRUE(balancer_->Status().running.empty());
}

TEST_F(BalancerTest, PausedItOnlyWatchesUntilThePauseEnds) {
  absl::Status outcome = absl::UnknownError("");
  balancer_->PauseUntil(clock_.Now() + absl::Minutes(5), Expect(&outcome));
  EXPECT_THAT(outcome, IsOk());
  Run(absl::Minutes(4), 1000);
  EXPECT_TRUE(requests_.empty());
  EXPECT_EQ(ToText(NewestOn(kFirst).reason), "PAUSED");
  EXPECT_EQ(ToText(NewestOn(kFirst).wanted), "SPLIT");
  const absl::Time until = balancer_->Status().paused_until;
  Load({.config = TestConfig()});
  EXPECT_EQ(balancer_->Status().paused_until, until) << "a restart keeps the pause";
  balancer_->PauseUntil(absl::InfinitePast(), Expect(&outcome));
  Run(absl::Minutes(2), 1000);
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(BalancerTest, SwitchedOffItNeverActs) {
  Load({.config = TestConfig(), .enabled = false});
  absl::Status outcome;
  balancer_->PauseUntil(absl::InfinitePast(), Expect(&outcome));
  Run(absl::Minutes(5), 1000);
  EXPECT_TRUE(requests_.empty());
  EXPECT_EQ(ToText(NewestOn(kFirst).reason), "PAUSED");
}

TEST_F(BalancerTest, ThePolicyCanBeChangedAndARestartKeepsIt) {
  absl::Status outcome = absl::UnknownError("");
  balancer_->ChangePolicy([](BalancingConfig& c) { c.policy = "manual"; }, Expect(&outcome));
  EXPECT_THAT(outcome, IsOk());
  Load({.config = TestConfig()});
  EXPECT_EQ(balancer_->Status().config.policy, "manual");
  EXPECT_TRUE(balancer_->Status().config_set);
  Run(absl::Minutes(3), 1000);
  EXPECT_TRUE(requests_.empty());
  balancer_->ChangePolicy([](BalancingConfig& c) { c.policy = "none"; }, Expect(&outcome));
  EXPECT_THAT(outcome, HasReason(Reason::kInvalidField));
  EXPECT_EQ(balancer_->Status().config.policy, "manual");
  balancer_->ResetPolicy(Expect(&outcome));
  EXPECT_THAT(outcome, IsOk());
  Load({.config = TestConfig()});
  EXPECT_EQ(balancer_->Status().config, TestConfig());
  EXPECT_FALSE(balancer_->Status().config_set);
}

TEST_F(BalancerTest, AnotherPaceBeginsNewMeasurements) {
  Run(absl::Seconds(30), 10);
  absl::Status outcome;
  balancer_->ChangePolicy([](BalancingConfig& c) { c.check_interval = absl::Seconds(1); },
                          Expect(&outcome));
  balancer_->RunRound();
  EXPECT_FALSE(balancer_->round()->snapshot.shards[0].load.measured());
  Run(absl::Seconds(1), 10);
  EXPECT_TRUE(balancer_->round()->snapshot.shards[0].load.measured());
}

// Plan: with nobody at work on them, as many changes as may wait, and one more: it alone is
// refused, until the others have been made.
TEST_F(BalancerTest, SoManyChangesMayWait) {
  Load({.config = TestConfig(), .runs = true});
  std::vector<absl::Status> outcomes(limits::kBalancerChangesQueuedMax, absl::UnknownError(""));
  for (size_t i = 0; i < outcomes.size(); ++i) {
    balancer_->PauseUntil(clock_.Now() + absl::Hours(i + 1), Expect(&outcomes[i]));
  }
  absl::Status refused;
  balancer_->PauseUntil(absl::InfiniteFuture(), Expect(&refused));
  EXPECT_THAT(refused, HasReason(Reason::kMailboxFull));
  EXPECT_EQ(outcomes.front(), absl::UnknownError(""));

  const absl::Time last = clock_.Now() + absl::Hours(outcomes.size());
  balancer_->RunRound();
  for (const absl::Status& outcome : outcomes) EXPECT_THAT(outcome, IsOk());
  EXPECT_EQ(balancer_->Status().paused_until, last);
  absl::Status waits = absl::UnknownError("");
  balancer_->PauseUntil(absl::InfinitePast(), Expect(&waits));
  EXPECT_EQ(waits, absl::UnknownError("")) << "there is room again";
  balancer_->Stop();
  EXPECT_THAT(waits, HasReason(Reason::kDraining));
  EXPECT_EQ(balancer_->Status().paused_until, last);
}

// Plan: ten idle minutes write once, when there is something new, and a restart reads it.
TEST_F(BalancerTest, StoresDecisionsWhenTheyAreNews) {
  Run(absl::Seconds(5), 0);
  const size_t first = StoredDecisionsCount();
  EXPECT_EQ(first, 2u);
  Run(absl::Minutes(30), 0);
  const size_t later = StoredDecisionsCount();
  EXPECT_LE(later, 12u);
  const auto all = [](const LoggedDecision&) { return true; };
  const std::vector<LoggedDecision> before = balancer_->Decisions(UINT64_MAX, 100, all);
  EXPECT_EQ(before.size(), later);
  Load({.config = TestConfig()});
  const std::vector<LoggedDecision> after = balancer_->Decisions(UINT64_MAX, 100, all);
  ASSERT_EQ(after.size(), before.size());
  EXPECT_EQ(after.front().number, before.front().number);
  EXPECT_EQ(after.front().decision.reason, before.front().decision.reason);
}

TEST_F(BalancerTest, ListsDecisionsNewestFirst) {
  RunUntilAsked(1000);
  const auto acts = [](const LoggedDecision& entry) { return entry.decision.acts(); };
  const auto all = [](const LoggedDecision&) { return true; };
  const std::vector<LoggedDecision> acted = balancer_->Decisions(UINT64_MAX, 10, acts);
  ASSERT_EQ(acted.size(), 1u);
  EXPECT_EQ(acted[0].decision.shard, kFirst);
  const std::vector<LoggedDecision> two = balancer_->Decisions(UINT64_MAX, 2, all);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].number, two[1].number + 1);
  const std::vector<LoggedDecision> rest = balancer_->Decisions(two[1].number, 1, all);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].number, two[1].number - 1);
}

TEST_F(BalancerTest, ADryRunChangesNothing) {
  EXPECT_TRUE(balancer_->DryRun([](BalancingConfig&) {}, false)->empty());
  absl::Status outcome;
  balancer_->PauseUntil(absl::InfiniteFuture(), Expect(&outcome));
  Run(absl::Minutes(3), 1000);
  ASSERT_OK_AND_ASSIGN(const auto paused, balancer_->DryRun([](BalancingConfig&) {}, false));
  EXPECT_FALSE(paused.front().acts());
  ASSERT_OK_AND_ASSIGN(const auto free, balancer_->DryRun([](BalancingConfig&) {}, true));
  EXPECT_TRUE(free.front().acts());
  ASSERT_OK_AND_ASSIGN(
      const auto generous,
      balancer_->DryRun([](BalancingConfig& c) { c.thresholds.operations_per_second = 1e6; },
                        true));
  EXPECT_FALSE(generous.front().acts());
  EXPECT_THAT(balancer_->DryRun([](BalancingConfig& c) { c.policy = "none"; }, true),
              HasReason(Reason::kInvalidField));
  EXPECT_TRUE(requests_.empty());
}

TEST_F(BalancerTest, KnowsWhereASplitIsBest) {
  EXPECT_EQ(balancer_->BestSplitKey(kFirst), std::nullopt);
  Run(absl::Minutes(1), 1000);
  const std::optional<RoutingKey> key = balancer_->BestSplitKey(kFirst);
  ASSERT_TRUE(key.has_value());
  EXPECT_TRUE(shards_.table().FindShard(kFirst)->range.Contains(*key));
  EXPECT_EQ(balancer_->BestSplitKey(ShardId{2}), std::nullopt) << "nobody asks for it";
  EXPECT_EQ(balancer_->BestSplitKey(ShardId{99}), std::nullopt);
}

TEST_F(BalancerTest, OneHotAccountIsNamed) {
  Run(absl::Minutes(3), 1000, 1);
  EXPECT_TRUE(requests_.empty());
  EXPECT_EQ(ToText(NewestOn(kFirst).reason), "SPLIT_WILL_NOT_HELP");
  ASSERT_TRUE(NewestOn(kFirst).hot_account.has_value());
  EXPECT_EQ(NewestOn(kFirst).hot_account->share, 1);
}

// Plan: what was recorded, read as a file, makes the planner decide the same again.
TEST_F(BalancerTest, ItsTraceReplaysToTheSameDecisions) {
  RunUntilAsked(1000);
  std::string file(TraceHeader());
  for (const TraceRing::Frame& frame : balancer_->trace()) file += *frame;
  ASSERT_OK_AND_ASSIGN(const LoadTrace trace, LoadTrace::Decode(file));
  ASSERT_OK_AND_ASSIGN(const std::vector<ReplayStep> steps, Replay(trace, {}));
  size_t changes = 0;
  for (const ReplayStep& step : steps) {
    EXPECT_EQ(step.would_do, step.did);
    changes += step.did.size();
  }
  EXPECT_EQ(changes, 1u);
}

// Plan: a trace with as many shards as may be recorded whole, then with one more: only what the
// requests were for is missing, and only in the trace.
TEST_F(BalancerTest, ATraceOfTooManyShardsHasNoSamples) {
  for (const size_t count : {limits::kTraceShardsSampled, limits::kTraceShardsSampled + 1}) {
    SCOPED_TRACE(count);
    shards_ = FakeShards(count);
    BalancingConfig config = TestConfig();
    config.shards_max = static_cast<uint32_t>(2 * count);
    Load({.config = config});
    requests_.clear();
    for (int i = 0; i < 100 && requests_.empty(); ++i) Run(absl::Seconds(5), 1000, 10);
    ASSERT_EQ(requests_.size(), 1u);
    EXPECT_FALSE(balancer_->round()->snapshot.shards[0].sample.candidates.empty());
    const LoadTrace trace = NewestTraced();
    ASSERT_EQ(trace.records.size(), 1u);
    const std::vector<ShardSnapshot>& recorded = trace.records[0].snapshot.shards;
    ASSERT_EQ(recorded.size(), count);
    EXPECT_EQ(recorded[0].sample.candidates.empty(), count > limits::kTraceShardsSampled);
    EXPECT_EQ(recorded[0].load, balancer_->round()->snapshot.shards[0].load);
    EXPECT_EQ(trace.records[0].acted.size(), 1u);
  }
}

// Plan: one round more than is kept; of the rounds, the first is gone.
TEST_F(BalancerTest, ATraceHasSoManyRounds) {
  for (size_t i = 0; i < limits::kTraceRoundsKept; ++i) Run(absl::Seconds(5), 0);
  const std::vector<TraceRing::Frame> full = balancer_->trace();
  ASSERT_EQ(full.size(), limits::kTraceRoundsKept);
  Run(absl::Seconds(5), 0);
  const std::vector<TraceRing::Frame> after = balancer_->trace();
  ASSERT_EQ(after.size(), limits::kTraceRoundsKept);
  EXPECT_EQ(after.front(), full[1]);
  EXPECT_EQ(after[after.size() - 2], full.back());
}

// Plan: rounds of so many shards that their bytes are what fills the trace.
TEST_F(BalancerTest, ATraceHasSoManyBytes) {
  shards_ = FakeShards(limits::kBalancedShardsMax);
  BalancingConfig config;
  config.policy = "manual";  // the quickest
  Load({.config = config});
  size_t bytes = 0;
  size_t rounds = 0;
  while (balancer_->trace().size() == rounds) {
    ASSERT_LT(++rounds, limits::kTraceRoundsKept);
    Run(absl::Seconds(5), 0);
    bytes += balancer_->trace().back()->size();
  }
  EXPECT_GT(bytes, limits::kTraceBytesKept);
  size_t kept = 0;
  for (const TraceRing::Frame& frame : balancer_->trace()) kept += frame->size();
  EXPECT_LE(kept, limits::kTraceBytesKept);
  EXPECT_GT(kept, limits::kTraceBytesKept / 2);
}

TEST_F(BalancerTest, SaysHowUnevenTheLoadIs) {
  Run(absl::Seconds(30), 96);
  EXPECT_NEAR(LoadMaxOverMean(balancer_->round()->snapshot), 1, 0.01) << "the other one is idle";
  for (int i = 0; i < 12; ++i) {
    shards_.Load(ShardId{2}, 160);
    Run(absl::Seconds(5), 96);
  }
  EXPECT_NEAR(LoadMaxOverMean(balancer_->round()->snapshot), 96 / 64., 0.01);
  EXPECT_EQ(LoadMaxOverMean(BalancingSnapshot()), 0);
}

TEST_F(BalancerTest, WhenStorageFailsItStopsActing) {
  Run(absl::Minutes(1), 10);
  store_.Fail(Error(Reason::kStorageFailed, "the disk failed"));
  Run(absl::Minutes(5), 1000);
  EXPECT_EQ(storage_failures_, 1);
  EXPECT_TRUE(requests_.empty());
}

}  // namespace
}  // namespace shardd
