#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/account/routing_key.h"
#include "server/load_balancing_service/split_key_sampler.h"

namespace shardd {

// What makes a key good to cut at. SplitKeySampler says where the values come from.
struct SplitKeyRules {
  double imbalance_max = 0.25;  // |left − right| / (left + right) must be below
  double contained_max = 0.5;   // the share of requests that span the cut must be below
  uint64_t requests_min = 100;  // counted by a candidate, before it is heard
  absl::Duration recorded_min = absl::Seconds(10);
  // An account with this share of the requests is named. If none has it, there is always a cut
  // within imbalance_max: one beside the account in the middle is off by that account's share.
  double hot_share = 0.25;
  // Isolating a hot account helps if the other accounts of the shard have this share: so much load
  // goes elsewhere, and no longer waits behind the hot one.
  double isolate_rest_min = 0.1;
  friend bool operator==(const SplitKeyRules&, const SplitKeyRules&) = default;
};

// Stored; never reuse a number.
enum class CutFault : uint8_t {
  kNone = 0,
  kTooFewRequests = 1,
  kUnbalanced = 2,
  kContained = 3,
};

// A candidate as it was judged: the better of the two cuts beside its account.
struct ScoredCut {
  RoutingKey key;         // the first key of the right part
  double left_share = 0;  // of the requests
  double imbalance = 1;   // 0: equal parts; 1: all on one side
  double contained = 0;   // the share of requests that span the cut
  uint64_t requests = 0;  // counted
  CutFault fault = CutFault::kNone;
  friend bool operator==(const ScoredCut&, const ScoredCut&) = default;
};

struct HotAccount {
  AccountRef account;
  RoutingKey key;
  double share = 0;  // of the shard's requests
  friend bool operator==(const HotAccount&, const HotAccount&) = default;
};

enum class SplitVerdict : uint8_t {
  kCut,          // at `keys`, one
  kCutAtMedian,  // where half of the stored bytes are on each side, which the split finds out
  kIsolate,      // the hot account into a shard of its own: cut at `keys`, one or two
  kNotRecorded,  // too short, or too few requests: ask again later
  kUnbalanced,   // no candidate leaves two like parts
  kContained,    // most requests span the cuts: a split would only add work
  kWillNotHelp,  // one account makes nearly all of the load
};

// What a sample says about a split of `range`.
struct SplitChoice {
  SplitVerdict verdict = SplitVerdict::kNotRecorded;
  std::vector<RoutingKey> keys;
  std::vector<ScoredCut> candidates;
  std::optional<HotAccount> hot_account;
};

SplitChoice ChooseSplitKey(const SplitSample& sample, const KeyRange& range,
                           const SplitKeyRules& rules);

// Whether the range holds one routing key: nothing is left to cut.
bool IsSingleKey(const KeyRange& range);

// The cuts that leave `key` alone; empty if it is alone already. REQUIRES: range.Contains(key).
std::vector<RoutingKey> CutsAround(RoutingKey key, const KeyRange& range);

}  // namespace shardd
