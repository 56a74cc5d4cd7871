#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/load_balancing_service/balancing_config.h"
#include "server/load_balancing_service/balancing_snapshot.h"
#include "server/load_balancing_service/load_window.h"
#include "server/load_balancing_service/split_key_sampler.h"
#include "server/runtime/balancing_view.h"

namespace shardd {

// The load of each shard over the last minutes, out of the readings of the meters.
//
// A shard that has changed (range, owner or home) gets a new window and a new sampler, begun when
// the change is seen: nothing from before it is in them.
//
// Thread safety: none; owned by the balancer.
class LoadBook {
 public:
  LoadBook(absl::Time started_at, LoadWindow::Pace pace) : started_at_(started_at), pace_(pace) {}

  // Reads the meters. REQUIRES: `now` does not go back.
  void Observe(absl::Time now, const BalancingView& view);

  // The next Observe begins all windows anew, with another pace.
  void SetPace(LoadWindow::Pace pace);

  // A change of the shard was refused or has failed: it is not tried again before the shard has
  // cooled down as if it had been changed.
  void NoteFailure(ShardId shard, absl::Time now);

  // What the planner is told, but for pauses. REQUIRES: Observe was called with the same `view`.
  BalancingSnapshot Snapshot(absl::Time now, const BalancingView& view,
                             const BalancingConfig& config) const;

 private:
  struct Entry {
    Entry(const Route& its_route, absl::Time now, LoadWindow::Pace pace);

    Route route;
    absl::Time last_change = absl::InfinitePast();  // that the coordinator noted
    absl::Time last_failure = absl::InfinitePast();
    bool begin_anew = false;
    absl::Time read_at;
    ShardLoadMeter::Reading reading;
    LoadWindow window;
    SplitKeySampler sampler;
  };

  void Begin(absl::Time now, const Route& route, const ShardNote& note, ShardLoadMeter& meter);
  static void Read(absl::Time now, ShardLoadMeter& meter, Entry& entry);

  const absl::Time started_at_;
  LoadWindow::Pace pace_;
  std::map<ShardId, Entry> entries_;
};

// The changes of the table that are under way: splits, merges and rehomes, whoever asked for them.
uint32_t ChangesRunning(const OperationTable& operations);

}  // namespace shardd
