#include "server/routing/table_history.h"

#include <utility>

#include "server/base/check.h"

namespace shardd {

void TableHistory::Add(std::shared_ptr<const RouteTable> table) {
  SHARDD_CHECK(tables_.empty() || table->epoch().value == current()->epoch().value + 1);
  tables_.push_back(std::move(table));
  if (tables_.size() > tables_max_) tables_.pop_front();
}

std::shared_ptr<const RouteTable> TableHistory::Find(TableEpoch epoch) const {
  for (const auto& table : tables_) {
    if (table->epoch() == epoch) return table;
  }
  return nullptr;
}

std::optional<std::vector<RouteTableDiff>> TableHistory::DiffsSince(TableEpoch epoch) const {
  if (Find(epoch) == nullptr) return std::nullopt;
  std::vector<RouteTableDiff> diffs;
  for (size_t i = 1; i < tables_.size(); ++i) {
    if (tables_[i - 1]->epoch() >= epoch) diffs.push_back(Diff(*tables_[i - 1], *tables_[i]));
  }
  return diffs;
}

}  // namespace shardd
