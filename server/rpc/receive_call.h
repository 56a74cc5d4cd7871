#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/async_unary_call.h>

#include <atomic>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/rpc/message_receiver.h"
#include "server/rpc/parsed.h"
#include "server/rpc/stream_call.h"
#include "shardd/v1/messaging.pb.h"

namespace shardd::rpc {

// MessagingService.Receive: one response, but perhaps a long time to wait for it, so unlike other
// calls with one response it notices that its caller has gone, and gives back what it received for
// him.
//
// Thread safety: everything on the poller, but EndWith, which brings the poller here.
class ReceiveCall final : public StreamCall, public std::enable_shared_from_this<ReceiveCall> {
 public:
  struct Config {
    DescribedService::Method method;
    Admission admission = Admission::kData;
    std::function<std::shared_ptr<ReceiveCall>(const Config&, Lane&)> make;
  };
  static void Post(const Config& config, Lane& lane);
  ReceiveCall(const Config& config, Lane& lane);
  ~ReceiveCall() override;

  void EndWith(absl::Status status) override;

 private:
  void Started(bool ok);
  void Poked(bool);
  void TimedOut(bool);
  void Done(bool);
  void Sent(bool) {}

  absl::Status StartReceiving();
  void Received(absl::StatusOr<ReceiveResult> result);
  void Finish(const absl::Status& status);
  // The call is over: lets go of everything.
  void Leave(grpc::StatusCode code);

  const Config& config_;
  grpc::ServerContext context_;
  Parsed<v1::ReceiveRequest> request_;
  v1::ReceiveResponse response_;
  grpc::ServerAsyncResponseWriter<v1::ReceiveResponse> responder_;
  CallTag<ReceiveCall> start_tag_{&ReceiveCall::Started};
  CallTag<ReceiveCall> poke_tag_{&ReceiveCall::Poked};
  CallTag<ReceiveCall> timer_tag_{&ReceiveCall::TimedOut};
  CallTag<ReceiveCall> done_tag_{&ReceiveCall::Done};
  CallTag<ReceiveCall> finish_tag_{&ReceiveCall::Sent};
  grpc::Alarm timer_;
  grpc::Alarm poke_alarm_;
  std::shared_ptr<MessageReceiver> receiver_;
  size_t held_bytes_ = 0;
  bool over_ = false;

  std::atomic<bool> poked_{false};
  Mutex mutex_;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd::rpc
