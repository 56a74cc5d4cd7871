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

bool MeasuredFrames::Next(v1::SessionRequest& frame) {
  if (meter_.Over(MeterClock::now())) return false;
  frame.set_frame_id(frame.frame_id() + 1);
  for (int i = 0; i < operations_; ++i) {
    v1::SessionOperation& operation = OperationAt(frame, i);
    if (kind_ == Kind::kPut) {
      FillPut(dataset_, *operation.mutable_apply());
    } else {
      FillGet(dataset_, *operation.mutable_get());
    }
  }
  return true;
}

absl::Status MeasuredFrames::Answered(MeterClock::time_point started,
                                      const v1::SessionResponse& answer) {
  if (answer.results_size() != operations_) return absl::DataLossError("a frame lost results");
  for (const v1::SessionResult& result : answer.results()) {
    const bool expected =
        kind_ == Kind::kPut ? IsPutAnswer(result.apply()) : IsGetAnswer(dataset_, result.get());
    if (!expected) return WrongAnswer(result);
  }
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
  for (const v1::SessionResult& result : answer.results()) {
    if (!IsPutAnswer(result.apply())) return WrongAnswer(result);
  }
  return absl::OkStatus();
}

}  // namespace shardd::bench
