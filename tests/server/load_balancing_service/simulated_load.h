#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/base/random.h"
#include "server/load_balancing_service/balancing_snapshot.h"
#include "server/load_balancing_service/decision_log.h"
#include "server/load_balancing_service/load_trace.h"
#include "server/load_balancing_service/load_window.h"
#include "server/load_balancing_service/split_key_sampler.h"

namespace shardd {

// Shards without a daemon: draws requests from a Zipf distribution of accounts second by second,
// measures them as workers would, plans in every check interval and does at once what was decided.
// From one seed everything follows.
class SimulatedLoad {
 public:
  struct Options {
    size_t accounts = 20'000;
    double zipf_exponent = 0.99;
    std::string name_space;  // empty: accounts lie all over the key space
    size_t shards = 32;
    uint64_t operations_per_second = 2000;
    BalancingConfig config;
    uint64_t seed = 1;
    bool validate = true;  // false: for configurations that the daemon refuses
  };

  explicit SimulatedLoad(const Options& options);

  void Run(absl::Duration duration);
  void SetOperationsPerSecond(uint64_t value) { options_.operations_per_second = value; }

  struct Shard {
    ShardSnapshot known;  // but for load and sample
    LoadWindow window;
    SplitKeySampler sampler;
    LoadSample second;
  };
  const std::vector<Shard>& shards() const { return shards_; }
  // Of the requests to come, not of those that came. Only while requests come.
  double TrueShare(const Shard& shard) const;

  struct Change {
    absl::Time time;
    DecisionKind kind;
    KeyRange range;                // what was cut, or the merged range
    std::vector<RoutingKey> cuts;  // made or removed
  };
  const std::vector<Change>& changes() const { return changes_; }
  const DecisionLog& log() const { return log_; }
  const std::string& trace() const { return trace_; }
  absl::Time now() const { return now_; }

 private:
  struct Account {
    AccountRef ref;
    RoutingKey key;
  };

  void Second();
  void PlanRound();
  BalancingSnapshot Snapshot() const;
  void Do(const Decision& decision);
  void Cut(size_t index, RoutingKey at);
  void Merge(size_t index);
  Shard MakeShard(ShardId id, KeyRange range);
  size_t IndexOf(RoutingKey key) const;
  size_t IndexOf(ShardId shard) const;

  Options options_;
  Random random_;
  absl::Time now_;
  const absl::Time started_at_;
  uint64_t epoch_ = 1;
  uint64_t next_shard_ = 1;
  std::vector<Account> accounts_;   // the most used first
  std::vector<double> cumulative_;  // shares of the accounts up to each
  std::vector<Shard> shards_;       // in the table's order
  std::vector<Change> changes_;
  DecisionLog log_;
  std::string trace_;
};

}  // namespace shardd
