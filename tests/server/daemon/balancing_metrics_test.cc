// Plan: series made by hand, as the page has them; then those of a balancer over shards in the
// test's hands, before its first round, after it, paused and switched off.
#include "server/daemon/balancing_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/http/metric_text.h"
#include "storage/memory_store.h"
#include "tests/server/runtime/balancing_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string PageOf(const BalancingSeries& series) {
  std::vector<prometheus::MetricFamily> families;
  PutBalancing(series, &families);
  return http::ToPrometheusText(families);
}

TEST(BalancingMetricsTest, TellsEverythingOfTheSeries) {
  BalancingSeries series;
  series.paused = true;
  series.max_over_mean = 1.5;
  series.loads = {{"s-0002", 0.75}, {"s-0001", 0.25}};
  series.decisions[{DecisionKind::kSplit, DecisionReason::kTooHot}] = 3;
  series.decisions[{DecisionKind::kNothing, DecisionReason::kWithinThreshold}] = 400;
  const std::string text = PageOf(series);
  for (const char* line : {
           "shardd_balancer_paused 1\n",
           "shardd_shards_load_max_over_mean 1.5\n",
           "shardd_shard_load{shard=\"s-0002\"} 0.75\n",
           "shardd_shard_load{shard=\"s-0001\"} 0.25\n",
           "shardd_balancer_decisions_total{kind=\"split\",reason=\"too_hot\"} 3\n",
           "shardd_balancer_decisions_total{kind=\"nothing\",reason=\"within_threshold\"} 400\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(PageOf(BalancingSeries()), HasSubstr("shardd_balancer_paused 0\n"));
}

class BalancingSeriesTest : public testing::Test {
 protected:
  void Load(bool enabled) {
    auto loaded = Balancer::Load({.enabled = enabled},
                                 {.store = store_,
                                  .clock = clock_,
                                  .threads = threads_,
                                  .look = [this] { return shards_.View(); },
                                  .submit = [](const CoordinatorRequest&) { return Nothing(); },
                                  .on_storage_failure = [](const absl::Status&) {}});
    ASSERT_THAT(loaded, IsOk());
    balancer_ = *std::move(loaded);
  }
  static absl::Status Nothing() { return absl::OkStatus(); }

  std::string Page() const { return PageOf(BalancingSeriesOf(*balancer_, clock_.Now())); }

  // A round in which the third shard has twice the load of the second, and the others none.
  void RunRound() {
    shards_.Load(ShardId{2}, 16'000);
    shards_.Load(ShardId{3}, 32'000);
    clock_.Advance(absl::Seconds(5));
    balancer_->RunRound();
  }

  FakeClock clock_;
  storage::MemoryStore store_;
  ThreadRegistry threads_{clock_};
  FakeShards shards_{kShardLoadsNamedMax + 5};
  std::unique_ptr<Balancer> balancer_;
};

// Plan: loads are known from the second round on.
TEST_F(BalancingSeriesTest, FollowsTheRounds) {
  constexpr char kStarted[] =
      "shardd_balancer_decisions_total{kind=\"nothing\",reason=\"just_started\"} ";
  Load(/*enabled=*/true);
  EXPECT_THAT(Page(), Not(HasSubstr("shard=")));
  EXPECT_THAT(Page(), Not(HasSubstr("reason=")));
  RunRound();
  EXPECT_THAT(Page(), HasSubstr(absl::StrCat(kStarted, 25, "\n")));
  RunRound();
  EXPECT_THAT(Page(), HasSubstr(absl::StrCat(kStarted, 50, "\n")));
  const BalancingSeries series = BalancingSeriesOf(*balancer_, clock_.Now());
  ASSERT_EQ(series.loads.size(), kShardLoadsNamedMax);
  EXPECT_EQ(series.loads[0].first, "s-0003");
  EXPECT_EQ(series.loads[1].first, "s-0002");
  EXPECT_EQ(series.loads[2].first, "s-0001") << "idle ones by name";
  EXPECT_GT(series.loads[1].second, 0);
  EXPECT_DOUBLE_EQ(series.loads[0].second, 2 * series.loads[1].second);
  EXPECT_DOUBLE_EQ(series.max_over_mean, 2 / 1.5) << "idle ones do not count";
}

// Plan: the page says so while a pause lasts, however it ends.
TEST_F(BalancingSeriesTest, FollowsPauses) {
  Load(/*enabled=*/true);
  EXPECT_THAT(Page(), HasSubstr("shardd_balancer_paused 0\n"));
  const absl::Time until = clock_.Now() + absl::Minutes(1);
  balancer_->PauseUntil(until, [](const absl::Status& status) { EXPECT_THAT(status, IsOk()); });
  EXPECT_THAT(Page(), HasSubstr("shardd_balancer_paused 1\n"));
  clock_.Advance(absl::Minutes(1));
  EXPECT_THAT(Page(), HasSubstr("shardd_balancer_paused 0\n"));
  Load(/*enabled=*/false);
  EXPECT_THAT(Page(), HasSubstr("shardd_balancer_paused 1\n"));
}

}  // namespace
}  // namespace shardd
