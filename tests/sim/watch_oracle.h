#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/core/event.h"
#include "tests/sim/model.h"
#include "tests/sim/trace.h"
#include "tests/sim/verdict.h"

namespace shardd::sim {

// A watch that ended with its daemon, and where it would go on.
struct BrokenWatch {
  AccountRef account;
  uint64_t next_revision = 0;
};

// Judges watches: each committed change is delivered once, in order, by the end of its turn, or the
// watch says that it cannot.
//
// Thread safety: none.
class WatchOracle {
 public:
  WatchOracle(const Model& model, Verdict& verdict, Trace& trace)
      : model_(model), verdict_(verdict), trace_(trace) {}

  // A shard ran a WatchRequest, after the changes that are in the model now. `refusal` is nullptr
  // if it did not refuse.
  void Started(CallId call, const WatchRequest& request, const std::string* refusal);
  void Delivered(const WatchEvent& event);
  void Ended(CallId call) { watches_.erase(call); }
  // All effects of a turn were delivered, of the shard with this range.
  void TurnEnded(const KeyRange& range);
  // The daemon died.
  std::vector<BrokenWatch> Break();

  // One of the watches that stand, for a client to end it. REQUIRES: count() > 0.
  std::pair<CallId, AccountRef> Some(uint64_t choice) const;
  size_t count() const { return watches_.size(); }

 private:
  struct Watch {
    AccountRef account;
    uint64_t next_revision = 0;
  };

  bool MayBeCompacted(const ModelAccount& account, uint64_t start) const;

  const Model& model_;
  Verdict& verdict_;
  Trace& trace_;
  std::map<CallId, Watch> watches_;
};

}  // namespace shardd::sim
