#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/load_balancing_service/decision.h"

namespace shardd {

// A decision as kept. Doing nothing again for the same reason is not a new entry: it is counted,
// and the newest inputs stand for all.
struct LoggedDecision {
  uint64_t number = 0;  // 1 and up, without a gap
  Decision decision;
  absl::Time first_time;
  uint64_t times = 1;

  // Errors: kStorageCorrupt.
  std::string Encode() const;
  static absl::StatusOr<LoggedDecision> Decode(absl::string_view bytes);
  friend bool operator==(const LoggedDecision&, const LoggedDecision&) = default;
};

// The newest decisions, "nothing" too, in fixed memory.
//
// Thread safety: none; owned by whoever plans.
class DecisionLog {
 public:
  // REQUIRES: entries_max > 0.
  explicit DecisionLog(size_t entries_max);

  // Takes up what an earlier run stored, in the order of the numbers; the newest entries_max of it.
  // kStorageCorrupt if a number is missing.
  static absl::StatusOr<DecisionLog> Restore(std::vector<LoggedDecision> entries,
                                             size_t entries_max);

  // What a store of the log has to write and to remove.
  struct Change {
    const LoggedDecision* written;  // valid until the next Add
    std::optional<uint64_t> removed;
  };
  Change Add(Decision decision);

  const std::deque<LoggedDecision>& entries() const { return entries_; }  // oldest first
  // nullptr if none is kept.
  const LoggedDecision* Latest(ShardId shard) const;

 private:
  LoggedDecision* FindLatest(ShardId shard);
  std::optional<uint64_t> Append(LoggedDecision entry);

  size_t entries_max_;
  uint64_t next_number_ = 1;
  std::deque<LoggedDecision> entries_;
  std::map<ShardId, uint64_t> latest_;  // numbers of entries
};

}  // namespace shardd
