#pragma once

#include <cstddef>
#include <vector>

#include "server/rpc/write_stream.h"
#include "server/runtime/trace_ring.h"
#include "shardd/v1/load_balancing.pb.h"

namespace shardd::rpc {

// LoadBalancingService.StreamLoadTrace: the rounds that are kept when the call begins, as a file.
class LoadTraceStream final
    : public WriteStream<v1::StreamLoadTraceRequest, v1::StreamLoadTraceResponse> {
 public:
  LoadTraceStream(const Config& config, Lane& lane) : WriteStream(config, lane) {}

 private:
  void OnStart() override;
  void OnWritten() override { WriteNext(); }
  void OnOver() override { frames_.clear(); }

  void WriteNext();

  std::vector<TraceRing::Frame> frames_;
  size_t next_frame_ = 0;
  size_t written_bytes_ = 0;  // of it
};

}  // namespace shardd::rpc
