// Plan: read meters that a test turns, and look at what the planner would be told: rates of the
// right stretch, nothing from before a change, and what the coordinator notes.

#include "server/runtime/load_book.h"

#include "gtest/gtest.h"
#include "server/load_balancing_service/planner.h"
#include "tests/server/runtime/balancing_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr absl::Time kStart = absl::FromUnixSeconds(1'000'000);
constexpr ShardId kBookedShard{1};
constexpr ShardId kSecond{2};

class LoadBookTest : public testing::Test {
 protected:
  void Observe(absl::Duration after) {
    now_ += after;
    book_.Observe(now_, shards_.View());
  }
  ShardSnapshot Known(ShardId shard) {
    const BalancingSnapshot snapshot = book_.Snapshot(now_, shards_.View(), config_);
    EXPECT_THAT(Validate(snapshot), IsOk());
    for (const ShardSnapshot& known : snapshot.shards) {
      if (known.route.shard == shard) return known;
    }
    ADD_FAILURE() << "no shard " << shard.value;
    return {};
  }

  FakeShards shards_{2};
  BalancingConfig config_;
  absl::Time now_ = kStart;
  LoadBook book_{kStart, config_.pace()};
};

TEST_F(LoadBookTest, RatesAreOfTheTimeBetweenTwoReadings) {
  shards_.Load(kBookedShard, 16'000);  // from before the first look: nobody knows since when
  Observe({});
  EXPECT_FALSE(Known(kBookedShard).load.measured());
  shards_.Load(kBookedShard, 1600);
  shards_.meter(kBookedShard).Add({.operations = 0,
                             .busy = absl::Seconds(2),
                             .mailbox_wait = absl::Seconds(16),
                             .bytes = 5000});
  shards_.meter(kBookedShard).SetStored(123);
  Observe(absl::Seconds(5));
  const ShardSnapshot known = Known(kBookedShard);
  ASSERT_TRUE(known.load.measured());
  EXPECT_EQ(known.load.smoothed().operations_per_second, 320);
  EXPECT_EQ(known.load.smoothed().busy_fraction, 0.4);
  EXPECT_EQ(known.load.smoothed().mailbox_wait, absl::Milliseconds(10));
  EXPECT_EQ(known.load.smoothed().bytes_per_second, 1000);
  EXPECT_EQ(known.bytes_stored, 123u);
  EXPECT_EQ(known.sample.requests, 100u);
  EXPECT_EQ(Known(kSecond).load.smoothed().operations_per_second, 0);
}

TEST_F(LoadBookTest, AChangeBeginsAnew) {
  Observe({});
  shards_.Load(kBookedShard, 1600);
  Observe(absl::Seconds(5));
  ASSERT_TRUE(Known(kBookedShard).load.measured());
  shards_.Load(kBookedShard, 1600);
  now_ += absl::Seconds(1);
  const ShardId child = shards_.Split(kBookedShard, RoutingKey{uint64_t{1} << 62, 0}, now_);
  Observe(absl::Seconds(4));
  for (const ShardId changed : {kBookedShard, child}) {
    EXPECT_FALSE(Known(changed).load.measured());
    EXPECT_EQ(Known(changed).sample.requests, 0u);
    EXPECT_GE(Known(changed).load.since, Known(changed).last_change);
    EXPECT_EQ(Known(changed).last_split, now_ - absl::Seconds(4));
  }
  EXPECT_TRUE(Known(kSecond).load.measured());
}

// Plan: a rehome changes the note and the route; a change that leaves the route as it was, to and
// fro between two looks, changes the note alone.
TEST_F(LoadBookTest, AlsoOneThatIsSeenInTheNoteOrTheRouteAlone) {
  Observe({});
  Observe(absl::Seconds(5));
  shards_.note(kBookedShard).last_change = now_;
  Observe(absl::Seconds(5));
  EXPECT_FALSE(Known(kBookedShard).load.measured());
  EXPECT_TRUE(Known(kSecond).load.measured());
  Observe(absl::Seconds(5));
  ASSERT_TRUE(Known(kBookedShard).load.measured());
  std::vector<Route> routes = shards_.table().routes();
  routes[0].home = storage::Family{2};
  shards_.Replace(routes);
  Observe(absl::Seconds(5));
  EXPECT_FALSE(Known(kBookedShard).load.measured());
}

TEST_F(LoadBookTest, TellsWhatTheCoordinatorNotes) {
  shards_.note(kBookedShard).pinned_until = kStart + absl::Hours(1);
  shards_.note(kSecond).operation = OperationId{3};
  shards_.operation(3).kind = OperationKind::kSplit;
  shards_.operation(4).kind = OperationKind::kVerify;
  shards_.operation(5).kind = OperationKind::kMerge;
  shards_.operation(5).state = OperationState::kSucceeded;
  Observe({});
  EXPECT_EQ(Known(kBookedShard).pinned_until, kStart + absl::Hours(1));
  EXPECT_FALSE(Known(kBookedShard).changing);
  EXPECT_TRUE(Known(kSecond).changing);
  const BalancingSnapshot snapshot = book_.Snapshot(now_, shards_.View(), config_);
  EXPECT_EQ(snapshot.changes_running, 1u);
  EXPECT_EQ(snapshot.epoch, shards_.table().epoch());
  EXPECT_EQ(snapshot.started_at, kStart);
}

// Plan: after a failure the shard cools down, and is ready again after it.
TEST_F(LoadBookTest, AfterAFailureAShardCoolsDown) {
  config_.warm_up = absl::ZeroDuration();
  const auto reason_of = [this](ShardId shard) {
    const BalancingSnapshot snapshot = book_.Snapshot(now_, shards_.View(), config_);
    const auto policy = FindBalancingPolicy("load");
    for (const Decision& decision : Plan(snapshot, **policy)) {
      if (decision.shard == shard) return decision.reason;
    }
    return DecisionReason::kNotMeasured;
  };
  Observe({});
  Observe(absl::Seconds(5));
  book_.NoteFailure(kBookedShard, now_);
  for (int i = 0; i < 3; ++i) Observe(absl::Seconds(5));
  EXPECT_EQ(ToText(reason_of(kBookedShard)), "COOLING_DOWN");
  EXPECT_NE(ToText(reason_of(kSecond)), "COOLING_DOWN");
  for (int i = 0; i < 6; ++i) Observe(absl::Seconds(5));
  EXPECT_EQ(ToText(reason_of(kBookedShard)), ToText(reason_of(kSecond)));
}

TEST_F(LoadBookTest, ShardsThatAreGoneAreForgottenAndAnotherPaceBeginsAnew) {
  Observe({});
  Observe(absl::Seconds(5));
  std::vector<Route> routes = shards_.table().routes();
  routes[0].range.end.reset();
  routes.pop_back();
  shards_.Replace(routes);
  shards_.note(kBookedShard).last_change = now_;
  Observe(absl::Seconds(5));
  EXPECT_EQ(book_.Snapshot(now_, shards_.View(), config_).shards.size(), 1u);
  Observe(absl::Seconds(5));
  ASSERT_TRUE(Known(kBookedShard).load.measured());
  book_.SetPace({absl::Seconds(1), absl::Seconds(2)});
  Observe(absl::Seconds(1));
  EXPECT_FALSE(Known(kBookedShard).load.measured());
  Observe(absl::Seconds(1));
  EXPECT_TRUE(Known(kBookedShard).load.measured());
}

}  // namespace
}  // namespace shardd
