#include "server/load_balancing_service/decision_log.h"

#include <utility>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/load_balancing_service/value_codec.h"

namespace shardd {
namespace {

constexpr uint8_t kEntryVersion = 1;

bool SaysTheSame(const Decision& a, const Decision& b) {
  return !a.acts() && !b.acts() && a.reason == b.reason && a.wanted == b.wanted;
}

}  // namespace

std::string LoggedDecision::Encode() const {
  ByteWriter writer;
  writer.Byte(kEntryVersion).Varint(number);
  PutTime(writer, first_time);
  writer.Varint(times).Bytes(decision.Encode());
  return writer.Take();
}

absl::StatusOr<LoggedDecision> LoggedDecision::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  LoggedDecision entry;
  entry.number = reader.Varint();
  entry.first_time = GetTime(reader);
  entry.times = reader.Varint();
  absl::StatusOr<Decision> decision = Decision::Decode(reader.Bytes());
  if (version != kEntryVersion || !reader.Done() || !decision.ok() || entry.number == 0 ||
      entry.times == 0) {
    return Error(Reason::kStorageCorrupt, "an entry of the balancer's log cannot be read");
  }
  entry.decision = *std::move(decision);
  return entry;
}

DecisionLog::DecisionLog(size_t entries_max) : entries_max_(entries_max) {
  SHARDD_CHECK(entries_max > 0);
}

absl::StatusOr<DecisionLog> DecisionLog::Restore(std::vector<LoggedDecision> entries,
                                                 size_t entries_max) {
  DecisionLog log(entries_max);
  for (LoggedDecision& entry : entries) {
    if (log.entries_.empty()) log.next_number_ = entry.number;
    if (entry.number != log.next_number_) {
      return Error(Reason::kStorageCorrupt, "the balancer's log has a gap");
    }
    log.Append(std::move(entry));
  }
  return log;
}

LoggedDecision* DecisionLog::FindLatest(ShardId shard) {
  const auto found = latest_.find(shard);
  if (found == latest_.end()) return nullptr;
  return &entries_[found->second - entries_.front().number];
}

const LoggedDecision* DecisionLog::Latest(ShardId shard) const {
  return const_cast<DecisionLog*>(this)->FindLatest(shard);
}

std::optional<uint64_t> DecisionLog::Append(LoggedDecision entry) {
  SHARDD_CHECK(entry.number == next_number_);
  ++next_number_;
  latest_[entry.decision.shard] = entry.number;
  entries_.push_back(std::move(entry));
  if (entries_.size() <= entries_max_) return std::nullopt;
  const uint64_t removed = entries_.front().number;
  const auto latest = latest_.find(entries_.front().decision.shard);
  if (latest->second == removed) latest_.erase(latest);
  entries_.pop_front();
  return removed;
}

DecisionLog::Change DecisionLog::Add(Decision decision) {
  LoggedDecision* before = FindLatest(decision.shard);
  if (before != nullptr && SaysTheSame(before->decision, decision)) {
    before->decision = std::move(decision);
    ++before->times;
    return Change{before, std::nullopt};
  }
  const absl::Time time = decision.time;
  const std::optional<uint64_t> removed =
      Append(LoggedDecision{next_number_, std::move(decision), time, 1});
  return Change{&entries_.back(), removed};
}

}  // namespace shardd
