#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/load_balancing_service/balancing_config.h"
#include "server/load_balancing_service/decision.h"
#include "server/load_balancing_service/load_trace.h"

namespace shardd {

// What to change in a recorded load before it is planned again.
struct ReplayOptions {
  std::optional<BalancingConfig> config;  // nullopt: as recorded. Its policy counts too.
  bool ignore_pauses = false;
};

// One round of a replay.
struct ReplayStep {
  absl::Time time;
  TableEpoch epoch;
  std::vector<Decision> would_do;  // acting decisions alone
  std::vector<Decision> did;       // as recorded
};

// What the planner would have done, round by round. With the recorded configuration it is what it
// did.
//
// A trace cannot tell what load the parts of a shard would have had that was never split. So a
// shard that the replay changes, and the recorded daemon did not, is left alone from then on, as
// measured before its last change, until the recorded daemon changes it too.
//
// kInvalidField if options.config is not valid. REQUIRES: the trace came from LoadTrace::Decode, or
// each of its snapshots is valid.
absl::StatusOr<std::vector<ReplayStep>> Replay(const LoadTrace& trace,
                                               const ReplayOptions& options);

}  // namespace shardd
