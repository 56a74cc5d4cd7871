#include "server/rpc/load_trace_stream.h"

#include <algorithm>
#include <string>

#include "server/base/limits.h"
#include "server/load_balancing_service/load_trace.h"
#include "server/runtime/balancer.h"

namespace shardd::rpc {

void LoadTraceStream::OnStart() {
  frames_ = runtime().balancer().trace();
  frames_.insert(frames_.begin(), std::make_shared<const std::string>(TraceHeader()));
  WriteNext();
}

// A large frame takes several messages, and small ones share one.
void LoadTraceStream::WriteNext() {
  if (over()) return;
  v1::StreamLoadTraceResponse response;
  std::string& data = *response.mutable_data();
  while (next_frame_ < frames_.size() && data.size() < limits::kPageBytesMax) {
    const std::string& frame = *frames_[next_frame_];
    const size_t bytes =
        std::min(frame.size() - written_bytes_, limits::kPageBytesMax - data.size());
    data.append(frame, written_bytes_, bytes);
    written_bytes_ += bytes;
    if (written_bytes_ < frame.size()) break;
    ++next_frame_;
    written_bytes_ = 0;
  }
  if (data.empty()) return Finish(absl::OkStatus());
  Write(response);
}

}  // namespace shardd::rpc
