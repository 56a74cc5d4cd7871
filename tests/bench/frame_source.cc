#include "tests/bench/frame_source.h"

#include "absl/strings/str_cat.h"
#include "tests/bench/requests.h"

namespace shardd::bench {
namespace {

constexpr int kFillOperations = 256;

// The operation at `index`, which keeps what the frame before had there.
v1::SessionOperation& OperationAt(v1::SessionRequest& frame, int index) {
  return index < frame.operations_size() ? *frame.mutable_operations(index)
                                         : *frame.add_operations();
}

absl::Status WrongAnswer(const v1::SessionResult& result) {
  return absl::DataLossError(
      absl::StrCat("a session's answer was not what it must be: ", result.ShortDebugString()));
}

}  // namespace

void FillPuts(Dataset& dataset, int operations, v1::SessionRequest& frame) {
  frame.set_frame_id(frame.frame_id() + 1);
  for (int i = 0; i < operations; ++i) {
    FillPut(dataset, *OperationAt(frame, i).mutable_apply());
  }
}

absl::Status CheckPutAnswers(const v1::SessionResponse& answer, int operations) {
  if (answer.results_size() != operations) return absl::DataLossError("a frame lost results");
  for (const v1::SessionResult& result : answer.results()) {
    if (!IsPutAnswer(result.apply())) return WrongAnswer(result);
  }
  return absl::OkStatus();
}

bool MeasuredFrames::Next(v1::SessionRequest& frame) {
  if (meter_.Over(MeterClock::now())) return false;
  if (kind_ == Kind::kPut) {
    FillPuts(dataset_, operations_, frame);
    return true;
  }
  frame.set_frame_id(frame.frame_id() + 1);
  for (int i = 0; i < operations_; ++i) {
    FillGet(dataset_, *OperationAt(frame, i).mutable_get());
  }
  return true;
}

absl::Status MeasuredFrames::Check(const v1::SessionResponse& answer) const {
  if (kind_ == Kind::kPut) return CheckPutAnswers(answer, operations_);
  if (answer.results_size() != operations_) return absl::DataLossError("a frame lost results");
  for (const v1::SessionResult& result : answer.results()) {
    if (!IsGetAnswer(dataset_, result.get())) return WrongAnswer(result);
  }
  return absl::OkStatus();
}

absl::Status MeasuredFrames::Answered(MeterClock::time_point started,
                                      const v1::SessionResponse& answer) {
  const absl::Status right = Check(answer);
  if (!right.ok()) return right;
  meter_.Record(started, MeterClock::now(), static_cast<uint64_t>(operations_));
  return absl::OkStatus();
}

bool FillFrames::Next(v1::SessionRequest& frame) {
  if (next_account_ == dataset_.options().accounts) return false;
  frame.set_frame_id(frame.frame_id() + 1);
  frame.clear_operations();
  for (int i = 0; i < kFillOperations && next_account_ < dataset_.options().accounts; ++i) {
    FillCreate(dataset_, next_account_++, *frame.add_operations()->mutable_apply());
  }
  return true;
}

absl::Status FillFrames::Answered(MeterClock::time_point, const v1::SessionResponse& answer) {
  return CheckPutAnswers(answer, answer.results_size());
}

}  // namespace shardd::bench
