#include "server/runtime/balancing_changes.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"

namespace shardd {
namespace {

absl::Status EndedBadly(const OperationRecord& operation) {
  const std::string name = absl::StrCat("operation ", ToText(operation.id));
  if (operation.state == OperationState::kCancelled) {
    return absl::CancelledError(absl::StrCat(name, " was cancelled"));
  }
  return Error(operation.error_reason, absl::StrCat(name, " failed: ", operation.error_message));
}

ChangeGuard GuardOf(TableEpoch epoch) { return {.expected_epoch = epoch.value, .dry_run = false}; }

}  // namespace

bool IsPassing(const absl::Status& refusal) {
  constexpr Reason kPassing[] = {Reason::kStaleEpoch, Reason::kShardBusy, Reason::kShardNotFound,
                                 Reason::kMailboxFull, Reason::kDraining};
  return std::find(std::begin(kPassing), std::end(kPassing), ReasonOf(refusal)) !=
         std::end(kPassing);
}

void BalancingChanges::Begin(Decision decision) {
  SHARDD_CHECK(decision.acts());
  Change change;
  change.decision = std::move(decision);
  changes_.emplace(next_++, std::move(change));
}

size_t BalancingChanges::RequestsOf(const Decision& decision) {
  return std::max<size_t>(decision.split_keys.size(), 1);
}

std::optional<BalancingChanges::Request> BalancingChanges::NextRequest(const Change& change,
                                                                       const RouteTable& table) {
  const Decision& decision = change.decision;
  if (decision.kind == DecisionKind::kMerge) {
    return MergeShardsRequest{decision.shard, *decision.partner, GuardOf(decision.epoch)};
  }
  if (decision.kind == DecisionKind::kMoveHome) {
    return MoveHomeRequest{decision.shard, decision.home, GuardOf(decision.epoch)};
  }
  if (decision.split_keys.empty()) {
    return SplitShardRequest{decision.shard, std::nullopt, GuardOf(decision.epoch)};
  }
  const size_t left = decision.split_keys.size() - change.requests_done;
  SplitShardRequest request{decision.shard, decision.split_keys.at(left - 1),
                            GuardOf(decision.epoch)};
  if (change.requests_done == 0) return request;
  const Route* const route = table.FindShard(decision.shard);
  if (route == nullptr || route->range.end != decision.split_keys.at(left)) return std::nullopt;
  request.guard = GuardOf(table.epoch());
  return request;
}

void BalancingChanges::Follow(Change& change, const OperationTable& operations,
                              absl::Status& failure) {
  if (!change.operation.has_value()) return;
  const auto found = operations.find(*change.operation);
  // One that is no longer kept has ended long ago.
  if (found != operations.end() && found->second.running()) return;
  if (found != operations.end() && found->second.state != OperationState::kSucceeded) {
    failure = EndedBadly(found->second);
    return;
  }
  change.operation.reset();
  change.asked = false;
  ++change.requests_done;
}

std::vector<BalancingChanges::Step> BalancingChanges::Advance(const RouteTable& table,
                                                              const OperationTable& operations) {
  std::vector<Step> steps;
  for (auto it = changes_.begin(); it != changes_.end();) {
    const auto at = it++;
    Change& change = at->second;
    absl::Status failure;
    Follow(change, operations, failure);
    if (!failure.ok() || change.requests_done == RequestsOf(change.decision)) {
      End(at, std::move(failure));
    } else if (!change.asked) {
      std::optional<Request> request = NextRequest(change, table);
      if (!request.has_value()) {
        End(at, absl::AbortedError("the shard was changed by somebody else meanwhile"));
        continue;
      }
      change.asked = true;
      steps.push_back({at->first, *std::move(request)});
    }
  }
  return steps;
}

void BalancingChanges::OnAnswer(uint32_t change, const absl::StatusOr<CoordinatorAnswer>& answer) {
  const auto found = changes_.find(change);
  if (found == changes_.end() || !found->second.asked) return;
  if (!answer.ok()) return End(found, answer.status());
  found->second.operation = std::get<OperationRecord>(*answer).id;
}

void BalancingChanges::End(std::map<uint32_t, Change>::iterator change, absl::Status status) {
  ended_.push_back({std::move(change->second.decision), std::move(status)});
  changes_.erase(change);
}

std::vector<BalancingChanges::Ended> BalancingChanges::TakeEnded() {
  return std::exchange(ended_, {});
}

std::vector<BalancingChanges::Running> BalancingChanges::running() const {
  std::vector<Running> running;
  for (const auto& [number, change] : changes_) {
    running.push_back({change.decision, change.operation});
  }
  return running;
}

uint32_t BalancingChanges::unanswered() const {
  return static_cast<uint32_t>(
      std::count_if(changes_.begin(), changes_.end(),
                    [](const auto& change) { return !change.second.operation.has_value(); }));
}

}  // namespace shardd
