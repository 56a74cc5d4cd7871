#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/limits.h"
#include "server/base/mutex.h"
#include "server/rpc/errors.h"
#include "server/rpc/parsed.h"
#include "server/rpc/stream_call.h"

namespace shardd::rpc {

// A call with a stream of requests and one response for each, in the order of the requests. A
// subclass runs the requests, or frames.
//
// Flow control: so many frames and bytes, of requests and of what was read for their answers, may
// be under way; then nothing more is read, and HTTP/2 makes the caller wait. After the caller has
// closed its side, or the stream is told to end, the frames under way are answered first. A caller
// that is gone leaves its frames to run; their answers are dropped.
//
// Thread safety: everything runs on the poller, but EndWith, which any thread may call; a lock
// decides what happens next, and what was decided is done outside of it.
template <typename Request, typename Response>
class FrameStream : public StreamCall,
                    public std::enable_shared_from_this<FrameStream<Request, Response>> {
 public:
  struct Config {
    DescribedService::Method method;
    Admission admission = Admission::kData;
    std::function<std::shared_ptr<FrameStream>(const Config&, Lane&)> make;
  };

  // One request under way. Lives until its response has been sent, at the earliest until Done.
  class Frame {
   public:
    Response& response() { return response_; }
    // Entries of so many bytes were read for the response, and counted as unsent. Returns how many
    // bytes that makes for this frame.
    size_t CountRead(size_t bytes) { return read_bytes_ += bytes; }
    // The response is complete. Call it once; the frame must not be touched again.
    void Done() {
      const std::shared_ptr<FrameStream> stream = std::move(stream_);
      stream->FrameDone(*this);
    }

   private:
    friend class FrameStream;
    std::shared_ptr<FrameStream> stream_;
    size_t byte_count_ = 0;
    size_t read_bytes_ = 0;
    bool done_ = false;  // guarded by the stream's mutex
    Response response_;
  };

  // `config` must outlive the call.
  static void Post(const Config& config, Lane& lane) {
    const std::shared_ptr<FrameStream> call = config.make(config, lane);
    config.method.service->RequestBidiStreaming(config.method.index, &call->context_,
                                                &call->stream_, lane.queue(), lane.queue(),
                                                call->start_tag_.Arm(lane, call));
  }

  void EndWith(absl::Status status) final {
    {
      MutexLock lock(mutex_);
      if (end_status_.ok()) end_status_ = std::move(status);
    }
    Advance();
  }

 protected:
  FrameStream(const Config& config, Lane& lane)
      : StreamCall(config.method, config.admission, lane), config_(config), stream_(&context_) {}

  // Whether the frame can be run; an error ends the stream with it.
  virtual absl::Status Check(const Request& request) = 0;
  // Runs the frame; leads to frame.Done().
  virtual void Run(Request& request, Frame& frame) = 0;

  absl::Time deadline() const { return config_.method.context->DeadlineOf(context_); }

 private:
  // What to do now, decided under the lock.
  struct Steps {
    bool read = false;
    Frame* write = nullptr;
    std::optional<absl::Status> finish;
    std::deque<std::unique_ptr<Frame>> dropped;
  };

  void Started(bool ok) {
    if (!ok) return;
    Post(config_, lane());
    const absl::Status admitted = Begin(this->weak_from_this());
    if (!admitted.ok()) return EndWith(admitted);
    Advance();
  }

  void WasRead(bool ok) {
    Frame* const frame = ok ? AddFrame() : nullptr;
    // Still counted as reading: the next read would overwrite the request.
    if (frame != nullptr) Run(request_.message, *frame);
    {
      MutexLock lock(mutex_);
      reading_ = false;
      if (!ok) read_closed_ = true;
    }
    Advance();
  }

  // nullptr if the frame is not to be run.
  Frame* AddFrame() {
    absl::Status valid = request_.status.ok() ? Check(request_.message) : request_.status;
    auto frame = std::make_unique<Frame>();
    frame->stream_ = this->shared_from_this();
    frame->byte_count_ = request_.byte_count;
    MutexLock lock(mutex_);
    if (ReadsNoMore()) return nullptr;
    if (!valid.ok()) {
      end_status_ = std::move(valid);
      return nullptr;
    }
    bytes_under_way_ += frame->byte_count_;
    frames_.push_back(std::move(frame));
    return frames_.back().get();
  }

  void FrameDone(Frame& frame) {
    {
      MutexLock lock(mutex_);
      frame.done_ = true;
      bytes_under_way_ += frame.read_bytes_;
    }
    Advance();
  }

  void Written(bool ok) {
    std::unique_ptr<Frame> written;
    {
      MutexLock lock(mutex_);
      writing_ = false;
      if (!ok) broken_ = true;
      written = TakeFirst();
    }
    Advance();
  }

  void StatusSent(bool) {}

  void Advance() {
    Steps steps;
    {
      MutexLock lock(mutex_);
      steps = Decide();
    }
    const std::shared_ptr<FrameStream> self = this->shared_from_this();
    if (steps.write != nullptr) {
      stream_.Write(steps.write->response_, write_tag_.Arm(lane(), self));
    }
    if (steps.read) stream_.Read(&request_, read_tag_.Arm(lane(), self));
    if (steps.finish.has_value()) SendStatus(*steps.finish);
  }

  Steps Decide() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Steps steps;
    if (finishing_) return steps;
    while (broken_ && !frames_.empty() && frames_.front()->done_) {
      steps.dropped.push_back(TakeFirst());
    }
    if (!writing_ && !frames_.empty() && frames_.front()->done_) {
      writing_ = true;
      steps.write = frames_.front().get();
    }
    if (ReadsNoMore()) {
      if (frames_.empty()) {
        finishing_ = true;
        const bool gone = broken_ && end_status_.ok();
        steps.finish = gone ? absl::CancelledError("the caller is gone") : end_status_;
      }
    } else if (!reading_ && HasRoom()) {
      reading_ = true;
      steps.read = true;
    }
    return steps;
  }

  bool ReadsNoMore() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return read_closed_ || broken_ || !end_status_.ok();
  }
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return frames_.size() < limits::kFramesInFlightMax &&
           bytes_under_way_ + limits::kMessageBytesMax <= limits::kStreamBytesInFlightMax;
  }
  std::unique_ptr<Frame> TakeFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::unique_ptr<Frame> first = std::move(frames_.front());
    frames_.pop_front();
    bytes_under_way_ -= first->byte_count_ + first->read_bytes_;
    shared().unsent.Remove(first->read_bytes_);
    return first;
  }

  void SendStatus(const absl::Status& status) {
    const grpc::Status result = ToGrpcStatus(status);
    AddRetryTrailer(status, context_);
    End(result.error_code());
    stream_.Finish(result, finish_tag_.Arm(lane(), this->shared_from_this()));
  }

  const Config& config_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<Response, Parsed<Request>> stream_;
  CallTag<FrameStream> start_tag_{&FrameStream::Started};
  CallTag<FrameStream> read_tag_{&FrameStream::WasRead};
  CallTag<FrameStream> write_tag_{&FrameStream::Written};
  CallTag<FrameStream> finish_tag_{&FrameStream::StatusSent};
  Parsed<Request> request_;  // of the poller, while reading

  // Why a lock: a drain ends streams from its own thread, and the order of steps is decided here.
  Mutex mutex_;
  std::deque<std::unique_ptr<Frame>> frames_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd::rpc
