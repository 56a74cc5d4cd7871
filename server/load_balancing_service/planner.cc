#include "server/load_balancing_service/planner.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/load_balancing_service/merge_findings.h"

namespace shardd {
namespace {

std::string NameOf(const AccountRef& account) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(account.name_space), "/",
                      absl::Utf8SafeCEscape(account.id), "\"");
}

std::string DescribeHot(const HotAccount& hot) {
  return absl::StrFormat("account %s makes %.0f %% of the requests", NameOf(hot.account),
                         hot.share * 100);
}

// Why a decision that does nothing does nothing, for people.
absl::string_view Explain(DecisionReason reason) {
  switch (reason) {
    case DecisionReason::kWithinThreshold:
      return "nothing to do";
    case DecisionReason::kNotSustained:
      return "not for long enough";
    case DecisionReason::kPartOfMerge:
      return "the decision on its neighbour covers it";
    case DecisionReason::kManualPolicy:
      return "the policy leaves every change to the operator";
    case DecisionReason::kPaused:
      return "balancing is paused";
    case DecisionReason::kPinned:
      return "the shard is pinned";
    case DecisionReason::kChangeRunning:
      return "a change of the shard is under way";
    case DecisionReason::kCoolingDown:
      return "the shard was changed a short while ago";
    case DecisionReason::kMeasuredBeforeChange:
      return "it was measured before its last change";
    case DecisionReason::kNotMeasured:
      return "there is no recent measurement";
    case DecisionReason::kBudgetSpent:
      return "as many changes as allowed are under way";
    case DecisionReason::kTooYoungToMerge:
      return "cold, but split a short while ago";
    case DecisionReason::kPeakNotKnown:
      return "cold, but not measured for five minutes";
    case DecisionReason::kNeighbourNotReady:
      return "cold, but no neighbour can be merged now";
    case DecisionReason::kSplitWillNotHelp:
      return "a split will not help";
    case DecisionReason::kNotRecorded:
      return "too few requests were sampled to choose a key";
    case DecisionReason::kNoBalancedKey:
      return "no sampled key leaves two like parts";
    case DecisionReason::kRequestsSpanCuts:
      return "most requests span the keys it could be cut at";
    case DecisionReason::kNoMedianKey:
      return "the median of its stored bytes is not known";
    case DecisionReason::kTooManyShards:
      return "there would be more shards than allowed";
    case DecisionReason::kFewestShards:
      return "there would be fewer shards than asked for";
    case DecisionReason::kTooManyHomes:
      return "there are as many homes as allowed";
    case DecisionReason::kTooLargeTogether:
      return "cold, but too large together with its neighbour";
    case DecisionReason::kTooHot:
    case DecisionReason::kTooLarge:
    case DecisionReason::kHotAccount:
    case DecisionReason::kBothCold:
    case DecisionReason::kNeedsOneHome:
    case DecisionReason::kNeedsOwnHome:
    case DecisionReason::kJustStarted:  // see Why
      break;
  }
  return "";
}

// A time that begins with the daemon, in which something is not done.
struct StartingTime {
  absl::string_view what;     // "changed"
  absl::string_view setting;  // the policy's name for how long it is
  absl::Duration length;
};

// Explain, with the setting that is counted from the start and when it has passed: there are two.
std::string Why(DecisionReason reason, const StartingTime& time, absl::Time started_at) {
  if (reason != DecisionReason::kJustStarted) return std::string(Explain(reason));
  return absl::StrCat(
      "nothing is ", time.what, " until ",
      absl::FormatTime(absl::RFC3339_sec, started_at + time.length, absl::UTCTimeZone()), ", ",
      time.setting, " (", absl::FormatDuration(time.length), ") after the daemon started");
}

DecisionReason ReasonFor(SplitVerdict verdict) {
  switch (verdict) {
    case SplitVerdict::kCut:
    case SplitVerdict::kCutAtMedian:
      return DecisionReason::kTooHot;
    case SplitVerdict::kIsolate:
      return DecisionReason::kHotAccount;
    case SplitVerdict::kNotRecorded:
      return DecisionReason::kNotRecorded;
    case SplitVerdict::kUnbalanced:
      return DecisionReason::kNoBalancedKey;
    case SplitVerdict::kContained:
      return DecisionReason::kRequestsSpanCuts;
    case SplitVerdict::kWillNotHelp:
      return DecisionReason::kSplitWillNotHelp;
  }
  return DecisionReason::kNotRecorded;
}

// Lower goes first.
int RankOf(const Decision& decision) {
  if (decision.kind == DecisionKind::kSplit) return 0;
  if (decision.kind == DecisionKind::kIsolateAccount) return 0;
  if (decision.reason == DecisionReason::kNeedsOwnHome) return 1;
  return 2;
}

bool GoesBefore(const Decision& a, const Decision& b) {
  if (a.acts() != b.acts()) return a.acts();
  if (!a.acts()) return false;
  if (RankOf(a) != RankOf(b)) return RankOf(a) < RankOf(b);
  return a.score > b.score;
}

void Act(DecisionKind kind, DecisionReason reason, std::string text, Decision& decision) {
  decision.kind = kind;
  decision.wanted = kind;
  decision.reason = reason;
  decision.text = std::move(text);
}

void DoNothing(DecisionReason reason, absl::string_view facts, absl::string_view why,
               Decision& decision) {
  decision.kind = DecisionKind::kNothing;
  decision.reason = reason;
  decision.text = absl::StrCat(facts, facts.empty() ? "" : ": ", why);
}

void DoNothing(DecisionReason reason, absl::string_view facts, Decision& decision) {
  DoNothing(reason, facts, Explain(reason), decision);
}

// One plan.
class Planning {
 public:
  Planning(const BalancingSnapshot& snapshot, const BalancingPolicy& policy)
      : snapshot_(snapshot), policy_(policy), scale_(ScaleOf(snapshot)) {
    for (const ShardSnapshot& shard : snapshot.shards) ++shards_in_home_[shard.route.home];
  }

  std::vector<Decision> Run() {
    for (const ShardSnapshot& shard : snapshot_.shards) decisions_.push_back(Judge(shard));
    if (policy_.acts()) JudgeNeighbours();
    std::stable_sort(decisions_.begin(), decisions_.end(), GoesBefore);
    Spend();
    std::stable_sort(decisions_.begin(), decisions_.end(), GoesBefore);
    return std::move(decisions_);
  }

 private:
  Decision Judge(const ShardSnapshot& shard) const;
  DecisionInputs InputsOf(const ShardSnapshot& shard) const;
  void JudgeSplit(const ShardSnapshot& shard, const SplitNeed& need, Decision& decision) const;
  void JudgeHome(const ShardSnapshot& shard, Decision& decision) const;
  void JudgeNeighbours();
  void Refuse(const MergeFinding& finding);
  void Merge(const MergeFinding& finding);
  bool MayMerge(const Decision& decision) const;
  void Spend();
  std::optional<DecisionReason> Withheld(const Decision& decision, uint32_t budget) const;
  void Count(const Decision& decision);

  const BalancingSnapshot& snapshot_;
  const BalancingPolicy& policy_;
  const LoadScale scale_;
  std::map<storage::Family, size_t> shards_in_home_;
  std::vector<Decision> decisions_;
  // What the changes of this plan, and at worst those under way, leave.
  size_t shards_most_ = 0;
  size_t shards_least_ = 0;
  size_t homes_ = 0;
};

DecisionInputs Planning::InputsOf(const ShardSnapshot& shard) const {
  const LoadThresholds& thresholds = snapshot_.config.thresholds;
  DecisionInputs inputs;
  inputs.mean = scale_.mean;
  inputs.threshold = scale_.split_above;
  inputs.bytes_stored = shard.bytes_stored;
  inputs.last_change = shard.last_change;
  if (!shard.load.measured()) return inputs;
  inputs.measured_since = shard.load.since;
  const Load load = LoadOf(shard.load.smoothed(), thresholds);
  inputs.load = load.value;
  inputs.signal = load.signal;
  inputs.rate = shard.load.smoothed();
  inputs.peak = LoadOf(shard.load.peak, thresholds).value;
  inputs.breaches = BreachesOf(shard.load, thresholds, scale_.split_above);
  return inputs;
}

Decision Planning::Judge(const ShardSnapshot& shard) const {
  Decision decision;
  decision.time = snapshot_.now;
  decision.epoch = snapshot_.epoch;
  decision.policy = std::string(policy_.name());
  decision.shard = shard.route.shard;
  decision.inputs = InputsOf(shard);
  if (!policy_.acts()) {
    DoNothing(DecisionReason::kManualPolicy, "", decision);
    return decision;
  }
  if (const auto reason = NotReady(shard, snapshot_); reason.has_value()) {
    const StartingTime time{"changed", "warm_up", snapshot_.config.warm_up};
    DoNothing(*reason, "", Why(*reason, time, snapshot_.started_at), decision);
    return decision;
  }
  const SplitNeed need = policy_.NeedOf(shard, snapshot_.config, scale_);
  decision.score = need.score;
  if (need.sustained) {
    JudgeSplit(shard, need, decision);
  } else if (need.above) {
    DoNothing(DecisionReason::kNotSustained, need.text, decision);
  } else {
    DoNothing(DecisionReason::kWithinThreshold, need.text, decision);
    JudgeHome(shard, decision);
  }
  return decision;
}

void Planning::JudgeSplit(const ShardSnapshot& shard, const SplitNeed& need,
                          Decision& decision) const {
  if (!shard.sample.candidates.empty() && shard.sample.since < shard.last_change) {
    DoNothing(DecisionReason::kMeasuredBeforeChange, need.text, decision);
    return;
  }
  SplitChoice choice = policy_.ChooseSplit(shard, snapshot_.config);
  std::string facts = need.text;
  if (choice.hot_account.has_value()) {
    absl::StrAppend(&facts, "; ", DescribeHot(*choice.hot_account));
  }
  if (choice.verdict == SplitVerdict::kCut) {
    Act(DecisionKind::kSplit, need.reason,
        absl::StrCat(facts, ": split at ", ToHex(choice.keys.front())), decision);
  } else if (choice.verdict == SplitVerdict::kCutAtMedian) {
    Act(DecisionKind::kSplit, need.reason,
        absl::StrCat(facts, ": split where half of them are on each side"), decision);
  } else if (choice.verdict == SplitVerdict::kIsolate) {
    Act(DecisionKind::kIsolateAccount, DecisionReason::kHotAccount,
        absl::StrCat(facts, ": give it a shard of its own"), decision);
  } else {
    DoNothing(ReasonFor(choice.verdict), facts, decision);
  }
  decision.split_keys = std::move(choice.keys);
  decision.hot_account = std::move(choice.hot_account);
  decision.candidates = std::move(choice.candidates);
}

void Planning::JudgeHome(const ShardSnapshot& shard, Decision& decision) const {
  const BalancingConfig& config = snapshot_.config;
  if (shard.bytes_stored < config.own_home_bytes_min) return;
  if (shards_in_home_.at(shard.route.home) == 1) return;
  decision.score = static_cast<double>(shard.bytes_stored);
  Act(DecisionKind::kMoveHome, DecisionReason::kNeedsOwnHome,
      absl::StrCat(shard.bytes_stored, " bytes stored in a shared home: move to a home of its own"),
      decision);
}

bool Planning::MayMerge(const Decision& decision) const {
  return decision.kind == DecisionKind::kNothing &&
         decision.reason == DecisionReason::kWithinThreshold;
}

// Decisions are in the table's order here.
void Planning::JudgeNeighbours() {
  std::vector<MergeFinding> findings = JudgeMerges(snapshot_, scale_);
  std::stable_sort(findings.begin(), findings.end(),
                   [](const MergeFinding& a, const MergeFinding& b) { return a.peaks < b.peaks; });
  std::vector<const MergeFinding*> refused;
  for (const MergeFinding& finding : findings) {
    const bool free = MayMerge(decisions_[finding.left]) && MayMerge(decisions_[finding.left + 1]);
    if (finding.refused.has_value()) {
      refused.push_back(&finding);
    } else if (free) {
      Merge(finding);
    }
  }
  for (const MergeFinding* finding : refused) Refuse(*finding);
}

// Two cold shards that have nothing else to do say why they stay apart.
void Planning::Refuse(const MergeFinding& finding) {
  if (finding.refused == DecisionReason::kWithinThreshold) return;
  const std::string facts = absl::StrFormat("peaks of %.2f with a neighbour, mergeable below %.2f",
                                            finding.peaks, scale_.merge_below);
  const StartingTime time{"merged", "merge_age_min", snapshot_.config.merge_age_min};
  const std::string why = Why(*finding.refused, time, snapshot_.started_at);
  for (const size_t index : {finding.left, finding.left + 1}) {
    Decision& decision = decisions_[index];
    if (MayMerge(decision)) DoNothing(*finding.refused, facts, why, decision);
  }
}

void Planning::Merge(const MergeFinding& finding) {
  const ShardSnapshot& left = snapshot_.shards[finding.left];
  const ShardSnapshot& right = snapshot_.shards[finding.left + 1];
  const bool moves_left = left.bytes_stored < right.bytes_stored;
  const bool one_home = left.route.home == right.route.home;
  const size_t subject = finding.left + (!one_home && !moves_left ? 1 : 0);
  Decision& decision = decisions_[subject];
  Decision& other = decisions_[subject == finding.left ? finding.left + 1 : finding.left];
  const std::string facts = absl::StrFormat("peaks of %.2f together with %s, mergeable below %.2f",
                                            finding.peaks, ToText(other.shard), scale_.merge_below);
  decision.score = -finding.peaks;
  decision.partner = other.shard;
  if (one_home) {
    Act(DecisionKind::kMerge, DecisionReason::kBothCold, facts + ": merge", decision);
  } else {
    decision.home = moves_left ? right.route.home : left.route.home;
    Act(DecisionKind::kMoveHome, DecisionReason::kNeedsOneHome,
        absl::StrCat(facts, ": move to its home ", storage::ToText(*decision.home), " first"),
        decision);
  }
  DoNothing(DecisionReason::kPartOfMerge, facts, other);
  other.partner = decision.shard;
}

std::optional<DecisionReason> Planning::Withheld(const Decision& decision, uint32_t budget) const {
  const BalancingConfig& config = snapshot_.config;
  if (shards_most_ + decision.shards_made() > config.shards_max) {
    return DecisionReason::kTooManyShards;
  }
  if (decision.kind == DecisionKind::kMerge && shards_least_ <= config.shards_min) {
    return DecisionReason::kFewestShards;
  }
  const bool new_home = decision.kind == DecisionKind::kMoveHome && !decision.home.has_value();
  if (new_home && homes_ >= config.homes_max) return DecisionReason::kTooManyHomes;
  if (snapshot_.paused_until > snapshot_.now) return DecisionReason::kPaused;
  if (budget == 0) return DecisionReason::kBudgetSpent;
  return std::nullopt;
}

void Planning::Count(const Decision& decision) {
  shards_most_ += decision.shards_made();
  if (decision.kind == DecisionKind::kMerge) --shards_least_;
  if (decision.kind == DecisionKind::kMoveHome && !decision.home.has_value()) ++homes_;
}

// Lets the first decisions act, as many as the budget and the other limits allow.
void Planning::Spend() {
  const BalancingConfig& config = snapshot_.config;
  const uint32_t running = snapshot_.changes_running;
  uint32_t budget = config.changes_max - std::min(config.changes_max, running);
  // A change that is under way may be any.
  shards_most_ = snapshot_.shards.size() + 2 * size_t{running};
  shards_least_ = snapshot_.shards.size() - std::min<size_t>(running, snapshot_.shards.size());
  homes_ = shards_in_home_.size() + running;
  for (Decision& decision : decisions_) {
    if (!decision.acts()) continue;
    if (const auto reason = Withheld(decision, budget); reason.has_value()) {
      DoNothing(*reason, decision.text, decision);
      continue;
    }
    --budget;
    Count(decision);
  }
}

}  // namespace

std::vector<Decision> Plan(const BalancingSnapshot& snapshot, const BalancingPolicy& policy) {
  return Planning(snapshot, policy).Run();
}

}  // namespace shardd
