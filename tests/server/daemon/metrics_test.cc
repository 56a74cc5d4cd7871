#include "server/daemon/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/http/metric_text.h"

namespace shardd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string TextOf(const MetricsSnapshot& snapshot) {
  return http::ToPrometheusText(MetricFamiliesOf(snapshot));
}

ShardStatus Shard(uint64_t id, uint64_t requests) {
  ShardStatus shard;
  shard.route.shard = ShardId{id};
  shard.thread = ThreadId{id};
  shard.stats.account_count = 10;
  shard.mailbox_depth = 2;
  shard.requests_total = requests;
  shard.batches_total = 1;
  return shard;
}

// Plan: a daemon with a few of everything; spot-check each family.
TEST(MetricsTest, TellsEverythingOfTheSnapshot) {
  MetricsSnapshot snapshot;
  snapshot.version = ThisVersion();
  snapshot.process.start_time = absl::UnixEpoch() + absl::Seconds(100);
  snapshot.storage_healthy = true;
  snapshot.space = storage::SpaceUsage{.free_bytes = 1000, .used_bytes = 10};
  snapshot.epoch = TableEpoch{7};
  snapshot.stale_routes = 9;
  snapshot.shards = {Shard(1, 5), Shard(2, 6)};
  snapshot.now = absl::UnixEpoch() + absl::Seconds(500);
  snapshot.shards[0].messages = {{.sent = 11,
                                  .delivered = 12,
                                  .received = 13,
                                  .redelivered = 14,
                                  .acknowledged = 15,
                                  .undeliverable = 16},
                                 /*outbox_count=*/17,
                                 /*outbox_oldest=*/snapshot.now - absl::Seconds(18),
                                 /*undeliverable_count=*/19};
  snapshot.mailbox_waits.buckets[1] = 4;
  snapshot.mailbox_waits.buckets.back() = 1;
  snapshot.mailbox_waits.sum = absl::Seconds(12);
  ThreadStatus thread;
  thread.id = ThreadId{1};
  thread.role = ThreadRole::kWorker;
  thread.state = ThreadState::kRunning;
  thread.busy_time = absl::Milliseconds(1500);
  thread.queue_oldest_age = absl::Milliseconds(250);
  snapshot.threads.push_back(thread);
  rpc::MethodCounts get;
  get.service = "shardd.v1.StateService";
  get.method = "Get";
  get.type = "unary";
  get.started = 4;
  get.handled[0] = 2;
  get.handled[5] = 1;
  get.buckets[0] = 2;
  get.buckets.back() = 1;
  get.handling_sum = absl::Seconds(40);
  snapshot.calls.push_back(get);

  const std::string text = TextOf(snapshot);
  const std::string labels =
      "{grpc_service=\"shardd.v1.StateService\",grpc_method=\"Get\",grpc_type=\"unary\"";
  for (const std::string& line : {
           std::string("shardd_shards{state=\"active\"} 2\n"),
           std::string("shardd_routing_epoch 7\n"),
           std::string("shardd_stale_routes_total 9\n"),
           std::string("shardd_accounts 20\n"),
           std::string("shardd_storage_healthy 1\n"),
           std::string("shardd_disk_free_bytes 1000\n"),
           std::string("shardd_mailbox_depth{shard=\"s-0001\"} 2\n"),
           std::string("shardd_mailbox_oldest_seconds{shard=\"s-0001\"} 0.25\n"),
           std::string("shardd_mailbox_oldest_seconds{shard=\"s-0002\"} 0\n"),
           std::string("shardd_mailbox_wait_seconds_bucket{le=\"5e-05\"} 0\n"),
           std::string("shardd_mailbox_wait_seconds_bucket{le=\"10\"} 4\n"),
           std::string("shardd_mailbox_wait_seconds_bucket{le=\"+Inf\"} 5\n"),
           std::string("shardd_mailbox_wait_seconds_sum 12\n"),
           std::string("shardd_worker_busy_seconds_total{shard=\"s-0001\"} 1.5\n"),
           std::string("shardd_worker_requests_total{shard=\"s-0002\"} 6\n"),
           std::string("shardd_worker_batches_total{shard=\"s-0002\"} 1\n"),
           std::string("shardd_messages_sent_total{shard=\"s-0001\"} 11\n"),
           std::string("shardd_messages_delivered_total{shard=\"s-0001\"} 12\n"),
           std::string("shardd_messages_received_total{shard=\"s-0001\"} 13\n"),
           std::string("shardd_messages_redelivered_total{shard=\"s-0001\"} 14\n"),
           std::string("shardd_messages_acknowledged_total{shard=\"s-0001\"} 15\n"),
           std::string("shardd_messages_undeliverable_total{shard=\"s-0001\"} 16\n"),
           std::string("shardd_messages_undelivered{shard=\"s-0001\"} 17\n"),
           std::string("shardd_messages_undelivered_oldest_seconds{shard=\"s-0001\"} 18\n"),
           std::string("shardd_messages_undelivered_oldest_seconds{shard=\"s-0002\"} 0\n"),
           std::string("shardd_undeliverable_messages{shard=\"s-0001\"} 19\n"),
           std::string("shardd_threads{role=\"worker\",state=\"running\"} 1\n"),
           std::string("shardd_threads{role=\"poller\",state=\"stalled\"} 0\n"),
           std::string("process_start_time_seconds 100\n"),
           absl::StrCat("grpc_server_started_total", labels, "} 4\n"),
           absl::StrCat("grpc_server_handled_total", labels, ",grpc_code=\"OK\"} 2\n"),
           absl::StrCat("grpc_server_handled_total", labels, ",grpc_code=\"NotFound\"} 1\n"),
           absl::StrCat("grpc_server_handling_seconds_count", labels, "} 3\n"),
           absl::StrCat("grpc_server_handling_seconds_sum", labels, "} 40\n"),
           absl::StrCat("grpc_server_handling_seconds_bucket", labels, ",le=\"30\"} 2\n"),
           absl::StrCat("grpc_server_handling_seconds_bucket", labels, ",le=\"+Inf\"} 3\n"),
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, HasSubstr("shardd_build_info{version="));
}

// Plan: more shards than may be named; the busiest keep their names, the rest are one sum, and no
// request is lost or counted twice.
TEST(MetricsTest, OnlyTheBusiestShardsAreNamed) {
  MetricsSnapshot snapshot;
  snapshot.now = absl::UnixEpoch() + absl::Seconds(500);
  const uint64_t shards = kShardsNamedMax + 5;
  for (uint64_t id = 1; id <= shards; ++id) {
    snapshot.shards.push_back(Shard(id, 100 + id));
    snapshot.shards.back().messages.counts.sent = id;
    snapshot.shards.back().messages.outbox_oldest = snapshot.now - absl::Seconds(id);
    ThreadStatus& thread = snapshot.threads.emplace_back();
    thread.id = ThreadId{id};
    thread.queue_oldest_age = absl::Seconds(id % 4);
  }
  const std::string text = TextOf(snapshot);
  EXPECT_THAT(text, HasSubstr("shardd_worker_requests_total{shard=\"other\"} 515\n"));  // 101 … 105
  EXPECT_THAT(text, HasSubstr("shardd_mailbox_depth{shard=\"other\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("shardd_messages_sent_total{shard=\"other\"} 15\n"));  // 1 … 5
  EXPECT_THAT(text, HasSubstr("shardd_messages_undelivered_oldest_seconds{shard=\"other\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("shardd_mailbox_oldest_seconds{shard=\"other\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("shardd_worker_requests_total{shard=\"s-0006\"} 106\n"));
  EXPECT_THAT(text, Not(HasSubstr("shard=\"s-0005\"")));

  snapshot.shards.resize(kShardsNamedMax);
  EXPECT_THAT(TextOf(snapshot), Not(HasSubstr("\"other\"")));
}

// Plan: before the data folder is open there is nothing to tell of it, and the page still works.
TEST(MetricsTest, WorksBeforeTheDataFolderIsOpen) {
  const std::string text = TextOf({});
  EXPECT_THAT(text, HasSubstr("shardd_storage_healthy 0\n"));
  EXPECT_THAT(text, HasSubstr("shardd_shards{state=\"active\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("shardd_disk_free_bytes")));
}

// Plan: hold every name against Prometheus' rules: one family each, a help text, a known prefix,
// and "_total" on counters alone.
TEST(MetricsTest, NamesKeepTheRules) {
  MetricsSnapshot snapshot;
  snapshot.balancer.emplace();
  std::set<std::string> names;
  for (const prometheus::MetricFamily& family : MetricFamiliesOf(snapshot)) {
    SCOPED_TRACE(family.name);
    EXPECT_TRUE(names.insert(family.name).second);
    EXPECT_FALSE(family.help.empty());
    EXPECT_THAT(family.name, ::testing::MatchesRegex("(shardd|grpc_server|process)_[a-z_]+"));
    EXPECT_EQ(absl::EndsWith(family.name, "_total"),
              family.type == prometheus::MetricType::Counter);
  }
}

}  // namespace
}  // namespace shardd
