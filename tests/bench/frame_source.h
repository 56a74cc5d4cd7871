#pragma once

#include "absl/status/status.h"
#include "shardd/v1/state.pb.h"
#include "tests/bench/dataset.h"
#include "tests/bench/meter.h"

namespace shardd::bench {

// Makes the frames of a session and judges the answers. Borrowed by SessionLoad, used on its
// thread.
class FrameSource {
 public:
  virtual ~FrameSource() = default;

  // Makes the next frame over one that this source made before. False: there are no more.
  virtual bool Next(v1::SessionRequest& frame) = 0;

  // Takes the answer to a frame that was begun at `started`. An error ends the load.
  virtual absl::Status Answered(MeterClock::time_point started,
                                const v1::SessionResponse& answer) = 0;
};

// Makes `frame` the next one, of `operations` puts of random accounts.
void FillPuts(Dataset& dataset, int operations, v1::SessionRequest& frame);

// Whether a frame of `operations` puts was answered, each by its revision.
absl::Status CheckPutAnswers(const v1::SessionResponse& answer, int operations);

// Frames of `operations` puts or gets of random accounts until the meter's window is over.
class MeasuredFrames final : public FrameSource {
 public:
  enum class Kind { kPut, kGet };

  MeasuredFrames(Kind kind, int operations, Dataset& dataset, Meter& meter)
      : kind_(kind), operations_(operations), dataset_(dataset), meter_(meter) {}

  bool Next(v1::SessionRequest& frame) override;
  absl::Status Answered(MeterClock::time_point started, const v1::SessionResponse& answer) override;

 private:
  absl::Status Check(const v1::SessionResponse& answer) const;

  const Kind kind_;
  const int operations_;
  Dataset& dataset_;
  Meter& meter_;
};

// Frames that create every account of the dataset once.
class FillFrames final : public FrameSource {
 public:
  explicit FillFrames(Dataset& dataset) : dataset_(dataset) {}

  bool Next(v1::SessionRequest& frame) override;
  absl::Status Answered(MeterClock::time_point started, const v1::SessionResponse& answer) override;

 private:
  Dataset& dataset_;
  uint64_t next_account_ = 0;
};

}  // namespace shardd::bench
