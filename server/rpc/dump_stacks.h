#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/rpc/write_stream.h"
#include "server/runtime/stack_dumper.h"
#include "shardd/v1/thread_tracking.pb.h"

namespace shardd::rpc {

// ThreadTrackingService.DumpStacks: has the dump made on another thread, then sends it in messages
// of a bounded size.
class DumpStacksStream final : public WriteStream<v1::DumpStacksRequest, v1::DumpStacksResponse> {
 public:
  DumpStacksStream(const Config& config, Lane& lane, StackDumper* dumper)
      : WriteStream(config, lane), dumper_(*dumper) {}

 private:
  using Stacks = absl::StatusOr<std::vector<ThreadStack>>;

  // Where the dump's thread leaves the stacks. A lock: the stream may be over before them, and then
  // nothing may be begun on its lane any more.
  struct Inbox {
    Mutex mutex;
    DumpStacksStream* stream ABSL_GUARDED_BY(mutex) = nullptr;  // null once it is over
    std::optional<Stacks> stacks ABSL_GUARDED_BY(mutex);
  };

  void OnStart() override;
  void OnPoked() override;
  void OnWritten() override { WriteNext(); }
  void OnOver() override;

  void WriteNext();

  StackDumper& dumper_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::vector<ThreadStack> stacks_;
  size_t sent_ = 0;
};

}  // namespace shardd::rpc
