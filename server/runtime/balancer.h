#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/core/coordinator_event.h"
#include "server/load_balancing_service/balancing_config.h"
#include "server/load_balancing_service/balancing_snapshot.h"
#include "server/load_balancing_service/decision.h"
#include "server/load_balancing_service/decision_log.h"
#include "server/runtime/balancer_records.h"
#include "server/runtime/balancing_changes.h"
#include "server/runtime/balancing_view.h"
#include "server/runtime/load_book.h"
#include "server/runtime/service_thread.h"
#include "server/runtime/trace_ring.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "storage/store.h"

namespace shardd {

// One look of the balancer at all shards, and what it made of it.
struct BalancingRound {
  BalancingSnapshot snapshot;
  std::vector<Decision> decisions;  // as Plan gave them
};

// The highest load over the mean, of the shards that can be split; 0 while all are below the floor.
double LoadMaxOverMean(const BalancingSnapshot& snapshot);

// What the balancer says about itself.
struct BalancerStatus {
  bool enabled = false;  // by the daemon's configuration
  absl::Time paused_until = absl::InfinitePast();
  BalancingConfig config;
  bool config_set = false;  // at run time
  absl::Time config_set_time = absl::InfinitePast();
  absl::Time next_round = absl::InfinitePast();
  std::vector<BalancingChanges::Running> running;
  // Since the daemon started.
  uint64_t changes_done = 0;
  uint64_t changes_failed = 0;
  std::optional<BalancingChanges::Ended> last_failure;
  std::map<std::pair<DecisionKind, DecisionReason>, uint64_t> decisions;
};

// The service that balances shards: in every check interval it reads the meters, plans, keeps each
// decision with its reasons, and has the coordinator carry out those that act.
//
// What it decides by, and the pause, can be changed while it runs, and are stored. Such changes are
// made on its thread, between two rounds, so that nobody who asks for one waits for the disk.
//
// Thread safety: all methods from any thread, but for Start, Stop, RunRound and the destructor.
// Its lock is held for short copies only, and by no worker; it is a lock and no message since
// readers are operators, who come at any time and from many threads.
class Balancer {
 public:
  struct Options {
    BalancingConfig config;  // unless another was set at run time
    bool enabled = true;     // false: it looks and explains, and never acts
    bool runs = false;       // whether Start starts a thread; without one, see RunRound
  };
  struct Environment {
    storage::Store& store;
    const Clock& clock;
    ThreadRegistry& threads;
    std::function<BalancingView()> look;
    // Its answer goes to OnAnswer.
    std::function<absl::Status(CoordinatorRequest)> submit;
    std::function<void(absl::Status)> on_storage_failure;
  };
  using Edit = std::function<void(BalancingConfig&)>;
  // Called once, maybe on the balancer's thread: it must not block.
  using Done = std::function<void(const absl::Status&)>;

  // REQUIRES: options.config is valid. Errors: kStorageCorrupt, kStorageFailed.
  static absl::StatusOr<std::unique_ptr<Balancer>> Load(Options options, Environment environment);
  ~Balancer();

  void Start();
  // Begins nothing any more, answers who waits (kDraining), and joins. What was begun goes on
  // without it.
  void Stop();

  // For tests and without a thread: one look, and what follows from it.
  void RunRound();

  // What `call` of a CoordinatorRequest begins with if it is the balancer's.
  static constexpr uint64_t kCall = 0;
  void OnAnswer(CoordinatorReply reply);

  // Changes what is decided by, from the next round on, also after a restart. kInvalidField,
  // kMailboxFull, kDraining.
  void ChangePolicy(Edit edit, Done done);
  // Back to what the daemon is configured with.
  void ResetPolicy(Done done);
  // Acts on nothing until then; a time that has passed ends a pause. kMailboxFull, kDraining.
  void PauseUntil(absl::Time until, Done done);

  BalancerStatus Status() const;
  // The newest; nullptr before the first.
  std::shared_ptr<const BalancingRound> round() const;
  // Entries of the log with smaller numbers than `before`, newest first, at most `count`: those
  // that `wanted` takes.
  std::vector<LoggedDecision> Decisions(
      uint64_t before, size_t count,
      const std::function<bool(const LoggedDecision&)>& wanted) const;
  // The newest rounds, oldest first; with TraceHeader() in front they are a load trace.
  std::vector<TraceRing::Frame> trace() const;

  // What would be decided now with another configuration. Empty before the first round.
  // kInvalidField.
  absl::StatusOr<std::vector<Decision>> DryRun(const Edit& edit, bool ignore_pause) const;
  // Where a split of the shard leaves two like parts of its requests; nullopt if too few were seen,
  // or there is no such key.
  std::optional<RoutingKey> BestSplitKey(ShardId shard) const;

 private:
  struct Wish {
    std::function<absl::Status(BalancerSettings&)> change;
    Done done;
  };
  // What others have brought since the last turn of the loop.
  struct Inbox {
    std::vector<Wish> wishes;
    std::vector<CoordinatorReply> answers;
  };

  Balancer(Options options, Environment environment, BalancerSettings settings,
           StoredDecisions decisions);

  void Loop();
  // Waits for something to do; false when it is to stop.
  bool AwaitWork(Inbox& inbox);
  void Work(Inbox inbox);
  void Ask(Wish wish);
  void Grant(const Wish& wish);
  void Round(absl::Time now);
  BalancingSnapshot Look(absl::Time now, const BalancingConfig& config, absl::Time paused_until);
  // Keeps the round, and commits what is new of it.
  void Keep(std::shared_ptr<const BalancingRound> round);
  void Follow(absl::Time now);
  void NoteEnded(absl::Time now);
  void Submit(BalancingChanges::Step step);
  absl::Status Commit(const storage::WriteSet& writes);
  BalancerSettings settings() const;
  const BalancingConfig& ConfigOf(const BalancerSettings& settings) const;

  const Options options_;
  const Environment environment_;
  const std::shared_ptr<ThreadRecord> record_;  // nullptr without a thread

  // Below: the balancer's thread only.
  LoadBook book_;
  BalancingChanges changes_;
  absl::Time next_round_ = absl::InfinitePast();
  bool failed_ = false;

  mutable Mutex mutex_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  Inbox inbox_ ABSL_GUARDED_BY(mutex_);
  BalancerSettings settings_ ABSL_GUARDED_BY(mutex_);
  StoredDecisions decisions_ ABSL_GUARDED_BY(mutex_);
  TraceRing trace_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const BalancingRound> round_ ABSL_GUARDED_BY(mutex_);
  BalancerStatus status_ ABSL_GUARDED_BY(mutex_);  // but for what is asked of the settings

  std::unique_ptr<ServiceThread> thread_;
};

}  // namespace shardd
