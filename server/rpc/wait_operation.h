#pragma once

#include <grpcpp/support/async_unary_call.h>

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/mutex.h"
#include "server/rpc/parsed.h"
#include "server/rpc/stream_call.h"
#include "shardd/v1/operation.pb.h"

namespace shardd::rpc {

// kInvalidField unless `text` is `op-N`.
absl::StatusOr<OperationId> OperationIdFrom(absl::string_view text);

// OperationService.WaitOperation: one response, but a long time to wait for it, so unlike other
// calls with one response it notices that its caller has gone and then stops waiting.
//
// Thread safety: whoever is first to end it (the coordinator's answer, the caller's going, a drain)
// does so under the lock; the rest runs on the poller.
class WaitOperation final : public StreamCall,
                            public ReplyTarget,
                            public std::enable_shared_from_this<WaitOperation> {
 public:
  struct Config {
    DescribedService::Method method;
    Admission admission = Admission::kOperator;
    std::function<std::shared_ptr<WaitOperation>(const Config&, Lane&)> make;
  };
  static void Post(const Config& config, Lane& lane);
  WaitOperation(const Config& config, Lane& lane);

  void OnCoordinatorReply(absl::StatusOr<CoordinatorAnswer> answer) override;
  void EndWith(absl::Status status) override;

 private:
  void Started(bool ok);
  void Done(bool ok);
  void Sent(bool ok);

  absl::Status StartWaiting();
  // Claims the right to end the call; true once.
  bool Claim();
  void Finish(const absl::Status& status);
  void Leave(grpc::StatusCode code);
  // Not from the coordinator's thread.
  void StopWaiting();
  CallId id();

  const Config& config_;
  grpc::ServerContext context_;
  Parsed<v1::WaitOperationRequest> request_;
  v1::WaitOperationResponse response_;
  grpc::ServerAsyncResponseWriter<v1::WaitOperationResponse> responder_;
  CallTag<WaitOperation> start_tag_{&WaitOperation::Started};
  CallTag<WaitOperation> done_tag_{&WaitOperation::Done};
  CallTag<WaitOperation> finish_tag_{&WaitOperation::Sent};

  Mutex mutex_;
  bool claimed_ ABSL_GUARDED_BY(mutex_) = false;
  CallId id_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd::rpc
