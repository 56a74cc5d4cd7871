#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/sync_stream.h"

namespace shardd::client {

struct SessionOptions {
  // Frames sent and not yet answered.
  size_t frames_in_flight_max = 8;
  // How long to wait for the next answer before the session is given up.
  absl::Duration answer_timeout = absl::Seconds(30);
};

// A stream of frames, each a list of operations; for throughput.
//
// Operations on one account run in the order sent. Answers arrive in the order of the frames: one
// answer to each frame, whatever happens. When the stream breaks, every frame without an answer is
// answered by the error of the stream; its operations may have taken effect, so they may be sent
// again only with the same request_ids.
//
// Thread safety: Send and Finish are for one thread; Cancel is for any. Callbacks run on a thread
// of the session and must not call it.
class Session {
 public:
  using Callback = std::function<void(absl::StatusOr<v1::SessionResponse>)>;

  // Opens a session on the client's current endpoint. `client` must outlive it.
  Session(Client& client, const SessionOptions& options);

  // Cancels, unless finished.
  ~Session();

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Sends a frame; its frame_id is set by the session. Waits while the window is full. `on_answer`
  // is called exactly once, also if Send returns an error: that of the broken stream.
  absl::Status Send(v1::SessionRequest frame, Callback on_answer);

  // The same, with the answer as a future.
  std::future<absl::StatusOr<v1::SessionResponse>> Send(v1::SessionRequest frame);

  // Tells the daemon that nothing more will be sent, and waits until all is answered. Returns how
  // the stream ended. May be called again.
  absl::Status Finish();

  // Waits until every frame sent has its answer; returns the stream's error if it broke.
  absl::Status Drain();

  // Ends the session soon; what is unanswered is answered with CANCELLED.
  void Cancel();

 private:
  struct Unanswered {
    uint64_t frame_id;
    Callback on_answer;
  };
  enum class Write { kOpen, kHalfClosed };
  // kEnding: broken or finished, and what is unanswered is being answered.
  enum class Life { kOpen, kEnding, kEnded };

  // Waits until fewer than `count` frames are unanswered, or the stream has ended.
  void WaitForFewerThan(size_t count, std::unique_lock<std::mutex>& lock);
  void ReadAnswers();
  bool TakeAnswer(v1::SessionResponse& response);
  void EndWith(const absl::Status& status);

  const SessionOptions options_;
  Connection& connection_;
  Stubs& stubs_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SessionRequest, v1::SessionResponse>> stream_;

  // Held during a write, so that the stream is not finished under it.
  std::mutex write_mutex_;
  Write write_ = Write::kOpen;
  uint64_t last_frame_id_ = 0;

  // Guards what follows. A condition variable fits: the reader only ever shortens a queue.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Unanswered> unanswered_;
  uint64_t answers_ = 0;
  Life life_ = Life::kOpen;
  bool timed_out_ = false;
  absl::Status end_status_;

  std::thread reader_;
};

}  // namespace shardd::client
