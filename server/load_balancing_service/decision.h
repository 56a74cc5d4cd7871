#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/account/routing_key.h"
#include "server/base/ids.h"
#include "server/load_balancing_service/load_rate.h"
#include "server/load_balancing_service/split_key_choice.h"
#include "storage/write_set.h"

namespace shardd {

// Stored; never reuse a number.
enum class DecisionKind : uint8_t {
  kNothing = 1,
  kSplit = 2,           // at `split_keys`, one; without: where half of the bytes are on each side
  kIsolateAccount = 3,  // cut at `split_keys`, one or two, around `hot_account`
  kMerge = 4,           // with `partner`, its right neighbour in the same home
  kMoveHome = 5,        // to `home`, or to a new one
};

// Why. Stored; never reuse a number.
enum class DecisionReason : uint8_t {
  // Reasons to act.
  kTooHot = 1,
  kTooLarge = 2,
  kHotAccount = 3,  // isolated: the others of its shard no longer wait behind it
  kBothCold = 4,
  kNeedsOneHome = 5,  // a merge needs both shards in one home
  kNeedsOwnHome = 6,  // large, and shares its home

  // Reasons for nothing: nothing is wrong.
  kWithinThreshold = 20,
  kNotSustained = 21,  // above the threshold, but not for long enough
  kPartOfMerge = 22,   // its neighbour's decision covers it
  kManualPolicy = 23,

  // Reasons for nothing: not now.
  kPaused = 40,
  kPinned = 41,
  kChangeRunning = 42,
  kCoolingDown = 43,
  kJustStarted = 44,
  kMeasuredBeforeChange = 45,
  kNotMeasured = 46,
  kBudgetSpent = 47,
  kTooYoungToMerge = 48,
  kPeakNotKnown = 49,
  kNeighbourNotReady = 50,

  // Reasons for nothing: it cannot be done.
  kSplitWillNotHelp = 60,
  kNotRecorded = 61,
  kNoBalancedKey = 62,
  kRequestsSpanCuts = 63,
  kNoMedianKey = 64,  // of records only: a split finds the median out
  kTooManyShards = 65,
  kFewestShards = 66,
  kTooManyHomes = 67,
  kTooLargeTogether = 68,
};

// "SPLIT", "SPLIT_WILL_NOT_HELP": the names that machines and people read.
absl::string_view ToText(DecisionKind kind);
absl::string_view ToText(DecisionReason reason);

// The numbers a decision rests on.
struct DecisionInputs {
  double load = 0;       // 1: as much as one shard may have
  double peak = 0;       // of five minutes
  double mean = 0;       // of all shards that can be split
  double threshold = 0;  // above it a shard should be split
  LoadSignal signal = LoadSignal::kOperations;
  LoadRate rate;  // smoothed
  uint32_t breaches = 0;
  uint64_t bytes_stored = 0;
  absl::Time measured_since = absl::InfinitePast();
  absl::Time last_change = absl::InfinitePast();
  friend bool operator==(const DecisionInputs&, const DecisionInputs&) = default;
};

// What should become of one shard, and why. Holds for the table of its epoch only.
struct Decision {
  absl::Time time;
  TableEpoch epoch;
  std::string policy;
  ShardId shard;
  DecisionKind kind = DecisionKind::kNothing;
  DecisionReason reason = DecisionReason::kWithinThreshold;
  // What would be done but for `reason`, such as a pause; otherwise the same as `kind`.
  DecisionKind wanted = DecisionKind::kNothing;
  double score = 0;  // more urgent decisions have higher ones, within a kind
  std::optional<ShardId> partner;
  std::vector<RoutingKey> split_keys;
  std::optional<storage::Family> home;
  std::optional<HotAccount> hot_account;
  DecisionInputs inputs;
  std::vector<ScoredCut> candidates;
  std::string text;

  bool acts() const { return kind != DecisionKind::kNothing; }
  // How many shards there will be more, if it acts and is no merge.
  size_t shards_made() const {
    const bool splits = kind == DecisionKind::kSplit || kind == DecisionKind::kIsolateAccount;
    return splits ? std::max<size_t>(split_keys.size(), 1) : 0;
  }
  // Errors: kStorageCorrupt.
  std::string Encode() const;
  static absl::StatusOr<Decision> Decode(absl::string_view bytes);
  friend bool operator==(const Decision&, const Decision&) = default;
};

}  // namespace shardd
