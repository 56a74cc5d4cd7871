#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/async_stream.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/rpc/message_receiver.h"
#include "server/rpc/parsed.h"
#include "server/rpc/stream_call.h"
#include "shardd/v1/messaging.pb.h"

namespace shardd::rpc {

// MessagingService.Subscribe: messages as they come, as many as there is credit for.
//
// One thing after the other: receives, writes, receives again; and reads credit all the time.
// Thread safety: everything on the poller, but EndWith, which brings the poller here.
class Subscribe final : public StreamCall, public std::enable_shared_from_this<Subscribe> {
 public:
  struct Config {
    DescribedService::Method method;
    Admission admission = Admission::kData;
    std::function<std::shared_ptr<Subscribe>(const Config&, Lane&)> make;
  };
  static void Post(const Config& config, Lane& lane);
  Subscribe(const Config& config, Lane& lane);
  ~Subscribe() override;

  void EndWith(absl::Status status) override;

 private:
  void Started(bool ok);
  void Read(bool ok);
  void Written(bool ok);
  void TimedOut(bool);
  void Poked(bool);
  void Done(bool);
  void StatusSent(bool) {}

  void StartRead();
  // What the request just read says.
  absl::Status TakeRequest();
  absl::Status Begin(v1::Subscription&& wanted);
  // Receives, if there is credit and nothing else to wait for.
  void Go();
  void Received(absl::StatusOr<ReceiveResult> result);
  void Finish(const absl::Status& status);
  void Leave(grpc::StatusCode code);
  void ReleaseBytes();

  const Config& config_;
  grpc::ServerContext context_;
  Parsed<v1::SubscribeRequest> request_;
  v1::SubscribeResponse response_;
  grpc::ServerAsyncReaderWriter<v1::SubscribeResponse, Parsed<v1::SubscribeRequest>> stream_;
  CallTag<Subscribe> start_tag_{&Subscribe::Started};
  CallTag<Subscribe> read_tag_{&Subscribe::Read};
  CallTag<Subscribe> write_tag_{&Subscribe::Written};
  CallTag<Subscribe> timer_tag_{&Subscribe::TimedOut};
  CallTag<Subscribe> poke_tag_{&Subscribe::Poked};
  CallTag<Subscribe> done_tag_{&Subscribe::Done};
  CallTag<Subscribe> finish_tag_{&Subscribe::StatusSent};
  grpc::Alarm timer_;
  grpc::Alarm poke_alarm_;

  std::shared_ptr<MessageReceiver> receiver_;
  size_t credit_ = 0;
  size_t held_bytes_ = 0;
  bool receiving_ = false;
  bool writing_ = false;
  bool resting_ = false;  // after a shard had no room
  bool over_ = false;
  std::optional<grpc::Status> finish_after_write_;

  std::atomic<bool> poked_{false};
  Mutex mutex_;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd::rpc
