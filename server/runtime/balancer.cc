#include "server/runtime/balancer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/load_balancing_service/balancing_policy.h"
#include "server/load_balancing_service/limits.h"
#include "server/load_balancing_service/load_scale.h"
#include "server/load_balancing_service/load_trace.h"
#include "server/load_balancing_service/planner.h"
#include "server/load_balancing_service/split_key_choice.h"

namespace shardd {
namespace {

// While a change is under way: how often its operation is looked at.
constexpr absl::Duration kFollowInterval = absl::Milliseconds(200);

absl::Status Stopping() { return Error(Reason::kDraining, "the daemon is stopping"); }

std::vector<Decision> PlanBy(const BalancingSnapshot& snapshot) {
  const absl::StatusOr<const BalancingPolicy*> policy = FindBalancingPolicy(snapshot.config.policy);
  SHARDD_CHECK(policy.ok());  // the configuration is valid
  return Plan(snapshot, **policy);
}

}  // namespace

double LoadMaxOverMean(const BalancingSnapshot& snapshot) {
  const LoadScale scale = ScaleOf(snapshot);
  const bool loaded = scale.highest > 0 && scale.highest >= snapshot.config.load_floor;
  return loaded ? scale.highest / scale.mean : 0;
}

absl::StatusOr<std::unique_ptr<Balancer>> Balancer::Load(Options options, Environment environment) {
  SHARDD_CHECK(Validate(options.config).ok());
  SHARDD_ASSIGN_OR_RETURN(BalancerSettings settings, LoadBalancerSettings(environment.store));
  SHARDD_ASSIGN_OR_RETURN(StoredDecisions decisions, StoredDecisions::Load(environment.store));
  return std::unique_ptr<Balancer>(new Balancer(std::move(options), std::move(environment),
                                                std::move(settings), std::move(decisions)));
}

Balancer::Balancer(Options options, Environment environment, BalancerSettings settings,
                   StoredDecisions decisions)
    : options_(std::move(options)),
      environment_(std::move(environment)),
      record_(options_.runs ? environment_.threads.Register("balancer", ThreadRole::kBackground,
                                                            std::nullopt, nullptr)
                            : nullptr),
      book_(environment_.clock.Now(), ConfigOf(settings).pace()),
      settings_(std::move(settings)),
      decisions_(std::move(decisions)),
      trace_(limits::kTraceRoundsKept, limits::kTraceBytesKept) {}

Balancer::~Balancer() {
  Stop();
  if (record_ != nullptr) record_->Stop();  // also if it never started
}

const BalancingConfig& Balancer::ConfigOf(const BalancerSettings& settings) const {
  return settings.config.has_value() ? *settings.config : options_.config;
}

BalancerSettings Balancer::settings() const {
  MutexLock lock(mutex_);
  return settings_;
}

void Balancer::Start() {
  if (options_.runs) thread_ = std::make_unique<ServiceThread>("balancer", [this] { Loop(); });
}

void Balancer::Stop() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    changed_.NotifyAll();
  }
  thread_.reset();
  Inbox left;
  {
    MutexLock lock(mutex_);
    left = std::exchange(inbox_, Inbox());
  }
  for (const Wish& wish : left.wishes) wish.done(Stopping());
}

void Balancer::Loop() {
  Inbox inbox;
  record_->EnterPhase(ThreadPhase::kIdle);
  while (AwaitWork(inbox)) {
    record_->EnterPhase(ThreadPhase::kRunning);
    Work(std::exchange(inbox, Inbox()));
    const absl::Time now = environment_.clock.Now();
    if (now >= next_round_) {
      Round(now);
      record_->CountItems(1);
    }
    record_->EnterPhase(ThreadPhase::kIdle);
  }
  for (const Wish& wish : inbox.wishes) wish.done(Stopping());
  record_->Stop();
}

bool Balancer::AwaitWork(Inbox& inbox) {
  absl::Duration left = std::max(next_round_ - environment_.clock.Now(), absl::ZeroDuration());
  if (!changes_.idle()) left = std::min(left, kFollowInterval);
  MutexLock lock(mutex_);
  if (!stop_ && inbox_.wishes.empty() && inbox_.answers.empty() && left > absl::ZeroDuration()) {
    changed_.WaitFor(mutex_, left);  // waking early is harmless
  }
  inbox = std::exchange(inbox_, Inbox());
  return !stop_;
}

void Balancer::RunRound() {
  SHARDD_CHECK(thread_ == nullptr);
  Inbox inbox;
  {
    MutexLock lock(mutex_);
    inbox = std::exchange(inbox_, Inbox());
  }
  Work(std::move(inbox));
  Round(environment_.clock.Now());
}

void Balancer::Work(Inbox inbox) {
  for (const Wish& wish : inbox.wishes) Grant(wish);
  for (const CoordinatorReply& reply : inbox.answers) {
    changes_.OnAnswer(reply.call.slot, reply.answer);
  }
  if (!changes_.idle() || !inbox.answers.empty()) Follow(environment_.clock.Now());
}

void Balancer::OnAnswer(CoordinatorReply reply) {
  MutexLock lock(mutex_);
  inbox_.answers.push_back(std::move(reply));  // one for each request, which are few
  changed_.NotifyAll();
}

void Balancer::Ask(Wish wish) {
  if (!options_.runs) return Grant(wish);
  absl::Status refused;
  {
    MutexLock lock(mutex_);
    if (stop_) {
      refused = Stopping();
    } else if (inbox_.wishes.size() >= limits::kBalancerChangesQueuedMax) {
      refused = Error(Reason::kMailboxFull, "too many changes wait for the balancer");
    } else {
      inbox_.wishes.push_back(wish);
      changed_.NotifyAll();
    }
  }
  if (!refused.ok()) wish.done(refused);
}

void Balancer::Grant(const Wish& wish) {
  BalancerSettings next = settings();
  const LoadWindow::Pace pace = ConfigOf(next).pace();
  absl::Status status = wish.change(next);
  if (status.ok()) {
    storage::WriteSet writes;
    writes.Put(storage::kMeta, std::string(kBalancerSettingsKey), next.Encode());
    status = Commit(writes);
  }
  if (status.ok()) {
    const LoadWindow::Pace new_pace = ConfigOf(next).pace();
    if (new_pace.check_interval != pace.check_interval || new_pace.smoothing != pace.smoothing) {
      book_.SetPace(new_pace);
      next_round_ = environment_.clock.Now();
    }
    MutexLock lock(mutex_);
    settings_ = std::move(next);
  }
  wish.done(status);
}

void Balancer::ChangePolicy(Edit edit, Done done) {
  const auto change = [this, edit = std::move(edit)](BalancerSettings& settings) {
    BalancingConfig config = ConfigOf(settings);
    edit(config);
    SHARDD_RETURN_IF_ERROR(Validate(config));
    settings.config = std::move(config);
    settings.config_set_time = environment_.clock.Now();
    return absl::OkStatus();
  };
  Ask({change, std::move(done)});
}

void Balancer::ResetPolicy(Done done) {
  const auto change = [](BalancerSettings& settings) {
    settings.config.reset();
    settings.config_set_time = absl::InfinitePast();
    return absl::OkStatus();
  };
  Ask({change, std::move(done)});
}

void Balancer::PauseUntil(absl::Time until, Done done) {
  const auto change = [until](BalancerSettings& settings) {
    settings.paused_until = until;
    return absl::OkStatus();
  };
  Ask({change, std::move(done)});
}

absl::Status Balancer::Commit(const storage::WriteSet& writes) {
  const absl::Status committed = environment_.store.Commit(writes);
  if (committed.ok()) return committed;
  failed_ = true;
  environment_.on_storage_failure(committed);
  return committed;
}

BalancingSnapshot Balancer::Look(absl::Time now, const BalancingConfig& config,
                                 absl::Time paused_until) {
  const BalancingView view = environment_.look();
  book_.Observe(now, view);
  BalancingSnapshot snapshot = book_.Snapshot(now, view, config);
  snapshot.paused_until = options_.enabled ? paused_until : absl::InfiniteFuture();
  snapshot.changes_running += changes_.unanswered();
  for (const BalancingChanges::Running& running : changes_.running()) {
    for (ShardSnapshot& shard : snapshot.shards) {
      const bool touched = shard.route.shard == running.decision.shard ||
                           shard.route.shard == running.decision.partner;
      shard.changing = shard.changing || touched;
    }
  }
  return snapshot;
}

void Balancer::Round(absl::Time now) {
  const BalancerSettings settings = this->settings();
  const BalancingConfig& config = ConfigOf(settings);
  next_round_ = now + config.check_interval;
  if (failed_) return;
  auto round = std::make_shared<BalancingRound>();
  round->snapshot = Look(now, config, settings.paused_until);
  round->decisions = PlanBy(round->snapshot);
  Keep(round);
  if (failed_) return;
  for (const Decision& decision : round->decisions) {
    if (decision.acts()) changes_.Begin(decision);
  }
  if (!changes_.idle()) Follow(now);
}

void Balancer::Keep(std::shared_ptr<const BalancingRound> round) {
  std::string frame = TraceFrame(round->snapshot, round->decisions);
  storage::WriteSet writes;
  {
    MutexLock lock(mutex_);
    for (const Decision& decision : round->decisions) {
      decisions_.Add(decision);
      ++status_.decisions[{decision.kind, decision.reason}];
    }
    writes = decisions_.TakeWrites();
    trace_.Add(std::move(frame));
    round_ = std::move(round);
    status_.next_round = next_round_;
  }
  if (!writes.empty()) static_cast<void>(Commit(writes));
}

void Balancer::Follow(absl::Time now) {
  NoteEnded(now);
  const BalancingView view = environment_.look();
  for (BalancingChanges::Step& step : changes_.Advance(*view.table, *view.operations)) {
    Submit(std::move(step));
  }
  NoteEnded(now);
}

void Balancer::Submit(BalancingChanges::Step step) {
  {
    MutexLock lock(mutex_);
    if (stop_) return;
  }
  const absl::Status submitted =
      environment_.submit({.call = CallId{kCall, step.change}, .body = std::move(step.request)});
  if (!submitted.ok()) changes_.OnAnswer(step.change, submitted);
}

void Balancer::NoteEnded(absl::Time now) {
  for (BalancingChanges::Ended& ended : changes_.TakeEnded()) {
    const bool done = ended.status.ok();
    if (!done && !IsPassing(ended.status)) {
      book_.NoteFailure(ended.decision.shard, now);
      if (ended.decision.partner.has_value()) book_.NoteFailure(*ended.decision.partner, now);
    }
    MutexLock lock(mutex_);
    ++(done ? status_.changes_done : status_.changes_failed);
    if (!done) status_.last_failure = std::move(ended);
  }
  MutexLock lock(mutex_);
  status_.running = changes_.running();
}

BalancerStatus Balancer::Status() const {
  MutexLock lock(mutex_);
  BalancerStatus status = status_;
  status.enabled = options_.enabled;
  status.paused_until = settings_.paused_until;
  status.config = ConfigOf(settings_);
  status.config_set = settings_.config.has_value();
  status.config_set_time = settings_.config_set_time;
  return status;
}

std::shared_ptr<const BalancingRound> Balancer::round() const {
  MutexLock lock(mutex_);
  return round_;
}

std::vector<LoggedDecision> Balancer::Decisions(
    uint64_t before, size_t count, const std::function<bool(const LoggedDecision&)>& wanted) const {
  std::vector<LoggedDecision> found;
  MutexLock lock(mutex_);
  const std::deque<LoggedDecision>& entries = decisions_.log().entries();
  for (auto entry = entries.rbegin(); entry != entries.rend() && found.size() < count; ++entry) {
    if (entry->number < before && wanted(*entry)) found.push_back(*entry);
  }
  return found;
}

std::vector<TraceRing::Frame> Balancer::trace() const {
  MutexLock lock(mutex_);
  return trace_.frames();
}

absl::StatusOr<std::vector<Decision>> Balancer::DryRun(const Edit& edit, bool ignore_pause) const {
  BalancingConfig config;
  {
    MutexLock lock(mutex_);
    config = ConfigOf(settings_);
  }
  edit(config);
  SHARDD_RETURN_IF_ERROR(Validate(config));
  const std::shared_ptr<const BalancingRound> newest = round();
  if (newest == nullptr) return std::vector<Decision>();
  BalancingSnapshot snapshot = newest->snapshot;
  snapshot.config = std::move(config);
  if (ignore_pause) snapshot.paused_until = absl::InfinitePast();
  return PlanBy(snapshot);
}

std::optional<RoutingKey> Balancer::BestSplitKey(ShardId shard) const {
  const std::shared_ptr<const BalancingRound> newest = round();
  if (newest == nullptr) return std::nullopt;
  for (const ShardSnapshot& known : newest->snapshot.shards) {
    if (known.route.shard != shard) continue;
    const SplitChoice choice =
        ChooseSplitKey(known.sample, known.route.range, newest->snapshot.config.keys);
    if (choice.verdict == SplitVerdict::kCut) return choice.keys.front();
  }
  return std::nullopt;
}

}  // namespace shardd
