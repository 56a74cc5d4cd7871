#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/load_balancing_service/balancing_snapshot.h"
#include "server/load_balancing_service/decision.h"

namespace shardd {

// One round of the balancer: all that it knew, and what it did.
struct TraceRecord {
  BalancingSnapshot snapshot;
  std::vector<Decision> acted;  // the decisions that act

  // Errors: kStorageCorrupt.
  std::string Encode() const;
  static absl::StatusOr<TraceRecord> Decode(absl::string_view bytes);
  friend bool operator==(const TraceRecord&, const TraceRecord&) = default;
};

// A recorded load: the rounds of a balancer in order. As a file it is a header and then the frames
// of the records, so that a recorder only ever appends:
//   "shardd load trace 1\n" | frame …
//   frame: length (varint) | record | XXH3-64 of the record (8 bytes, big-endian)
struct LoadTrace {
  std::vector<TraceRecord> records;
  bool cut_short = false;  // the last frame was incomplete, as after a crash, and is left out

  // kStorageCorrupt if it is no trace, a record is damaged, or it is larger than the limits allow.
  // Every record of what is returned was validated.
  static absl::StatusOr<LoadTrace> Decode(absl::string_view bytes);
};

absl::string_view TraceHeader();
// REQUIRES: record.Encode() is not above limits::kTraceRecordBytesMax.
std::string TraceFrame(const TraceRecord& record);
// The same of a round as it was made: of its decisions those that act, and samples only of as many
// shards as limits::kTraceShardsSampled.
std::string TraceFrame(const BalancingSnapshot& snapshot, absl::Span<const Decision> decisions);

}  // namespace shardd
