#include "server/load_balancing_service/balancing_snapshot.h"

#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/load_balancing_service/limits.h"
#include "server/load_balancing_service/value_codec.h"

namespace shardd {
namespace {

constexpr uint8_t kSnapshotVersion = 2;

void PutSummary(ByteWriter& writer, const LoadSummary& summary) {
  PutTime(writer, summary.since);
  writer.Varint(summary.checks.size());
  for (const LoadCheck& check : summary.checks) {
    PutTime(writer, check.at);
    PutRate(writer, check.own);
    PutRate(writer, check.smoothed);
  }
  PutRate(writer, summary.peak);
}

LoadSummary GetSummary(ByteReader& reader) {
  LoadSummary summary;
  summary.since = GetTime(reader);
  for (uint64_t left = GetCount(reader); left > 0 && reader.ok(); --left) {
    LoadCheck check;
    check.at = GetTime(reader);
    check.own = GetRate(reader);
    check.smoothed = GetRate(reader);
    summary.checks.push_back(check);
  }
  summary.peak = GetRate(reader);
  return summary;
}

void PutSample(ByteWriter& writer, const SplitSample& sample) {
  PutTime(writer, sample.since);
  PutTime(writer, sample.until);
  writer.Varint(sample.requests).Varint(sample.candidates.size());
  for (const SplitCandidate& candidate : sample.candidates) {
    PutAccount(writer, candidate.account);
    PutKey(writer, candidate.key);
    writer.Varint(candidate.left)
        .Varint(candidate.at)
        .Varint(candidate.right)
        .Varint(candidate.contained);
  }
}

SplitSample GetSample(ByteReader& reader) {
  SplitSample sample;
  sample.since = GetTime(reader);
  sample.until = GetTime(reader);
  sample.requests = reader.Varint();
  for (uint64_t left = GetCount(reader); left > 0 && reader.ok(); --left) {
    SplitCandidate candidate;
    candidate.account = GetAccount(reader);
    candidate.key = GetKey(reader);
    candidate.left = reader.Varint();
    candidate.at = reader.Varint();
    candidate.right = reader.Varint();
    candidate.contained = reader.Varint();
    sample.candidates.push_back(std::move(candidate));
  }
  return sample;
}

void PutShard(ByteWriter& writer, const ShardSnapshot& shard, const SplitSample& sample) {
  writer.Varint(shard.route.shard.value).Varint(shard.route.home.number);
  PutKey(writer, shard.route.range.start);
  PutOptionalKey(writer, shard.route.range.end);
  PutSummary(writer, shard.load);
  PutSample(writer, sample);
  writer.Varint(shard.bytes_stored);
  PutTime(writer, shard.last_change);
  PutTime(writer, shard.last_split);
  PutTime(writer, shard.pinned_until);
  writer.Byte(shard.changing);
}

ShardSnapshot GetShard(ByteReader& reader) {
  ShardSnapshot shard;
  shard.route.shard = ShardId{reader.Varint()};
  shard.route.home = storage::Family{GetUint32(reader)};
  shard.route.range.start = GetKey(reader);
  shard.route.range.end = GetOptionalKey(reader);
  shard.load = GetSummary(reader);
  shard.sample = GetSample(reader);
  shard.bytes_stored = reader.Varint();
  shard.last_change = GetTime(reader);
  shard.last_split = GetTime(reader);
  shard.pinned_until = GetTime(reader);
  shard.changing = reader.Byte() != 0;
  return shard;
}

}  // namespace

void PutRate(ByteWriter& writer, const LoadRate& rate) {
  PutDouble(writer, rate.operations_per_second);
  PutDouble(writer, rate.busy_fraction);
  PutDuration(writer, rate.mailbox_wait);
  PutDouble(writer, rate.bytes_per_second);
}

LoadRate GetRate(ByteReader& reader) {
  LoadRate rate;
  rate.operations_per_second = GetDouble(reader);
  rate.busy_fraction = GetDouble(reader);
  rate.mailbox_wait = GetDuration(reader);
  rate.bytes_per_second = GetDouble(reader);
  return rate;
}

std::string BalancingSnapshot::Encode(bool samples) const {
  const SplitSample none;
  ByteWriter writer;
  writer.Byte(kSnapshotVersion);
  PutTime(writer, now);
  PutTime(writer, started_at);
  writer.Varint(epoch.value);
  PutTime(writer, paused_until);
  writer.Varint(changes_running);
  PutConfig(writer, config);
  writer.Varint(shards.size());
  for (const ShardSnapshot& shard : shards) PutShard(writer, shard, samples ? shard.sample : none);
  return writer.Take();
}

absl::StatusOr<BalancingSnapshot> BalancingSnapshot::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  BalancingSnapshot snapshot;
  snapshot.now = GetTime(reader);
  snapshot.started_at = GetTime(reader);
  snapshot.epoch = TableEpoch{reader.Varint()};
  snapshot.paused_until = GetTime(reader);
  snapshot.changes_running = GetUint32(reader);
  snapshot.config = GetConfig(reader);
  for (uint64_t left = GetCount(reader); left > 0 && reader.ok(); --left) {
    snapshot.shards.push_back(GetShard(reader));
  }
  if (version != kSnapshotVersion || !reader.Done()) {
    return Error(Reason::kStorageCorrupt, "a snapshot of the balancer cannot be read");
  }
  return snapshot;
}

absl::Status Validate(const BalancingSnapshot& snapshot) {
  SHARDD_RETURN_IF_ERROR(Validate(snapshot.config));
  std::vector<Route> routes;
  for (const ShardSnapshot& shard : snapshot.shards) {
    if (shard.sample.candidates.size() > limits::kSplitCandidates ||
        shard.load.checks.size() > limits::kLoadChecksKept) {
      return absl::InvalidArgumentError("a shard has more measurements than a shard may have");
    }
    routes.push_back(shard.route);
  }
  return RouteTable::Make(snapshot.epoch, std::move(routes)).status();
}

}  // namespace shardd
