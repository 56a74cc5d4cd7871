#pragma once

#include <grpcpp/server_context.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/rpc/call_context.h"
#include "server/rpc/described_service.h"

namespace shardd::rpc {

// The start and end of any stream: admission, counting, the list of open streams.
class StreamCall : public EndableStream {
 protected:
  StreamCall(const DescribedService::Method& method, Admission admission, Lane& lane)
      : method_(method), admission_(admission), lane_(lane) {}

  // A caller has arrived. An error refuses it; End must still follow.
  absl::Status Begin(std::weak_ptr<EndableStream> self);
  // The stream is over, in the way of `code`. Harmless when called again.
  void End(grpc::StatusCode code);

  CallContext& shared() { return *method_.context; }
  Runtime& runtime() { return *method_.context->runtime; }
  Lane& lane() { return lane_; }
  const DescribedService::Method& method() const { return method_; }

 private:
  OpenStreams& open_streams();

  const DescribedService::Method method_;
  const Admission admission_;
  Lane& lane_;
  absl::Time begin_time_;
  bool admitted_ = false;
  bool ended_ = false;
};

}  // namespace shardd::rpc
