#pragma once

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/rpc/errors.h"
#include "server/rpc/parsed.h"
#include "server/rpc/stream_call.h"

namespace shardd::rpc {

// A call with one request and a stream of responses. A subclass decides what to write.
//
// Thread safety: everything runs on the poller, but Poke and EndWith, which any thread may call:
// they bring the poller here. One write is in flight at a time.
template <typename Request, typename Response>
class WriteStream : public StreamCall,
                    public std::enable_shared_from_this<WriteStream<Request, Response>> {
 public:
  struct Config {
    DescribedService::Method method;
    Admission admission = Admission::kData;
    std::function<std::shared_ptr<WriteStream>(const Config&, Lane&)> make;
  };

  // `config` must outlive the call.
  static void Post(const Config& config, Lane& lane) {
    const std::shared_ptr<WriteStream> call = config.make(config, lane);
    // Not counted as under way yet: gRPC hands it back only if the call starts.
    call->context_.AsyncNotifyWhenDone(static_cast<CompletionTag*>(&call->done_tag_));
    config.method.service->RequestServerStreaming(config.method.index, &call->context_,
                                                  &call->request_, &call->writer_, lane.queue(),
                                                  lane.queue(), call->start_tag_.Arm(lane, call));
  }

  void EndWith(absl::Status status) final {
    {
      MutexLock lock(mutex_);
      end_status_ = std::move(status);
    }
    Poke();
  }

  void Poke() final {
    if (poked_.exchange(true)) return;
    void* const tag = poke_tag_.Arm(lane(), this->shared_from_this());
    poke_alarm_.Set(lane().queue(), gpr_time_0(GPR_CLOCK_MONOTONIC), tag);
  }

 protected:
  WriteStream(const Config& config, Lane& lane)
      : StreamCall(config.method, config.admission, lane), config_(config), writer_(&context_) {}

  // The request is here. Then: the last write is out, another may begin; someone has poked; the
  // timer has gone off; and once: the stream is over, let go of everything.
  virtual void OnStart() = 0;
  virtual void OnWritten() {}
  virtual void OnPoked() {}
  virtual void OnTimer() {}
  virtual void OnOver() {}

  Request& request() { return request_.message; }
  absl::Time deadline() const { return config_.method.context->DeadlineOf(context_); }
  bool writing() const { return writing_; }
  bool over() const { return over_; }

  // REQUIRES: !writing() && !over()
  void Write(const Response& response) {
    writing_ = true;
    writer_.Write(response, write_tag_.Arm(lane(), this->shared_from_this()));
  }

  // Ends the stream, after the write in flight. Harmless when it is over.
  void Finish(const absl::Status& status) {
    if (over_) return;
    const grpc::Status result = ToGrpcStatus(status);
    AddRetryTrailer(status, context_);
    Leave(result.error_code());
    if (writing_) {
      finish_after_write_ = result;
    } else {
      SendStatus(result);
    }
  }

  // OnTimer after `delay`. REQUIRES: the timer is not running.
  void StartTimer(absl::Duration delay) {
    const gpr_timespec at =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                     gpr_time_from_millis(absl::ToInt64Milliseconds(delay), GPR_TIMESPAN));
    timer_.Set(lane().queue(), at, timer_tag_.Arm(lane(), this->shared_from_this()));
  }

 private:
  void Started(bool ok) {
    if (!ok) return;
    done_tag_.Arm(lane(), this->shared_from_this());
    Post(config_, lane());
    const absl::Status admitted = Begin(this->weak_from_this());
    if (!admitted.ok()) return Finish(admitted);
    if (!request_.status.ok()) return Finish(request_.status);
    OnStart();
  }

  void Written(bool ok) {
    writing_ = false;
    if (finish_after_write_.has_value()) return SendStatus(*finish_after_write_);
    if (over_) return;
    // The caller is gone; Done says so too.
    if (!ok) return Leave(grpc::StatusCode::CANCELLED);
    OnWritten();
  }

  void Poked(bool) {
    poked_.store(false);
    absl::Status end_status;
    {
      MutexLock lock(mutex_);
      end_status = end_status_;
    }
    if (!end_status.ok()) return Finish(end_status);
    OnPoked();
  }

  void TimedOut(bool) { OnTimer(); }
  void Done(bool) { Leave(grpc::StatusCode::CANCELLED); }
  void StatusSent(bool) {}

  void SendStatus(const grpc::Status& status) {
    writer_.Finish(status, finish_tag_.Arm(lane(), this->shared_from_this()));
  }

  void Leave(grpc::StatusCode code) {
    if (over_) return;
    over_ = true;
    End(code);
    timer_.Cancel();
    OnOver();
  }

  const Config& config_;
  grpc::ServerContext context_;
  Parsed<Request> request_;
  grpc::ServerAsyncWriter<Response> writer_;
  CallTag<WriteStream> start_tag_{&WriteStream::Started};
  CallTag<WriteStream> write_tag_{&WriteStream::Written};
  CallTag<WriteStream> poke_tag_{&WriteStream::Poked};
  CallTag<WriteStream> timer_tag_{&WriteStream::TimedOut};
  CallTag<WriteStream> done_tag_{&WriteStream::Done};
  CallTag<WriteStream> finish_tag_{&WriteStream::StatusSent};
  grpc::Alarm timer_;
  grpc::Alarm poke_alarm_;
  std::atomic<bool> poked_{false};
  bool writing_ = false;
  bool over_ = false;
  std::optional<grpc::Status> finish_after_write_;
  Mutex mutex_;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd::rpc
