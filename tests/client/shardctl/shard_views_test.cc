// Plan: what is computed for the screens about shards, without a daemon: rates between two samples,
// and the drawing of a lineage.
#include <gtest/gtest.h>

#include "client/shardctl/lineage.h"
#include "client/shardctl/shard_rates.h"

namespace shardd::shardctl {
namespace {

v1::Shard Shard(const std::string& id, uint64_t requests, const std::string& thread) {
  v1::Shard shard;
  shard.set_id(id);
  shard.set_requests_total(requests);
  shard.set_thread_id(thread);
  return shard;
}

ShardSample Sample(int second, std::vector<v1::Shard> shards, int busy_ms) {
  ShardSample sample;
  sample.time = absl::UnixEpoch() + absl::Seconds(second);
  sample.shards = std::move(shards);
  sample.threads["t-1"].mutable_busy_time()->set_seconds(busy_ms / 1000);
  sample.threads["t-1"].mutable_busy_time()->set_nanos(busy_ms % 1000 * 1'000'000);
  return sample;
}

TEST(ShardRatesTest, AreWhatCountersRoseBy) {
  const ShardSample earlier =
      Sample(10, {Shard("s-1", 100, "t-1"), Shard("s-2", 5000, "t-2")}, 1000);
  const ShardSample later = Sample(
      12, {Shard("s-1", 300, "t-1"), Shard("s-2", 50, "t-2"), Shard("s-3", 80, "t-3")}, 1500);
  std::vector<ShardRate> rates = RatesBetween(earlier, later);
  ASSERT_EQ(rates.size(), 3u);
  EXPECT_EQ(rates[0].operations_per_second, 100);
  EXPECT_EQ(rates[0].busy, 0.25);
  EXPECT_EQ(rates[1].operations_per_second, 25);  // counts anew: the daemon was started again
  EXPECT_EQ(rates[2].operations_per_second, 40);  // is new
  EXPECT_EQ(rates[2].busy, 0);

  rates[1].shard.set_mailbox_depth(7);
  Sort(RateOrder::kMailbox, rates);
  EXPECT_EQ(rates[0].shard.id(), "s-2");
  EXPECT_EQ(rates[1].shard.id(), "s-1");
  Sort(RateOrder::kOperations, rates);
  EXPECT_EQ(rates[2].shard.id(), "s-2");
}

TEST(ShardRatesTest, NoTimeMeansNoRate) {
  const ShardSample sample = Sample(10, {Shard("s-1", 100, "t-1")}, 1000);
  EXPECT_EQ(RatesBetween(sample, sample)[0].operations_per_second, 0);
}

v1::Route Route(const std::string& shard, int start, int end, const std::string& home = "h0001") {
  v1::Route route;
  route.set_shard_id(shard);
  route.set_start(std::string(1, static_cast<char>(start)) + std::string(15, '\0'));
  if (end != 0) route.set_end(std::string(1, static_cast<char>(end)) + std::string(15, '\0'));
  route.set_home(home);
  return route;
}

void AddChange(uint64_t epoch, v1::OperationKind kind, const std::vector<v1::Route>& removed,
               const std::vector<v1::Route>& added, v1::GetShardLineageResponse& lineage) {
  v1::TableChange& change = *lineage.add_changes();
  change.set_epoch(epoch);
  change.set_kind(kind);
  change.mutable_time()->set_seconds(static_cast<int64_t>(epoch));
  change.set_operation_id("op-" + std::to_string(epoch));
  *change.mutable_removed() = {removed.begin(), removed.end()};
  *change.mutable_added() = {added.begin(), added.end()};
}

std::string Join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// Plan: s-1 splits off s-5, which splits off s-6 and takes it over again, and then moves.
TEST(LineageTest, BranchesMeetWhereTheyParted) {
  v1::GetShardLineageResponse lineage;
  AddChange(5, v1::OPERATION_KIND_REHOME, {Route("s-5", 16, 0)}, {Route("s-5", 16, 0, "h0002")},
            lineage);
  AddChange(4, v1::OPERATION_KIND_MERGE, {Route("s-5", 16, 32), Route("s-6", 32, 0)},
            {Route("s-5", 16, 0)}, lineage);
  AddChange(3, v1::OPERATION_KIND_SPLIT, {Route("s-5", 16, 0)},
            {Route("s-5", 16, 32), Route("s-6", 32, 0)}, lineage);
  AddChange(2, v1::OPERATION_KIND_SPLIT, {Route("s-1", 0, 0)},
            {Route("s-1", 0, 16), Route("s-5", 16, 0)}, lineage);
  EXPECT_EQ(Join(DrawLineage("s-5", lineage)),
            "s-5\n"
            "│ epoch 5: moved from h0001 to h0002  (1970-01-01 00:00:05Z, op-5)\n"
            "│ epoch 4: took over s-6  (1970-01-01 00:00:04Z, op-4)\n"
            "├─ s-6\n"
            "│  │ epoch 3: see there\n"
            "│ epoch 3: gave what lies from 2000000000000000 on to s-6  (1970-01-01 00:00:03Z, "
            "op-3)\n"
            "│ epoch 2: split off from s-1 at 1000000000000000  (1970-01-01 00:00:02Z, op-2)\n"
            "○ s-1 was there from the start\n");
}

TEST(LineageTest, OneThatIsNoMoreBeginsWithItsEnd) {
  v1::GetShardLineageResponse lineage;
  lineage.set_compacted(true);
  AddChange(9, v1::OPERATION_KIND_MERGE, {Route("s-1", 0, 16), Route("s-2", 16, 0)},
            {Route("s-1", 0, 0)}, lineage);
  EXPECT_EQ(Join(DrawLineage("s-2", lineage)),
            "s-2\n"
            "│ epoch 9: ended: merged into s-1  (1970-01-01 00:00:09Z, op-9)\n"
            "○ s-2: older changes are no longer kept\n");
}

// Plan: two shards split and merge again and again; the drawing must not grow faster than that.
TEST(LineageTest, SharedPastIsDrawnOnce) {
  v1::GetShardLineageResponse lineage;
  for (uint64_t epoch = 200; epoch >= 2; epoch -= 2) {
    const std::string child = "s-" + std::to_string(epoch + 100);
    AddChange(epoch + 1, v1::OPERATION_KIND_MERGE, {Route("s-1", 0, 16), Route(child, 16, 0)},
              {Route("s-1", 0, 0)}, lineage);
    AddChange(epoch, v1::OPERATION_KIND_SPLIT, {Route("s-1", 0, 0)},
              {Route("s-1", 0, 16), Route(child, 16, 0)}, lineage);
  }
  EXPECT_LE(DrawLineage("s-1", lineage).size(), 2u + 4 * 100);
}

}  // namespace
}  // namespace shardd::shardctl
