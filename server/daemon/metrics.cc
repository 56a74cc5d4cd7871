#include "server/daemon/metrics.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/daemon/thread_metrics.h"
#include "server/http/metric_text.h"

namespace shardd {
namespace {

using http::MetricFamily;
using http::MetricLabels;
using Families = std::vector<prometheus::MetricFamily>;

void Put(MetricFamily family, Families* families) { families->push_back(std::move(family).Take()); }

void PutGauge(absl::string_view name, absl::string_view help, double value, Families* families) {
  MetricFamily family = MetricFamily::Gauge(name, help);
  family.Add(value);
  Put(std::move(family), families);
}

void PutCounter(absl::string_view name, absl::string_view help, double value, Families* families) {
  MetricFamily family = MetricFamily::Counter(name, help);
  family.Add(value);
  Put(std::move(family), families);
}

void PutBuild(const Version& version, Families* families) {
  MetricFamily family =
      MetricFamily::Gauge("shardd_build_info", "What this daemon was made from; always 1.");
  family.Add(1, {{"version", std::string(version.version)},
                 {"commit", std::string(version.commit)},
                 {"grpc", std::string(version.grpc)},
                 {"rocksdb", std::string(version.rocksdb)}});
  Put(std::move(family), families);
}

void PutProcess(const ProcessUsage& process, Families* families) {
  PutCounter("process_cpu_seconds_total", "Processor time used, user and system.",
             absl::ToDoubleSeconds(process.cpu_time), families);
  PutGauge("process_resident_memory_bytes", "Memory that is in RAM.",
           static_cast<double>(process.resident_bytes), families);
  PutGauge("process_open_fds", "Open file descriptors.", static_cast<double>(process.open_files),
           families);
  PutGauge("process_start_time_seconds", "When the daemon started, since 1970.",
           absl::ToDoubleSeconds(process.start_time - absl::UnixEpoch()), families);
}

MetricLabels LabelsOf(const rpc::MethodCounts& calls) {
  return {
      {"grpc_service", calls.service}, {"grpc_method", calls.method}, {"grpc_type", calls.type}};
}

// The names that gRPC's usual dashboards and alerts look for.
void PutCalls(const std::vector<rpc::MethodCounts>& calls, Families* families) {
  MetricFamily started = MetricFamily::Counter("grpc_server_started_total", "Calls begun.");
  MetricFamily handled =
      MetricFamily::Counter("grpc_server_handled_total", "Calls ended, by status code.");
  MetricFamily handling =
      MetricFamily::Histogram("grpc_server_handling_seconds", "How long calls took.");
  for (const rpc::MethodCounts& method : calls) {
    started.Add(static_cast<double>(method.started), LabelsOf(method));
    handling.Add(http::HistogramOf(rpc::kHandlingBuckets, method.buckets, method.handling_sum),
                 LabelsOf(method));
    for (size_t code = 0; code < method.handled.size(); ++code) {
      // OK is there from the start, so that a ratio of errors has its denominator.
      if (method.handled[code] == 0 && code != 0) continue;
      MetricLabels labels = LabelsOf(method);
      labels.push_back({"grpc_code", rpc::CodeName(code)});
      handled.Add(static_cast<double>(method.handled[code]), std::move(labels));
    }
  }
  Put(std::move(started), families);
  Put(std::move(handled), families);
  Put(std::move(handling), families);
}

void PutStorage(const MetricsSnapshot& snapshot, Families* families) {
  PutGauge("shardd_storage_healthy", "1 while commits work; 0 after a failure, until a restart.",
           snapshot.storage_healthy ? 1 : 0, families);
  PutGauge("shardd_disk_full", "1 while writes are refused for want of disk space.",
           snapshot.disk_full ? 1 : 0, families);
  if (!snapshot.space.has_value()) return;
  PutGauge("shardd_disk_free_bytes", "Free space on the disk of the data folder.",
           static_cast<double>(snapshot.space->free_bytes), families);
  PutGauge("shardd_disk_used_bytes", "Space used by the data folder.",
           static_cast<double>(snapshot.space->used_bytes), families);
}

// One row of the series by shard.
struct ShardRow {
  std::string name;
  uint64_t mailbox_depth = 0;
  absl::Duration mailbox_oldest;
  uint64_t requests = 0;
  uint64_t batches = 0;
  absl::Duration busy_time;
  MessageStatus messages;
};

void Add(const MessageStatus& more, MessageStatus& sum) {
  sum.counts.sent += more.counts.sent;
  sum.counts.delivered += more.counts.delivered;
  sum.counts.received += more.counts.received;
  sum.counts.redelivered += more.counts.redelivered;
  sum.counts.acknowledged += more.counts.acknowledged;
  sum.counts.undeliverable += more.counts.undeliverable;
  sum.outbox_count += more.outbox_count;
  sum.outbox_oldest = std::min(sum.outbox_oldest, more.outbox_oldest);
  sum.undeliverable_count += more.undeliverable_count;
}

std::vector<ShardRow> RowsOf(const MetricsSnapshot& snapshot) {
  std::map<ThreadId, const ThreadStatus*> threads;
  for (const ThreadStatus& thread : snapshot.threads) threads[thread.id] = &thread;
  std::vector<ShardRow> rows;
  for (const ShardStatus& shard : snapshot.shards) {
    ShardRow& row = rows.emplace_back();
    row.name = ToText(shard.route.shard);
    row.mailbox_depth = shard.mailbox_depth;
    row.requests = shard.requests_total;
    row.batches = shard.batches_total;
    row.messages = shard.messages;
    const auto thread = threads.find(shard.thread);
    if (thread == threads.end()) continue;  // begun since the threads were listed
    row.mailbox_oldest = thread->second->queue_oldest_age;
    row.busy_time = thread->second->busy_time;
  }
  // By name where equal, so that idle shards do not change places.
  std::sort(rows.begin(), rows.end(), [](const ShardRow& a, const ShardRow& b) {
    return a.requests != b.requests ? a.requests > b.requests : a.name < b.name;
  });
  if (rows.size() <= kShardsNamedMax) return rows;
  ShardRow other;
  other.name = "other";
  for (size_t i = kShardsNamedMax; i < rows.size(); ++i) {
    other.mailbox_depth += rows[i].mailbox_depth;
    other.mailbox_oldest = std::max(other.mailbox_oldest, rows[i].mailbox_oldest);
    other.requests += rows[i].requests;
    other.batches += rows[i].batches;
    other.busy_time += rows[i].busy_time;
    Add(rows[i].messages, other.messages);
  }
  rows.resize(kShardsNamedMax);
  rows.push_back(std::move(other));
  return rows;
}

void PutMessages(const std::vector<ShardRow>& rows, absl::Time now, Families* families) {
  struct Count {
    absl::string_view name;
    absl::string_view help;
    uint64_t MessageCounts::*count;
  };
  constexpr Count kCounts[] = {
      {"shardd_messages_sent_total", "Messages stored with their senders' commits.",
       &MessageCounts::sent},
      {"shardd_messages_delivered_total", "Messages taken into the mailboxes of accounts.",
       &MessageCounts::delivered},
      {"shardd_messages_received_total", "Messages handed to consumers, each time.",
       &MessageCounts::received},
      {"shardd_messages_redelivered_total",
       "Messages handed to consumers not for the first time.", &MessageCounts::redelivered},
      {"shardd_messages_acknowledged_total",
       "Messages acknowledged with their receivers' commits.", &MessageCounts::acknowledged},
      {"shardd_messages_undeliverable_total", "Messages that became undeliverable.",
       &MessageCounts::undeliverable},
  };
  for (const auto& [name, help, count] : kCounts) {
    MetricFamily family = MetricFamily::Counter(name, help);
    for (const ShardRow& row : rows) {
      family.Add(static_cast<double>(row.messages.counts.*count), {{"shard", row.name}});
    }
    Put(std::move(family), families);
  }
  MetricFamily undelivered = MetricFamily::Gauge(
      "shardd_messages_undelivered", "Messages sent that are not known to be in their mailboxes.");
  MetricFamily oldest = MetricFamily::Gauge("shardd_messages_undelivered_oldest_seconds",
                                            "How long ago the oldest of these was sent.");
  MetricFamily kept = MetricFamily::Gauge("shardd_undeliverable_messages",
                                          "Undeliverable messages that are kept.");
  for (const ShardRow& row : rows) {
    const absl::Duration age =
        std::max(now - std::min(row.messages.outbox_oldest, now), absl::ZeroDuration());
    undelivered.Add(static_cast<double>(row.messages.outbox_count), {{"shard", row.name}});
    oldest.Add(absl::ToDoubleSeconds(age), {{"shard", row.name}});
    kept.Add(static_cast<double>(row.messages.undeliverable_count), {{"shard", row.name}});
  }
  Put(std::move(undelivered), families);
  Put(std::move(oldest), families);
  Put(std::move(kept), families);
}

void PutWorkers(const MetricsSnapshot& snapshot, Families* families) {
  MetricFamily depth =
      MetricFamily::Gauge("shardd_mailbox_depth", "Requests waiting for their worker.");
  MetricFamily oldest =
      MetricFamily::Gauge("shardd_mailbox_oldest_seconds",
                          "How long the oldest request that waits for its worker has waited.");
  MetricFamily busy =
      MetricFamily::Counter("shardd_worker_busy_seconds_total", "Time workers spent in turns.");
  MetricFamily requests =
      MetricFamily::Counter("shardd_worker_requests_total", "Requests run by workers.");
  MetricFamily batches =
      MetricFamily::Counter("shardd_worker_batches_total", "Write batches committed by workers.");
  const std::vector<ShardRow> rows = RowsOf(snapshot);
  for (const ShardRow& row : rows) {
    depth.Add(static_cast<double>(row.mailbox_depth), {{"shard", row.name}});
    oldest.Add(absl::ToDoubleSeconds(row.mailbox_oldest), {{"shard", row.name}});
    busy.Add(absl::ToDoubleSeconds(row.busy_time), {{"shard", row.name}});
    requests.Add(static_cast<double>(row.requests), {{"shard", row.name}});
    batches.Add(static_cast<double>(row.batches), {{"shard", row.name}});
  }
  Put(std::move(depth), families);
  Put(std::move(oldest), families);
  Put(std::move(busy), families);
  Put(std::move(requests), families);
  Put(std::move(batches), families);
  PutMessages(rows, snapshot.now, families);
}

void PutMailboxWaits(const MailboxWaits& waited, Families* families) {
  MetricFamily waits = MetricFamily::Histogram(
      "shardd_mailbox_wait_seconds",
      "How long requests waited in the mailboxes of their workers; all of one turn count as having "
      "waited as long as the oldest of them.");
  waits.Add(http::HistogramOf(kMailboxWaitBuckets, waited.buckets, waited.sum), {});
  Put(std::move(waits), families);
}

void PutShards(const MetricsSnapshot& snapshot, Families* families) {
  uint64_t accounts = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;
  for (const ShardStatus& shard : snapshot.shards) {
    accounts += shard.stats.account_count;
    entries += shard.stats.entry_count;
    bytes += shard.stats.byte_count;
  }
  PutShardSeries(snapshot.shard_series, snapshot.shards.size(), families);
  PutGauge("shardd_routing_epoch", "Epoch of the routing table.",
           static_cast<double>(snapshot.epoch.value), families);
  PutCounter("shardd_stale_routes_total",
             "Requests refused with STALE_EPOCH: they were routed by another table than the one in "
             "force.",
             static_cast<double>(snapshot.stale_routes), families);
  PutGauge("shardd_accounts", "Accounts.", static_cast<double>(accounts), families);
  PutGauge("shardd_entries", "Entries of all accounts.", static_cast<double>(entries), families);
  PutGauge("shardd_account_bytes", "Bytes of keys and values of all accounts.",
           static_cast<double>(bytes), families);
}

}  // namespace

std::vector<prometheus::MetricFamily> MetricFamiliesOf(const MetricsSnapshot& snapshot) {
  Families families;
  PutBuild(snapshot.version, &families);
  PutProcess(snapshot.process, &families);
  PutStorage(snapshot, &families);
  PutShards(snapshot, &families);
  for (prometheus::MetricFamily& family : ThreadMetricFamiliesOf(
           {snapshot.threads, snapshot.thread_stalls, snapshot.thread_cpu_time})) {
    families.push_back(std::move(family));
  }
  PutWorkers(snapshot, &families);
  PutMailboxWaits(snapshot.mailbox_waits, &families);
  if (snapshot.balancer.has_value()) PutBalancing(*snapshot.balancer, &families);
  PutCalls(snapshot.calls, &families);
  return families;
}

}  // namespace shardd
