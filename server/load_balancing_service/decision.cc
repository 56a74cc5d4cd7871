#include "server/load_balancing_service/decision.h"

#include <array>
#include <utility>

#include "server/base/error.h"
#include "server/load_balancing_service/balancing_snapshot.h"
#include "server/load_balancing_service/value_codec.h"

namespace shardd {
namespace {

constexpr uint8_t kDecisionVersion = 1;

struct NamedReason {
  DecisionReason reason;
  absl::string_view name;
};

constexpr std::array<NamedReason, 30> kReasons = {{
    {DecisionReason::kTooHot, "TOO_HOT"},
    {DecisionReason::kTooLarge, "TOO_LARGE"},
    {DecisionReason::kHotAccount, "HOT_ACCOUNT"},
    {DecisionReason::kBothCold, "BOTH_COLD"},
    {DecisionReason::kNeedsOneHome, "NEEDS_ONE_HOME"},
    {DecisionReason::kNeedsOwnHome, "NEEDS_OWN_HOME"},
    {DecisionReason::kWithinThreshold, "WITHIN_THRESHOLD"},
    {DecisionReason::kNotSustained, "NOT_SUSTAINED"},
    {DecisionReason::kPartOfMerge, "PART_OF_MERGE"},
    {DecisionReason::kManualPolicy, "MANUAL_POLICY"},
    {DecisionReason::kPaused, "PAUSED"},
    {DecisionReason::kPinned, "PINNED"},
    {DecisionReason::kChangeRunning, "CHANGE_RUNNING"},
    {DecisionReason::kCoolingDown, "COOLING_DOWN"},
    {DecisionReason::kJustStarted, "JUST_STARTED"},
    {DecisionReason::kMeasuredBeforeChange, "MEASURED_BEFORE_CHANGE"},
    {DecisionReason::kNotMeasured, "NOT_MEASURED"},
    {DecisionReason::kBudgetSpent, "BUDGET_SPENT"},
    {DecisionReason::kTooYoungToMerge, "TOO_YOUNG_TO_MERGE"},
    {DecisionReason::kPeakNotKnown, "PEAK_NOT_KNOWN"},
    {DecisionReason::kNeighbourNotReady, "NEIGHBOUR_NOT_READY"},
    {DecisionReason::kSplitWillNotHelp, "SPLIT_WILL_NOT_HELP"},
    {DecisionReason::kNotRecorded, "NOT_RECORDED"},
    {DecisionReason::kNoBalancedKey, "NO_BALANCED_KEY"},
    {DecisionReason::kRequestsSpanCuts, "REQUESTS_SPAN_CUTS"},
    {DecisionReason::kNoMedianKey, "NO_MEDIAN_KEY"},
    {DecisionReason::kTooManyShards, "TOO_MANY_SHARDS"},
    {DecisionReason::kFewestShards, "FEWEST_SHARDS"},
    {DecisionReason::kTooManyHomes, "TOO_MANY_HOMES"},
    {DecisionReason::kTooLargeTogether, "TOO_LARGE_TOGETHER"},
}};

bool IsKnown(DecisionKind kind) {
  return kind >= DecisionKind::kNothing && kind <= DecisionKind::kMoveHome;
}
bool IsKnown(LoadSignal signal) {
  return signal >= LoadSignal::kOperations && signal <= LoadSignal::kBytes;
}

void PutInputs(ByteWriter& writer, const DecisionInputs& inputs) {
  for (const double value : {inputs.load, inputs.peak, inputs.mean, inputs.threshold}) {
    PutDouble(writer, value);
  }
  writer.Byte(static_cast<uint8_t>(inputs.signal));
  PutRate(writer, inputs.rate);
  writer.Varint(inputs.breaches).Varint(inputs.bytes_stored);
  PutTime(writer, inputs.measured_since);
  PutTime(writer, inputs.last_change);
}

DecisionInputs GetInputs(ByteReader& reader) {
  DecisionInputs inputs;
  for (double* value : {&inputs.load, &inputs.peak, &inputs.mean, &inputs.threshold}) {
    *value = GetDouble(reader);
  }
  inputs.signal = static_cast<LoadSignal>(reader.Byte());
  if (!IsKnown(inputs.signal)) Fail(reader);
  inputs.rate = GetRate(reader);
  inputs.breaches = GetUint32(reader);
  inputs.bytes_stored = reader.Varint();
  inputs.measured_since = GetTime(reader);
  inputs.last_change = GetTime(reader);
  return inputs;
}

void PutCut(ByteWriter& writer, const ScoredCut& cut) {
  PutKey(writer, cut.key);
  for (const double value : {cut.left_share, cut.imbalance, cut.contained}) {
    PutDouble(writer, value);
  }
  writer.Varint(cut.requests).Byte(static_cast<uint8_t>(cut.fault));
}

ScoredCut GetCut(ByteReader& reader) {
  ScoredCut cut;
  cut.key = GetKey(reader);
  for (double* value : {&cut.left_share, &cut.imbalance, &cut.contained}) {
    *value = GetDouble(reader);
  }
  cut.requests = reader.Varint();
  cut.fault = static_cast<CutFault>(reader.Byte());
  if (cut.fault > CutFault::kContained) Fail(reader);
  return cut;
}

void PutHotAccount(ByteWriter& writer, const std::optional<HotAccount>& hot) {
  writer.Byte(hot.has_value());
  if (!hot.has_value()) return;
  PutAccount(writer, hot->account);
  PutKey(writer, hot->key);
  PutDouble(writer, hot->share);
}

std::optional<HotAccount> GetHotAccount(ByteReader& reader) {
  if (reader.Byte() == 0) return std::nullopt;
  HotAccount hot;
  hot.account = GetAccount(reader);
  hot.key = GetKey(reader);
  hot.share = GetDouble(reader);
  return hot;
}

void PutAim(ByteWriter& writer, const Decision& decision) {
  // 0 stands for none: no shard and no home has it.
  writer.Varint(decision.partner.value_or(ShardId{}).value);
  writer.Varint(decision.home.value_or(storage::kMeta).number);
  writer.Varint(decision.split_keys.size());
  for (const RoutingKey key : decision.split_keys) PutKey(writer, key);
  PutHotAccount(writer, decision.hot_account);
}

void GetAim(ByteReader& reader, Decision& decision) {
  const ShardId partner{reader.Varint()};
  if (partner != ShardId{}) decision.partner = partner;
  const storage::Family home{GetUint32(reader)};
  if (home != storage::kMeta) decision.home = home;
  for (uint64_t left = GetCount(reader); left > 0 && reader.ok(); --left) {
    decision.split_keys.push_back(GetKey(reader));
  }
  decision.hot_account = GetHotAccount(reader);
}

}  // namespace

absl::string_view ToText(DecisionKind kind) {
  switch (kind) {
    case DecisionKind::kNothing:
      return "NOTHING";
    case DecisionKind::kSplit:
      return "SPLIT";
    case DecisionKind::kIsolateAccount:
      return "ISOLATE_ACCOUNT";
    case DecisionKind::kMerge:
      return "MERGE";
    case DecisionKind::kMoveHome:
      return "MOVE_HOME";
  }
  return "";
}

absl::string_view ToText(DecisionReason reason) {
  for (const NamedReason& named : kReasons) {
    if (named.reason == reason) return named.name;
  }
  return "";
}

std::string Decision::Encode() const {
  ByteWriter writer;
  writer.Byte(kDecisionVersion);
  PutTime(writer, time);
  writer.Varint(epoch.value)
      .Bytes(policy)
      .Varint(shard.value)
      .Byte(static_cast<uint8_t>(kind))
      .Byte(static_cast<uint8_t>(reason))
      .Byte(static_cast<uint8_t>(wanted));
  PutDouble(writer, score);
  PutAim(writer, *this);
  PutInputs(writer, inputs);
  writer.Varint(candidates.size());
  for (const ScoredCut& cut : candidates) PutCut(writer, cut);
  writer.Bytes(text);
  return writer.Take();
}

absl::StatusOr<Decision> Decision::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  Decision decision;
  decision.time = GetTime(reader);
  decision.epoch = TableEpoch{reader.Varint()};
  decision.policy = std::string(reader.Bytes());
  decision.shard = ShardId{reader.Varint()};
  decision.kind = static_cast<DecisionKind>(reader.Byte());
  decision.reason = static_cast<DecisionReason>(reader.Byte());
  decision.wanted = static_cast<DecisionKind>(reader.Byte());
  decision.score = GetDouble(reader);
  GetAim(reader, decision);
  decision.inputs = GetInputs(reader);
  for (uint64_t left = GetCount(reader); left > 0 && reader.ok(); --left) {
    decision.candidates.push_back(GetCut(reader));
  }
  decision.text = std::string(reader.Bytes());
  if (version != kDecisionVersion || !reader.Done() || !IsKnown(decision.kind) ||
      !IsKnown(decision.wanted) || ToText(decision.reason).empty()) {
    return Error(Reason::kStorageCorrupt, "a stored decision of the balancer cannot be read");
  }
  return decision;
}

}  // namespace shardd
