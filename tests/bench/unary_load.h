#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "tests/bench/channel.h"
#include "tests/bench/meter.h"

namespace shardd::bench {

// Keeps a number of unary calls in flight on one completion queue and one thread until the meter's
// window is over. The same loop drives every server, so that what the client costs is the same for
// all of them.
//
// `Rpc` is one kind of call: types `Request` and `Response`, and
//   void Fill(Request&)             makes the next request, over the one before
//   Prepare(context, request, cq)   as a stub's PrepareAsync... does
//   bool Expected(const Response&)  whether the answer is what the server must say
template <typename Rpc>
class UnaryLoad {
 public:
  UnaryLoad(Rpc& rpc, Meter& meter, int in_flight) : rpc_(rpc), meter_(meter), calls_(in_flight) {}

  // Runs the whole measurement. Any failed or wrong answer ends it with an error: it would not be a
  // figure.
  absl::Status Run() {
    for (Call& call : calls_) Start(call);
    void* tag = nullptr;
    for (bool ok = false; outstanding_ > 0 && queue_.Next(&tag, &ok);) {
      Finish(*static_cast<Call*>(tag));
    }
    return failure_;
  }

 private:
  struct Call {
    std::optional<grpc::ClientContext> context;
    typename Rpc::Request request;
    typename Rpc::Response response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<typename Rpc::Response>> reader;
    MeterClock::time_point started;
  };

  void Start(Call& call) {
    rpc_.Fill(call.request);
    call.reader.reset();
    call.context.emplace();
    call.started = MeterClock::now();
    call.reader = rpc_.Prepare(&*call.context, call.request, &queue_);
    call.reader->StartCall();
    call.reader->Finish(&call.response, &call.status, &call);
    ++outstanding_;
  }

  void Finish(Call& call) {
    --outstanding_;
    const MeterClock::time_point now = MeterClock::now();
    if (!call.status.ok()) {
      failure_ = FailedCall("a call failed", call.status);
    } else if (!rpc_.Expected(call.response)) {
      failure_ = absl::DataLossError("an answer was not what it must be");
    }
    if (!failure_.ok()) return;
    meter_.Record(call.started, now, 1);
    if (!meter_.Over(now)) Start(call);
  }

  Rpc& rpc_;
  Meter& meter_;
  grpc::CompletionQueue queue_;
  std::vector<Call> calls_;
  int outstanding_ = 0;
  absl::Status failure_;
};

}  // namespace shardd::bench
