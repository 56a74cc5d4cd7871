// Plan: let operations run, end and be forgotten between looks, and hold the series against what
// happened.
#include "server/daemon/shard_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/http/metric_text.h"

namespace shardd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kStart = absl::UnixEpoch() + absl::Seconds(100);

OperationRecord Ended(uint64_t id, OperationKind kind, OperationState state, absl::Duration pause) {
  OperationRecord operation;
  operation.id = OperationId{id};
  operation.kind = kind;
  operation.state = state;
  operation.create_time = kStart;
  operation.end_time = kStart + absl::Seconds(1);
  operation.change.emplace();
  operation.change->epoch = TableEpoch{id};
  operation.change->pause = pause;
  return operation;
}

std::string TextOf(const ShardSeries& series, size_t shards) {
  std::vector<prometheus::MetricFamily> families;
  PutShardSeries(series, shards, &families);
  return http::ToPrometheusText(families);
}

TEST(OperationTallyTest, CountsEachEndOnceAndForgetsNone) {
  OperationTally tally(kStart);
  OperationTable operations;
  const auto add = [&operations](const OperationRecord& operation) {
    operations[operation.id] = operation;
  };
  add(Ended(1, OperationKind::kSplit, OperationState::kSucceeded, absl::Milliseconds(3)));
  operations[OperationId{1}].end_time = kStart - absl::Seconds(1);  // of an earlier run
  add(Ended(2, OperationKind::kSplit, OperationState::kSucceeded, absl::Milliseconds(3)));
  add(Ended(3, OperationKind::kSplit, OperationState::kRunning, absl::ZeroDuration()));
  tally.Look(operations);
  // The third ends, and the second is forgotten.
  operations.erase(OperationId{2});
  add(Ended(3, OperationKind::kSplit, OperationState::kSucceeded, absl::Seconds(5)));
  add(Ended(4, OperationKind::kMerge, OperationState::kFailed, absl::ZeroDuration()));
  operations[OperationId{4}].change->epoch = TableEpoch{};  // nothing was changed
  tally.Look(operations);
  const EndedOperations ended = tally.Look(operations);

  using Key = std::pair<OperationKind, OperationState>;
  EXPECT_EQ(ended.counts.at(Key(OperationKind::kSplit, OperationState::kSucceeded)), 2u);
  EXPECT_EQ(ended.counts.at(Key(OperationKind::kMerge, OperationState::kFailed)), 1u);
  EXPECT_EQ(ended.pauses.count(OperationKind::kMerge), 0u);
  const PauseSeries& pauses = ended.pauses.at(OperationKind::kSplit);
  EXPECT_EQ(pauses.buckets[3], 1u);  // up to 5 ms
  EXPECT_EQ(pauses.buckets.back(), 1u);
  EXPECT_EQ(pauses.sum, absl::Milliseconds(5003));
  EXPECT_EQ(pauses.newest, absl::Seconds(5));
}

// Plan: one begun by an earlier run, one that the clock was set back under, one that failed, and
// one that is no change of a shard.
TEST(OperationTallyTest, TimesEachChangeFromItsRecordToItsEnd) {
  OperationTally tally(kStart);
  OperationTable operations;
  const auto add = [&operations](OperationRecord operation, absl::Duration time) {
    operation.create_time = operation.end_time - time;
    operations[operation.id] = operation;
  };
  constexpr auto kSucceeded = OperationState::kSucceeded;
  add(Ended(1, OperationKind::kRehome, kSucceeded, absl::ZeroDuration()), absl::Minutes(30));
  add(Ended(2, OperationKind::kRehome, kSucceeded, absl::ZeroDuration()), absl::Minutes(-30));
  add(Ended(3, OperationKind::kRehome, OperationState::kFailed, absl::ZeroDuration()),
      absl::Hours(25));
  add(Ended(4, OperationKind::kVerify, kSucceeded, absl::ZeroDuration()), absl::Hours(1));
  ShardSeries series;
  series.ended = tally.Look(operations);
  const std::string text = TextOf(series, 1);
  const std::string name = "shardd_shard_change_seconds_";
  for (const char* line : {
           "bucket{kind=\"rehome\",state=\"succeeded\",le=\"0.01\"} 1\n",
           "bucket{kind=\"rehome\",state=\"succeeded\",le=\"900\"} 1\n",
           "bucket{kind=\"rehome\",state=\"succeeded\",le=\"3600\"} 2\n",
           "sum{kind=\"rehome\",state=\"succeeded\"} 1800\n",
           "bucket{kind=\"rehome\",state=\"failed\",le=\"86400\"} 0\n",
           "bucket{kind=\"rehome\",state=\"failed\",le=\"+Inf\"} 1\n",
           "count{kind=\"merge\",state=\"cancelled\"} 0\n",
       }) {
    EXPECT_THAT(text, HasSubstr(name + line));
  }
  EXPECT_THAT(text, Not(HasSubstr(name + "count{kind=\"verify\"")));
}

TEST(ShardSeriesTest, TellsEverything) {
  ShardSeries series;
  series.paused = 1;
  series.splitting = 2;
  series.pinned = 3;
  series.homes = 4;
  series.contradictions = 5;
  series.running[OperationKind::kRehome] = 6;
  series.ended.counts[{OperationKind::kVerify, OperationState::kFailed}] = 7;
  PauseSeries& pauses = series.ended.pauses[OperationKind::kSplit];
  pauses.buckets[1] = 8;
  pauses.buckets.back() = 1;
  pauses.sum = absl::Seconds(4);
  pauses.newest = absl::Milliseconds(1);
  const std::string text = TextOf(series, 10);
  for (const char* line : {
           "shardd_shards{state=\"active\"} 7\n",
           "shardd_shards{state=\"paused\"} 1\n",
           "shardd_shards{state=\"splitting\"} 2\n",
           "shardd_shards{state=\"merging\"} 0\n",
           "shardd_shards_pinned 3\n",
           "shardd_homes 4\n",
           "shardd_shard_contradictions 5\n",
           "shardd_operations_running{kind=\"rehome\"} 6\n",
           "shardd_operations_running{kind=\"split\"} 0\n",
           "shardd_operations_ended_total{kind=\"verify\",state=\"failed\"} 7\n",
           "shardd_operations_ended_total{kind=\"split\",state=\"succeeded\"} 0\n",
           "shardd_shard_change_pause_seconds_bucket{kind=\"split\",le=\"0.001\"} 8\n",
           "shardd_shard_change_pause_seconds_bucket{kind=\"split\",le=\"2\"} 8\n",
           "shardd_shard_change_pause_seconds_bucket{kind=\"split\",le=\"+Inf\"} 9\n",
           "shardd_shard_change_pause_seconds_sum{kind=\"split\"} 4\n",
           "shardd_shard_change_pause_seconds_count{kind=\"merge\"} 0\n",
           "shardd_shard_change_newest_pause_seconds{kind=\"split\"} 0.001\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  // More is going on than there are shards: one of the two was read later.
  EXPECT_THAT(TextOf(series, 2), HasSubstr("shardd_shards{state=\"active\"} 0\n"));
}

}  // namespace
}  // namespace shardd
