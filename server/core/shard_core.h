#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/account/record_key.h"
#include "server/account/routing_key.h"
#include "server/base/ids.h"
#include "server/core/event.h"
#include "server/core/record_cache.h"
#include "server/routing/route_table.h"
#include "server/shard_state_operations/account_cursor.h"
#include "server/shard_state_operations/change_history.h"
#include "server/shard_state_operations/records.h"
#include "server/shard_state_operations/shard_reader.h"
#include "server/shard_state_operations/staged_account.h"

namespace shardd {

// One shard's brain: decides, never acts.
//
// Turns one request into writes of the turn's batch and effects that wait for it. No I/O of its
// own, no threads, no locks, no clock: the same requests at the same times on the same data give
// the same writes and effects.
//
// Thread safety: none. Owned by one ShardWorker, used only on its thread.
// Invariants:
//   (1) A request changes nothing, or all of it is in the turn's batch together with its outcome.
//   (2) An account's revision rises with every committed change and never falls.
//   (3) What is in memory agrees with the store plus the turn's batch; after a failed commit the
//   core must be discarded.
class ShardCore {
 public:
  struct Options {
    size_t cache_bytes = limits::kRecordCacheBytes;
    uint64_t outcomes_per_account = limits::kOutcomesPerAccountMax;
    absl::Duration outcome_retention = limits::kOutcomeRetention;
    absl::Duration outcome_age_min = limits::kOutcomeAgeMin;
  };

  ShardCore(Route route, TableEpoch epoch, ShardStats stats, Options options);

  // Runs one request. REQUIRES: turn.now is not before that of any earlier turn; turn.committed
  // holds every earlier turn's batch.
  void Step(ShardRequest request, ShardTurn& turn);

  // Ends a turn: background work that is due, and what is written once per turn. Call it last,
  // before the commit, and also for a turn without requests.
  void FinishTurn(ShardTurn& turn);

  ShardId shard() const { return route_.shard; }
  const ShardStats& stats() const { return stats_; }
  size_t watch_count() const { return watches_.size(); }

 private:
  struct Watch {
    std::string account;
    uint64_t next_revision = 0;  // the first to be told
    uint64_t seen_revision = 0;  // of the account; may be lower
  };

  OutcomeRetention Retention() const {
    return {options_.outcomes_per_account, options_.outcome_retention, options_.outcome_age_min};
  }
  // OK if the request may run: in time, under the right epoch, for an account of this shard.
  absl::Status Admit(const ShardRequest& request, absl::Time now) const;

  void Run(CallId call, ApplyRequest&& request, ShardTurn& turn);
  void Run(CallId call, GetRequest&& request, ShardTurn& turn);
  void Run(CallId call, ScanRequest&& request, ShardTurn& turn);
  void Run(CallId call, CreateAccountRequest&& request, ShardTurn& turn);
  void Run(CallId call, UpdateAccountRequest&& request, ShardTurn& turn);
  void Run(CallId call, DeleteAccountRequest&& request, ShardTurn& turn);
  void Run(CallId call, GetOutcomeRequest&& request, ShardTurn& turn);
  void Run(CallId call, WatchRequest&& request, ShardTurn& turn);
  void Run(CallId call, UnwatchRequest&& request, ShardTurn& turn);
  void Run(CallId call, PurgeNamespace&& request, ShardTurn& turn);
  void Run(CallId call, ReopenNamespace&& request, ShardTurn& turn);

  // Runs a mutation that `stage` describes, once per request_id: a repeat gets the stored answer.
  // `stage` takes the staged account and returns the answer to give once the revision is known.
  template <typename Request, typename Stage>
  void RunOnce(CallId call, Request& request, ShardTurn& turn, Stage stage);

  // Answers with what `read` finds, within the bounds of its frame.
  template <typename Read>
  void AnswerRead(CallId call, ShardTurn& turn, Read read);

  void Write(StagedAccount& staged, const AccountKeys& keys, ShardTurn& turn);
  // Every record of this shard is written here, so that the cache never differs.
  void WriteRecord(std::string key, std::optional<std::string> value, ShardTurn& turn);
  void Publish(const AccountKeys& keys, AccountChange change, ShardTurn& turn);
  absl::Status StartWatch(CallId call, const WatchRequest& request, ShardTurn& turn);
  void CloseNamespace(const std::string& name);
  absl::Status Purge(const PurgeNamespace& request, ShardTurn& turn, PurgeResult& result);
  absl::Status ForgetAccount(const AccountRef& account, const AccountRecord& record,
                             ShardTurn& turn);
  void SendProgress(ShardTurn& turn);
  absl::Status SweepStep(ShardTurn& turn);
  absl::Status SweepAccount(const AccountRef& account, AccountRecord record, ShardTurn& turn);

  const Route route_;
  const TableEpoch epoch_;
  const Options options_;
  ShardStats stats_;
  ShardStats stats_written_;
  RecordCache cache_;
  // Being deleted, or deleted and not created again; by the order in which they were closed.
  std::map<std::string, uint64_t, std::less<>> closed_namespaces_;
  uint64_t next_closed_ = 0;
  ChangeHistory history_;
  std::map<CallId, Watch> watches_;
  std::map<std::string, std::set<CallId>, std::less<>> watches_of_account_;
  absl::Time next_progress_ = absl::InfinitePast();
  absl::Time next_sweep_ = absl::InfinitePast();
  std::string sweep_cursor_;  // key of the last account record swept; empty: from the start
};

}  // namespace shardd
