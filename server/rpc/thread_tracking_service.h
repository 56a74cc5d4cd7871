#pragma once

#include "server/rpc/call_service.h"
#include "server/runtime/stack_dumper.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "shardd/v1/thread_tracking.pb.h"

namespace shardd::rpc {

// shardd.v1.ThreadTrackingService: the daemon's threads.
class ThreadTrackingService final : public CallService {
 public:
  ThreadTrackingService(CallContext& context, ThreadRegistry& threads);

 private:
  StackDumper dumper_;
};

}  // namespace shardd::rpc
