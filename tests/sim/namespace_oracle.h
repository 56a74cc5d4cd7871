#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/core/coordinator_core.h"
#include "tests/sim/model.h"
#include "tests/sim/trace.h"
#include "tests/sim/verdict.h"

namespace shardd::sim {

// Judges the coordinator: namespaces and operations change only as asked, an operation that was
// acknowledged is there after a crash and ends, and a namespace is gone only when it is empty.
//
// Thread safety: none.
class NamespaceOracle {
 public:
  NamespaceOracle(const Model& model, Verdict& verdict, Trace& trace)
      : model_(model), verdict_(verdict), trace_(trace) {}

  // A turn ran; `core` is as it left it. It is in flight until synced.
  void TurnRan(const std::vector<CoordinatorRequest>& requests,
               const std::vector<PurgeResult>& results, const CoordinatorTurn& turn,
               const CoordinatorCore& core);
  void TurnWritten() { written_ = true; }
  void Synced() {
    if (written_) durable_ = true;
  }
  void TurnWroteNothing() { durable_ = true; }

  void Delivered(const CoordinatorReply& reply);
  void Published(const PublishTables& tables);
  // All effects of a turn were performed.
  void TurnEnded();

  void Died();
  // `core` was loaded from what is stored.
  void Recovered(const CoordinatorCore& core);

  // Whether a namespace takes requests, by what was published last.
  bool PublishedActive(const std::string& name) const;
  bool Exists(const std::string& name) const {
    return name.empty() || now_.namespaces.contains(name);
  }
  // Whether an operation deletes it, by the turn that ran last.
  bool BeingDeleted(const std::string& name) const;
  bool Running(OperationId operation) const {
    const auto found = now_.operations.find(operation);
    return found != now_.operations.end() && found->second.running();
  }
  bool AllEnded() const;
  const OperationTable& operations() const { return now_.operations; }

 private:
  struct State {
    NamespaceTable namespaces;
    OperationTable operations;
    friend bool operator==(const State&, const State&) = default;
  };

  void CheckOperations(const State& before, const std::vector<CoordinatorRequest>& requests,
                       const std::vector<PurgeResult>& results);
  void CheckNamespaces(const State& before, const std::vector<CoordinatorRequest>& requests);
  static bool Same(const State& stored, const State& known);
  void CheckShardOperation(const OperationRecord& operation);
  void MeetEnd(OperationState state);
  void CheckSucceeded(const OperationRecord& operation);

  const Model& model_;
  Verdict& verdict_;
  Trace& trace_;
  State now_;     // after the turn that ran last
  State before_;  // before it
  bool written_ = false;
  bool durable_ = true;
  std::map<CallId, std::string> answers_;  // of the turn that ran last, not yet delivered
  bool acknowledged_ = false;              // whether one of its OKs was delivered
  NamespaceTable published_;
  uint64_t highest_operation_ = 0;
};

}  // namespace shardd::sim
