#pragma once

#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/rpc/write_stream.h"
#include "shardd/v1/routing.pb.h"

namespace shardd::rpc {

// RoutingService.WatchTable: the table or its changes since the caller's epoch, then each change as
// it comes, and signs of life in between.
//
// Looks at the published tables every second. Nobody has to tell it, and a caller whose table is
// old hears of that with its next request anyway (STALE_EPOCH carries the route).
class WatchTable final : public WriteStream<v1::WatchTableRequest, v1::WatchTableResponse> {
 public:
  WatchTable(const Config& config, Lane& lane) : WriteStream(config, lane) {}

 private:
  void OnStart() override;
  void OnWritten() override;
  void OnTimer() override;

  // Writes what is new, if anything is.
  void WriteNext();
  void WriteUpdate(const v1::WatchTableResponse& update, TableEpoch epoch);

  TableEpoch sent_;          // the caller has the table of this epoch
  absl::Time silent_since_;  // the last write
};

}  // namespace shardd::rpc
