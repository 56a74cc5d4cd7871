#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/account/routing_key.h"
#include "server/base/random.h"

namespace shardd {

// An account of a sampled request, and how the requests after that one lie around its routing key.
// Counted in halves: a request for one account is two halves on one side; one that spans several,
// with the key between them, is a half on each side.
struct SplitCandidate {
  AccountRef account;
  RoutingKey key;
  uint64_t left = 0;       // halves below the key
  uint64_t at = 0;         // halves for the key itself
  uint64_t right = 0;      // halves above it
  uint64_t contained = 0;  // whole requests that span the key

  uint64_t requests() const { return (left + at + right) / 2; }
  friend bool operator==(const SplitCandidate&, const SplitCandidate&) = default;
};

// What a sampler has seen.
struct SplitSample {
  absl::Time since = absl::InfinitePast();
  absl::Time until = absl::InfinitePast();
  uint64_t requests = 0;
  std::vector<SplitCandidate> candidates;
  friend bool operator==(const SplitSample&, const SplitSample&) = default;
};

// Finds out where a shard's requests lie, so that it can be cut where the load is, not where the
// range is: a reservoir of the accounts of 20 requests, drawn evenly from all since the start
// (Vitter's algorithm R), each of which counts the requests after it. The idea is CockroachDB's
// (pkg/kv/kvserver/split; TiKV does the same), with its parameters: 20 keys, imbalance below 0.25,
// contained below half, 100 requests counted, 10 seconds recorded. Ours besides counts the requests
// for the key itself, which tells one hot account from a hot range.
//
// The same requests and the same seed give the same sample. Fixed memory.
//
// Thread safety: none; owned by the shard's worker.
// Invariant: the routing keys of all candidates lie in the range.
class SplitKeySampler {
 public:
  // The account and its routing key, which the caller has at hand.
  struct Target {
    const AccountRef& account;
    RoutingKey key;
  };

  SplitKeySampler(KeyRange range, uint64_t seed, absl::Time now);

  // A request for one account. Keys outside the range are not counted.
  void Record(absl::Time now, const Target& target) { RecordSpan(now, target, target); }
  // A request for several: its first and last in the order of the keys.
  void RecordSpan(absl::Time now, const Target& first, const Target& last);

  // Forgets everything.
  void Restart(absl::Time now);

  const SplitSample& sample() const { return sample_; }

 private:
  void Count(RoutingKey first, RoutingKey last);
  void Draw(const Target& target);

  KeyRange range_;
  Random random_;
  SplitSample sample_;
};

}  // namespace shardd
