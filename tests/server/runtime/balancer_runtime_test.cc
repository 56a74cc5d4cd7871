// Plan: the balancer of a real runtime, with real workers and a real coordinator: load on one shard
// leads to a split of it, by rounds that the test runs and by the balancer's own thread; nothing is
// done once the daemon drains.

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/runtime_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr uint64_t kAccounts = 64;

Runtime::Options Options(bool runs) {
  Runtime::Options options;
  options.shard_count = 2;
  options.balancing.runs = runs;
  BalancingConfig& config = options.balancing.config;
  config.shards_min = 2;
  config.thresholds.operations_per_second = 10;
  config.check_interval = absl::Milliseconds(100);
  config.smoothing = absl::Milliseconds(100);
  config.warm_up = absl::ZeroDuration();
  config.keys.requests_min = 20;
  config.keys.recorded_min = absl::ZeroDuration();
  return options;
}

class BalancerRuntimeTest : public RuntimeFixture {
 protected:
  // Writes to accounts of one namespace, which lie in one shard at first, and reads of them.
  void MakeLoad(uint64_t requests) {
    for (uint64_t i = 0; i < requests; ++i) {
      const AccountRef ref{"shop", absl::StrCat(next_++ % kAccounts)};
      ASSERT_THAT(Ask(AddOne(ref)), IsOk());
      for (int read = 0; read < 3; ++read) ASSERT_THAT(runtime_->Get({ref, {"k"}}, 0), IsOk());
    }
  }
  size_t ShardCount() { return runtime_->tables()->current()->routes().size(); }

  uint64_t next_ = 0;
};

TEST_F(BalancerRuntimeTest, LoadOnOneShardLeadsToItsSplit) {
  Start(Options(false));
  CreateNamespace("shop");
  for (int round = 0; round < 1000 && ShardCount() == 2; ++round) {
    MakeLoad(100);
    clock_.Advance(absl::Seconds(1) / 10);
    runtime_->balancer().RunRound();
  }
  EXPECT_EQ(ShardCount(), 3u);
  for (uint64_t i = 0; i < kAccounts; ++i) EXPECT_NE(ValueOf({"shop", absl::StrCat(i)}), "");
  const RouteTable& table = *runtime_->tables()->current();
  const KeyRange shop = RangeOfNamespace("shop");
  size_t parts = 0;
  for (const Route& route : table.routes()) parts += route.range.Overlaps(shop) ? 1 : 0;
  EXPECT_EQ(parts, 2u) << "it is cut where the load is";
  const Decision decision =
      runtime_->balancer()
          .Decisions(UINT64_MAX, 1, [](const LoggedDecision& e) { return e.decision.acts(); })
          .at(0)
          .decision;
  EXPECT_EQ(ToText(decision.reason), "TOO_HOT") << decision.text;
  Stop();
}

// Plan: the same by the balancer's own thread; the clock is moved along while load is made.
TEST_F(BalancerRuntimeTest, TheThreadDoesItByItself) {
  Start(Options(true));
  CreateNamespace("shop");
  while (ShardCount() == 2) {
    MakeLoad(20);
    clock_.Advance(absl::Milliseconds(20));
  }
  absl::Status outcome;
  std::atomic<bool> done{false};
  runtime_->balancer().PauseUntil(absl::InfiniteFuture(), [&](const absl::Status& status) {
    outcome = status;
    done.store(true);
  });
  while (!done.load()) std::this_thread::yield();
  EXPECT_THAT(outcome, IsOk());
  Stop();
}

TEST_F(BalancerRuntimeTest, OnceItDrainsItTakesNoChanges) {
  Start(Options(true));
  EXPECT_THAT(runtime_->Drain(absl::InfiniteFuture()), IsOk());
  absl::Status outcome;
  runtime_->balancer().PauseUntil(absl::InfiniteFuture(),
                                  [&](const absl::Status& status) { outcome = status; });
  EXPECT_THAT(outcome, HasReason(Reason::kDraining));
}

// Plan: a worker that is held up in a commit counts as waiting for the disk, not as busy; what it
// answers afterwards counts. (There is no other one, which the moving clock could catch at work.)
TEST_F(BalancerRuntimeTest, WaitingForTheDiskIsNoWork) {
  Runtime::Options alone = Options(false);
  alone.shard_count = 1;
  alone.balancing.config.shards_min = 1;
  Start(std::move(alone));
  runtime_->balancer().RunRound();
  store_.Shut();
  const CallId held = Submit(AddOne({"", "a"}));
  store_.WaitForArrivals(1);
  clock_.Advance(absl::Seconds(10));
  store_.Open();
  ASSERT_THAT(sink_.WaitForReply(held), IsOk());
  // The turn is measured before the next one begins.
  ASSERT_THAT(Ask(AddOne({"", "a"})), IsOk());
  runtime_->balancer().RunRound();
  const std::shared_ptr<const BalancingRound> round = runtime_->balancer().round();
  ASSERT_EQ(round->snapshot.shards.size(), 1u);
  const LoadSummary& load = round->snapshot.shards[0].load;
  ASSERT_TRUE(load.measured());
  EXPECT_GT(load.smoothed().operations_per_second, 0);
  EXPECT_LT(load.smoothed().busy_fraction, 0.1);
}

}  // namespace
}  // namespace shardd
