#include "server/core/operation_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/core/meta_records.h"

namespace shardd {
namespace {

constexpr absl::string_view kOperationPrefix = "operation/";

absl::Status OperationNotFound(OperationId id) {
  return Error(Reason::kOperationNotFound,
               absl::StrCat("operation ", ToText(id), " does not exist or is no longer kept"));
}

}  // namespace

std::string OperationKey(OperationId id) {
  return ByteWriter().Raw(kOperationPrefix).Fixed64(id.value).Take();
}

absl::Status OperationBook::Load(const storage::Reader& meta) {
  return ForEachRecord(
      meta, kOperationPrefix, [&](absl::string_view, absl::string_view value) -> absl::Status {
        SHARDD_ASSIGN_OR_RETURN(OperationRecord operation, OperationRecord::Decode(value));
        next_ = std::max(next_, operation.id.value + 1);
        running_ += operation.running() ? 1 : 0;
        operations_.emplace(operation.id, std::move(operation));
        return absl::OkStatus();
      });
}

absl::Status OperationBook::CheckRoom() const {
  if (running_ < limits::kOperationsRunningMax) return absl::OkStatus();
  return WithRetryAfter(
      Error(Reason::kTooManyCalls, absl::StrCat(limits::kOperationsRunningMax,
                                                " operations are running, as many as may at once")),
      limits::kMailboxRetryAfter);
}

OperationRecord& OperationBook::Begin(OperationRecord operation, CoordinatorTurn& turn) {
  operation.id = OperationId{next_++};
  operation.state = OperationState::kRunning;
  operation.create_time = AsStored(turn.now);
  ++running_;
  OperationRecord& kept = operations_.emplace(operation.id, std::move(operation)).first->second;
  Write(kept, turn);
  ForgetOld(turn);
  return kept;
}

void OperationBook::Write(const OperationRecord& operation, CoordinatorTurn& turn) {
  turn.batch.Put(storage::kMeta, OperationKey(operation.id), operation.Encode());
  changed_ = true;
}

OperationRecord OperationBook::Ended(OperationRecord operation, OperationState state,
                                     const absl::Status& error, absl::Time now) {
  operation.state = state;
  operation.end_time = AsStored(now);
  operation.status_message = "";
  operation.error_reason = ReasonOf(error);
  operation.error_message = std::string(error.message());
  return operation;
}

void OperationBook::End(OperationRecord& operation, OperationState state, const absl::Status& error,
                        CoordinatorTurn& turn) {
  HasEnded(Ended(operation, state, error, turn.now), turn);
}

void OperationBook::HasEnded(OperationRecord ended, CoordinatorTurn& turn) {
  OperationRecord& operation = operations_.at(ended.id);
  --running_;
  operation = std::move(ended);
  Write(operation, turn);
  AnswerWaiters(operation.id, turn);
}

OperationRecord* OperationBook::Find(OperationId id) {
  const auto found = operations_.find(id);
  return found == operations_.end() ? nullptr : &found->second;
}

absl::StatusOr<OperationRecord> OperationBook::Cancel(OperationId id, CoordinatorTurn& turn) {
  OperationRecord* const operation = Find(id);
  if (operation == nullptr) return OperationNotFound(id);
  if (!operation->running()) {
    return Error(Reason::kOperationEnded,
                 absl::StrCat("operation ", ToText(id), " has already ended"));
  }
  if (operation->state != OperationState::kCancelling) {
    operation->state = OperationState::kCancelling;
    operation->status_message = "stopping at the next step";
    Write(*operation, turn);
  }
  return *operation;
}

void OperationBook::Wait(CallId call, const WaitOperationRequest& request, CoordinatorTurn& turn) {
  const OperationRecord* const operation = Find(request.operation);
  if (operation == nullptr) {
    turn.effects.push_back(CoordinatorReply{call, OperationNotFound(request.operation)});
  } else if (!operation->running() || request.until <= turn.now) {
    turn.effects.push_back(CoordinatorReply{call, *operation});
  } else if (waiters_.size() >= limits::kOperationWaitersMax) {
    turn.effects.push_back(CoordinatorReply{
        call, Error(Reason::kTooManyCalls, "too many calls wait for operations; try again later")});
  } else {
    waiters_[call] = Waiter{request.operation, request.until};
  }
}

void OperationBook::StopWaiting(CallId call, CoordinatorTurn& turn) {
  const auto waiter = waiters_.find(call);
  if (waiter == waiters_.end()) return;  // answered in the meantime
  turn.effects.push_back(CoordinatorReply{call, operations_.at(waiter->second.operation)});
  waiters_.erase(waiter);
}

void OperationBook::AnswerWaiters(OperationId operation, CoordinatorTurn& turn) {
  std::erase_if(waiters_, [&](const auto& waiter) {
    if (waiter.second.operation != operation) return false;
    turn.effects.push_back(CoordinatorReply{waiter.first, operations_.at(operation)});
    return true;
  });
}

void OperationBook::FinishTurn(CoordinatorTurn& turn) {
  turn.wake_at = absl::InfiniteFuture();
  std::erase_if(waiters_, [&](const auto& waiter) {
    if (waiter.second.until > turn.now) {
      turn.wake_at = std::min(turn.wake_at, waiter.second.until);
      return false;
    }
    turn.effects.push_back(CoordinatorReply{waiter.first, operations_.at(waiter.second.operation)});
    return true;
  });
}

void OperationBook::EndWaits(CoordinatorTurn& turn) {
  for (const auto& [call, waiter] : waiters_) {
    turn.effects.push_back(
        CoordinatorReply{call, Error(Reason::kDraining,
                                     "the daemon is stopping; the operation goes on when it is "
                                     "started again")});
  }
  waiters_.clear();
}

void OperationBook::ForgetOld(CoordinatorTurn& turn) {
  for (auto oldest = operations_.begin();
       oldest != operations_.end() && operations_.size() > limits::kOperationsKept;) {
    if (oldest->second.running()) {
      ++oldest;
      continue;
    }
    turn.batch.Delete(storage::kMeta, OperationKey(oldest->first));
    oldest = operations_.erase(oldest);
  }
}

std::shared_ptr<const OperationTable> OperationBook::TakeChanged() {
  if (!std::exchange(changed_, false)) return nullptr;
  return std::make_shared<const OperationTable>(operations_);
}

}  // namespace shardd
