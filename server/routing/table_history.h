#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "server/routing/route_table.h"

namespace shardd {

// The newest tables, for callers that ask for an old epoch or for what changed since.
//
// Thread safety: none; owned by the coordinator.
class TableHistory {
 public:
  explicit TableHistory(size_t tables_max) : tables_max_(tables_max) {}

  // REQUIRES: its epoch follows the current one by one, or it is the first.
  void Add(std::shared_ptr<const RouteTable> table);

  // REQUIRES: a table was added.
  const std::shared_ptr<const RouteTable>& current() const { return tables_.back(); }

  // nullptr if that epoch is no longer, or not yet, known.
  std::shared_ptr<const RouteTable> Find(TableEpoch epoch) const;

  // One diff for each change after `epoch`, oldest first; nullopt if that is no longer known.
  std::optional<std::vector<RouteTableDiff>> DiffsSince(TableEpoch epoch) const;

 private:
  size_t tables_max_;
  std::deque<std::shared_ptr<const RouteTable>> tables_;
};

}  // namespace shardd
