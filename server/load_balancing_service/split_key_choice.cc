#include "server/load_balancing_service/split_key_choice.h"

#include <algorithm>
#include <cmath>

#include "server/base/check.h"

namespace shardd {
namespace {

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

CutFault FaultOf(const ScoredCut& cut, const SplitKeyRules& rules) {
  if (cut.requests < rules.requests_min) return CutFault::kTooFewRequests;
  if (cut.imbalance >= rules.imbalance_max) return CutFault::kUnbalanced;
  if (cut.contained >= rules.contained_max) return CutFault::kContained;
  return CutFault::kNone;
}

// One cut beside the candidate: before its key, or after it.
std::optional<ScoredCut> Score(const SplitCandidate& candidate, std::optional<RoutingKey> cut,
                               const KeyRange& range) {
  if (!cut.has_value() || *cut <= range.start || !range.Contains(*cut)) return std::nullopt;
  const uint64_t all = candidate.left + candidate.at + candidate.right;
  const uint64_t left = candidate.left + (*cut > candidate.key ? candidate.at : 0);
  ScoredCut scored;
  scored.key = *cut;
  scored.left_share = Share(left, all);
  scored.imbalance = std::abs(2 * scored.left_share - 1);
  scored.requests = candidate.requests();
  scored.contained = Share(candidate.contained, scored.requests);
  return scored;
}

std::vector<ScoredCut> ScoreAll(const SplitSample& sample, const KeyRange& range,
                                const SplitKeyRules& rules) {
  std::vector<ScoredCut> cuts;
  for (const SplitCandidate& candidate : sample.candidates) {
    const auto before = Score(candidate, candidate.key, range);
    const auto after = Score(candidate, Successor(candidate.key), range);
    if (!before.has_value() && !after.has_value()) continue;
    const bool take_before =
        before.has_value() && (!after.has_value() || before->imbalance <= after->imbalance);
    cuts.push_back(take_before ? *before : *after);
    cuts.back().fault = FaultOf(cuts.back(), rules);
  }
  return cuts;
}

const SplitCandidate* Hottest(const SplitSample& sample, const KeyRange& range,
                              const SplitKeyRules& rules) {
  const SplitCandidate* hottest = nullptr;
  double highest = rules.hot_share;
  for (const SplitCandidate& candidate : sample.candidates) {
    const double share = Share(candidate.at, candidate.left + candidate.at + candidate.right);
    if (candidate.requests() < rules.requests_min || !range.Contains(candidate.key)) continue;
    if (share < highest) continue;
    highest = share;
    hottest = &candidate;
  }
  return hottest;
}

const ScoredCut* Best(const std::vector<ScoredCut>& cuts) {
  const ScoredCut* best = nullptr;
  for (const ScoredCut& cut : cuts) {
    if (cut.fault != CutFault::kNone) continue;
    if (best == nullptr || cut.imbalance < best->imbalance) best = &cut;
  }
  return best;
}

bool Any(const std::vector<ScoredCut>& cuts, CutFault fault) {
  return std::any_of(cuts.begin(), cuts.end(),
                     [fault](const ScoredCut& cut) { return cut.fault == fault; });
}

SplitVerdict VerdictWithoutCut(const SplitChoice& choice) {
  if (Any(choice.candidates, CutFault::kContained)) return SplitVerdict::kContained;
  if (Any(choice.candidates, CutFault::kUnbalanced)) return SplitVerdict::kUnbalanced;
  return SplitVerdict::kNotRecorded;
}

// No cut leaves two like parts, and one account is why.
void JudgeHotAccount(const SplitCandidate& hottest, const KeyRange& range,
                     const SplitKeyRules& rules, SplitChoice& choice) {
  const double contained = Share(hottest.contained, hottest.requests());
  choice.verdict = SplitVerdict::kWillNotHelp;
  if (1 - choice.hot_account->share < rules.isolate_rest_min) return;
  choice.keys = CutsAround(hottest.key, range);
  if (choice.keys.empty()) return;
  choice.verdict = SplitVerdict::kIsolate;
  if (contained < rules.contained_max) return;
  choice.keys.clear();
  choice.verdict = SplitVerdict::kContained;
}

}  // namespace

bool IsSingleKey(const KeyRange& range) { return Successor(range.start) == range.end; }

std::vector<RoutingKey> CutsAround(RoutingKey key, const KeyRange& range) {
  SHARDD_CHECK(range.Contains(key));
  std::vector<RoutingKey> cuts;
  if (key > range.start) cuts.push_back(key);
  const std::optional<RoutingKey> after = Successor(key);
  if (after.has_value() && range.Contains(*after)) cuts.push_back(*after);
  return cuts;
}

SplitChoice ChooseSplitKey(const SplitSample& sample, const KeyRange& range,
                           const SplitKeyRules& rules) {
  SplitChoice choice;
  const SplitCandidate* hottest = Hottest(sample, range, rules);
  if (hottest != nullptr) {
    const uint64_t all = hottest->left + hottest->at + hottest->right;
    choice.hot_account = HotAccount{hottest->account, hottest->key, Share(hottest->at, all)};
  }
  if (IsSingleKey(range)) {
    choice.verdict = SplitVerdict::kWillNotHelp;
    return choice;
  }
  choice.candidates = ScoreAll(sample, range, rules);
  if (sample.until - sample.since < rules.recorded_min) return choice;
  if (const ScoredCut* best = Best(choice.candidates); best != nullptr) {
    choice.verdict = SplitVerdict::kCut;
    choice.keys = {best->key};
  } else if (hottest != nullptr) {
    JudgeHotAccount(*hottest, range, rules, choice);
  } else {
    choice.verdict = VerdictWithoutCut(choice);
  }
  return choice;
}

}  // namespace shardd
