#include "server/rpc/stream_call.h"

#include <utility>

#include "server/base/status_macros.h"

namespace shardd::rpc {

OpenStreams& StreamCall::open_streams() {
  return admission_ == Admission::kProbe ? shared().probes : shared().streams;
}

absl::Status StreamCall::Begin(std::weak_ptr<EndableStream> self) {
  begin_time_ = shared().clock.Now();
  method_.metrics->CountStarted();
  SHARDD_RETURN_IF_ERROR(shared().Begin(admission_));
  admitted_ = true;
  open_streams().Add(this, std::move(self));
  // A drain that began in between has not seen this stream in the list. What operators look with
  // may begin while it goes on, and ends when it is over.
  if (admission_ == Admission::kData && shared().draining.load()) return DrainingError();
  return absl::OkStatus();
}

void StreamCall::End(grpc::StatusCode code) {
  if (ended_) return;
  ended_ = true;
  method_.metrics->CountHandled(code, shared().clock.Now() - begin_time_);
  if (!admitted_) return;
  open_streams().Remove(this);
  shared().End(admission_);
}

}  // namespace shardd::rpc
