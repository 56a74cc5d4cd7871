#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/core/operation_record.h"
#include "server/routing/route_table.h"
#include "storage/write_set.h"

namespace shardd {

// One change of the routing table, as stored (storage/FORMAT.md, "Table change") in the batch that
// makes it.
struct TableChange {
  absl::Time time;
  OperationKind kind = OperationKind::kSplit;
  OperationId operation;
  RouteTableDiff diff;

  std::string Encode() const;
  // Errors: kStorageCorrupt.
  static absl::StatusOr<TableChange> Decode(absl::string_view bytes);
};

// Its key in meta begins with this; the epoch that it led to follows.
inline constexpr absl::string_view kTableChangePrefix = "change/";
std::string TableChangeKey(TableEpoch epoch);

// The newest changes, oldest first, without a gap.
using Lineage = std::deque<std::shared_ptr<const TableChange>>;

// Of these, the ones that made a shard what it is, newest first: its own, and those of the shards
// it came from.
std::vector<std::shared_ptr<const TableChange>> LineageOf(const Lineage& lineage, ShardId shard);

}  // namespace shardd
