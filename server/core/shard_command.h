#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/core/hand_over.h"
#include "server/routing/route_table.h"
#include "server/shard_state_operations/range_survey.h"
#include "server/shard_state_operations/records.h"
#include "storage/write_set.h"

namespace shardd {

// What the coordinator tells the owner of a shard about the shard itself. Commands have a lane of
// their own beside the requests and are run between two turns, each in a turn and a batch of its
// own; but an Absorb may end a turn of requests, and shares their batch. How they follow each other
// is in tests/models/epoch_flip.pml and rehome.pml.

// Why a range is surveyed.
enum class SurveyPurpose {
  kCount,   // what a split takes away
  kMedian,  // where to split
  kVerify,  // every record
};

// Have the range read as of now; answered by the runtime with SurveyDone. For kCount, note what
// changes in the range from now on.
struct BeginSurvey {
  OperationId operation;
  SurveyPurpose purpose = SurveyPurpose::kCount;
  KeyRange range;
};
// Note it no longer, and what is still read is not wanted: the operation is cancelled or has
// failed.
struct EndSurvey {
  OperationId operation;
};

// Split now: the range from child.range.start on goes to a new owner. `records` (table, operation,
// lineage) are committed in the same batch. Answered with TableFlipped.
struct SplitOff {
  OperationId operation;
  TableEpoch epoch;
  Route child;
  SurveyTotals counted;  // what the survey has found in the child's range
  storage::WriteSet records;
};

// Take no more requests and give away what is in memory: a neighbour takes the range over. Answered
// with ShardRetired.
struct Retire {
  OperationId operation;
};
// It does not, after all.
struct Unretire {
  OperationId operation;
  std::shared_ptr<HandOver> state;
};
// Take over the range of `ended`, which has retired. Answered with TableFlipped.
struct Absorb {
  OperationId operation;
  TableEpoch epoch;
  Route ended;
  std::shared_ptr<HandOver> state;
  storage::WriteSet records;
};

// Begin to copy to another home, which exists. Answered with HomeCopied.
struct BeginRehome {
  OperationId operation;
  storage::Family to;
};
// Lie in the other home from now on. Answered with TableFlipped.
struct SwitchHome {
  OperationId operation;
  TableEpoch epoch;
  storage::WriteSet records;
};
// Everybody reads by the table that SwitchHome led to: clear the old home. Answered with
// HomeCleared.
struct HomePublished {
  OperationId operation;
  bool clear = true;  // the old home holds other shards; otherwise all of it goes
};
// Copy no further, and clear what was copied. Answered with HomeCleared.
struct AbandonRehome {
  OperationId operation;
  bool clear = true;  // the other home holds other shards
};

// Let requests wait until then; a time that has passed ends it.
struct PauseRequests {
  absl::Time until;
};

using ShardCommand =
    std::variant<BeginSurvey, EndSurvey, SplitOff, Retire, Unretire, Absorb, BeginRehome,
                 SwitchHome, HomePublished, AbandonRehome, PauseRequests>;

// What the owner of a shard tells the coordinator.
struct TableFlipped {
  OperationId operation;
  ShardId shard;
  absl::Time since;      // when requests to the range began to wait
  absl::Duration pause;  // how long they did; filled in by the runtime
};
struct ShardRetired {
  OperationId operation;
  ShardId shard;
  std::shared_ptr<HandOver> state;
};
struct HomeCopied {
  OperationId operation;
  ShardId shard;
  absl::Status status;  // why it could not be
};
struct HomeCleared {
  OperationId operation;
  ShardId shard;
};
// An operation has gone on: by so many steps since it was told last, records copied or read. Told
// now and then, and before whatever ends that part of the operation.
struct OperationAdvanced {
  OperationId operation;
  uint64_t steps = 0;
};
using ShardReport =
    std::variant<TableFlipped, ShardRetired, HomeCopied, HomeCleared, OperationAdvanced>;

// For the runtime: read a range as of now, and tell the coordinator with SurveyDone; until then,
// how far it is.
struct SurveyOrder {
  OperationId operation;
  ShardId shard;
  SurveyPurpose purpose = SurveyPurpose::kCount;
  storage::Family home;
  KeyRange range;
  ShardStats stats;  // the shard's own counts, as of now
};
struct SurveyDone {
  OperationId operation;
  SurveyPurpose purpose = SurveyPurpose::kCount;
  absl::Status status;
  SurveyTotals totals;
  ShardStats stats;  // those of the order
  std::optional<RoutingKey> median_key;
  uint64_t error_count = 0;
  std::string first_error;
};
// For the runtime: if a survey or a compaction of this operation is under way, or waits, it is not
// wanted any more: end it soon, and tell nothing.
struct CancelJob {
  OperationId operation;
};

// For the runtime: there is a new owner. What waits for its range goes to it before anything newer.
struct StartShard {
  Route route;
  TableEpoch epoch;
  std::shared_ptr<HandOver> state;
};
// For the runtime: this shard owns the range of `ended` as well; what waits there comes here.
struct EndShard {
  ShardId ended;
  TableEpoch epoch;
};

}  // namespace shardd
