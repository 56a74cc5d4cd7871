#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/core/coordinator_event.h"
#include "server/core/operation_record.h"
#include "storage/store.h"

namespace shardd {

// All operations, running and ended, and who waits for their end.
//
// Thread safety: none. Owned by the coordinator.
// Invariant: an operation is recorded before its first step, and its end in the batch that
// completes it.
class OperationBook {
 public:
  // Errors: kStorageCorrupt.
  absl::Status Load(const storage::Reader& meta);

  // kTooManyCalls if as many run as may at once.
  absl::Status CheckRoom() const;
  // Records a new one. REQUIRES: CheckRoom() is OK.
  OperationRecord& Begin(OperationRecord operation, CoordinatorTurn& turn);
  // Records what was changed in one.
  void Write(const OperationRecord& operation, CoordinatorTurn& turn);
  // How it will be recorded once it has ended so; it has not, yet.
  static OperationRecord Ended(OperationRecord operation, OperationState state,
                               const absl::Status& error, absl::Time now);
  // Ends one, and answers who waits for it.
  void End(OperationRecord& operation, OperationState state, const absl::Status& error,
           CoordinatorTurn& turn);
  // The same for one whose end is already stored.
  void HasEnded(OperationRecord ended, CoordinatorTurn& turn);

  // nullptr if it is not known.
  OperationRecord* Find(OperationId id);
  const OperationTable& table() const { return operations_; }

  absl::StatusOr<OperationRecord> Cancel(OperationId id, CoordinatorTurn& turn);
  void Wait(CallId call, const WaitOperationRequest& request, CoordinatorTurn& turn);
  void StopWaiting(CallId call, CoordinatorTurn& turn);
  // Answers those whose time to wait is up, and sets when the next one's is.
  void FinishTurn(CoordinatorTurn& turn);
  // Answers everybody who still waits with kDraining.
  void EndWaits(CoordinatorTurn& turn);

  // The table if it changed since it was asked for last; else nullptr.
  std::shared_ptr<const OperationTable> TakeChanged();

 private:
  struct Waiter {
    OperationId operation;
    absl::Time until;
  };

  void ForgetOld(CoordinatorTurn& turn);
  void AnswerWaiters(OperationId operation, CoordinatorTurn& turn);

  OperationTable operations_;
  uint64_t next_ = 1;
  size_t running_ = 0;
  std::map<CallId, Waiter> waiters_;
  bool changed_ = true;  // at first nobody knows it
};

// Its key in meta.
std::string OperationKey(OperationId id);

}  // namespace shardd
