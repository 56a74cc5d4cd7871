#include "server/rpc/watch_table.h"

#include <optional>
#include <vector>

#include "server/base/limits.h"
#include "server/rpc/convert_results.h"

namespace shardd::rpc {
namespace {

constexpr absl::Duration kTableLookInterval = absl::Seconds(1);

}  // namespace

void WatchTable::OnStart() {
  sent_ = TableEpoch{request().start_epoch()};
  // The first thing a caller gets, if nothing else, is a sign of life.
  silent_since_ = absl::InfinitePast();
  WriteNext();
  StartTimer(kTableLookInterval);
}

void WatchTable::OnWritten() { WriteNext(); }

void WatchTable::OnTimer() {
  if (over()) return;
  WriteNext();
  StartTimer(kTableLookInterval);
}

void WatchTable::WriteNext() {
  if (writing() || over()) return;
  const std::shared_ptr<const TableHistory> tables = runtime().tables();
  const TableEpoch current = tables->current()->epoch();
  v1::WatchTableResponse update;
  if (sent_ == current) {
    if (shared().clock.Now() - silent_since_ < limits::kWatchProgressInterval) return;
    update.set_progress_epoch(current.value);
    return WriteUpdate(update, current);
  }
  std::optional<std::vector<RouteTableDiff>> diffs;
  if (sent_.value != 0 && sent_ < current) diffs = tables->DiffsSince(sent_);
  if (diffs.has_value() && !diffs->empty()) {
    ToProto(diffs->front(), *update.mutable_diff());
    return WriteUpdate(update, diffs->front().epoch);
  }
  ToProto(*tables->current(), *update.mutable_table());
  WriteUpdate(update, current);
}

void WatchTable::WriteUpdate(const v1::WatchTableResponse& update, TableEpoch epoch) {
  sent_ = epoch;
  silent_since_ = shared().clock.Now();
  Write(update);
}

}  // namespace shardd::rpc
