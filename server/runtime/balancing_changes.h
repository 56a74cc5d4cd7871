#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/ids.h"
#include "server/core/coordinator_event.h"
#include "server/load_balancing_service/decision.h"
#include "server/routing/route_table.h"

namespace shardd {

// Carries out decisions: turns each into requests to the coordinator, one after the other, and
// follows the operations that come of them. An account that is isolated in the middle of its shard
// takes two splits, the right one first, so that the shard keeps its name.
//
// Nothing is asked for that does not fit the table any more: the first request holds for the epoch
// of the decision, the next one for that at which the shard is as the one before left it.
//
// Thread safety: none; owned by the balancer.
class BalancingChanges {
 public:
  using Request = decltype(CoordinatorRequest::body);
  // Names the request in the answer.
  struct Step {
    uint32_t change = 0;
    Request request;
  };
  struct Running {
    Decision decision;
    std::optional<OperationId> operation;
  };
  struct Ended {
    Decision decision;
    absl::Status status;  // why not all of it was done
  };

  // REQUIRES: decision.acts().
  void Begin(Decision decision);

  // What is to be asked for now, given what is in force.
  std::vector<Step> Advance(const RouteTable& table, const OperationTable& operations);
  // The coordinator's answer, or why it could not be asked. An answer to nothing is ignored.
  void OnAnswer(uint32_t change, const absl::StatusOr<CoordinatorAnswer>& answer);

  // What has ended since the last call.
  std::vector<Ended> TakeEnded();
  std::vector<Running> running() const;
  bool idle() const { return changes_.empty(); }
  // Asked for, and no operation yet.
  uint32_t unanswered() const;

 private:
  struct Change {
    Decision decision;
    size_t requests_done = 0;
    bool asked = false;
    std::optional<OperationId> operation;
  };

  static size_t RequestsOf(const Decision& decision);
  // nullopt: the table is no longer what the decision was made for.
  static std::optional<Request> NextRequest(const Change& change, const RouteTable& table);
  void Follow(Change& change, const OperationTable& operations, absl::Status& failure);
  void End(std::map<uint32_t, Change>::iterator change, absl::Status status);

  uint32_t next_ = 1;
  std::map<uint32_t, Change> changes_;
  std::vector<Ended> ended_;
};

// Whether a refusal says nothing about the change itself: the table has moved on meanwhile, or
// somebody else works on the shard, and the next round will know.
bool IsPassing(const absl::Status& refusal);

}  // namespace shardd
