#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "shardd/v1/state.grpc.pb.h"
#include "tests/bench/frame_source.h"

namespace shardd::bench {

struct SessionShape {
  int sessions = 1;
  int frames_in_flight = 1;  // In each session.
};

// Keeps frames in flight on one or more StateService.Session streams, on one completion queue and
// one thread, until the source has no more.
class SessionLoad {
 public:
  SessionLoad(const std::shared_ptr<grpc::Channel>& channel, FrameSource& source,
              SessionShape shape);
  ~SessionLoad();

  // Runs the whole load. Any failed stream or wrong answer ends it with an error.
  absl::Status Run();

 private:
  class Session;

  // Keeps the first failure and cancels every session.
  void Fail(absl::Status failure);

  const std::unique_ptr<v1::StateService::Stub> stub_;
  FrameSource& source_;
  const SessionShape shape_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Session>> sessions_;
  int steps_pending_ = 0;
  absl::Status failure_;
};

}  // namespace shardd::bench
