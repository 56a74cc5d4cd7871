#include "tests/bench/session_load.h"

#include <deque>
#include <utility>

#include "tests/bench/channel.h"

namespace shardd::bench {

// One stream: at most one read and one write pending, at most `frames_in_flight` frames unanswered.
class SessionLoad::Session {
 public:
  explicit Session(SessionLoad& load)
      : load_(load), stream_(load.stub_->PrepareAsyncSession(&context_, &load.queue_)) {
    stream_->StartCall(Pending(started_));
  }

  void Cancel() { context_.TryCancel(); }

  // What a completion-queue tag points to: which step of which session is done.
  struct Step {
    Session& session;
    void (Session::*done)(bool ok);
  };

 private:
  Step* Pending(Step& step) {
    ++load_.steps_pending_;
    return &step;
  }

  void OnStarted(bool ok) {
    stream_->Read(&answer_, Pending(read_));
    if (ok) SendMore();
  }

  void OnWritten(bool ok) {
    writing_ = false;
    if (ok) SendMore();
  }

  void OnRead(bool ok) {
    // The stream is over, well or not: its status says which.
    if (!ok) return stream_->Finish(&status_, Pending(finished_));
    absl::Status verdict = absl::DataLossError("an answer came to a frame that was not sent");
    if (!unanswered_.empty()) {
      verdict = load_.source_.Answered(unanswered_.front(), answer_);
      unanswered_.pop_front();
    }
    if (!verdict.ok()) load_.Fail(std::move(verdict));
    stream_->Read(&answer_, Pending(read_));
    SendMore();
  }

  void OnFinished(bool) {
    if (!status_.ok()) load_.Fail(FailedCall("a session failed", status_));
    if (!unanswered_.empty())
      load_.Fail(absl::DataLossError("a session ended with frames unanswered"));
  }

  void SendMore() {
    if (writing_ || closed_ || !load_.failure_.ok()) return;
    if (unanswered_.size() >= static_cast<size_t>(load_.shape_.frames_in_flight)) return;
    const MeterClock::time_point now = MeterClock::now();
    writing_ = true;
    if (load_.source_.Next(frame_)) {
      unanswered_.push_back(now);
      stream_->Write(frame_, Pending(written_));
    } else {
      closed_ = true;
      stream_->WritesDone(Pending(written_));
    }
  }

  SessionLoad& load_;
  Step started_{*this, &Session::OnStarted};
  Step written_{*this, &Session::OnWritten};
  Step read_{*this, &Session::OnRead};
  Step finished_{*this, &Session::OnFinished};
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::SessionRequest, v1::SessionResponse>> stream_;
  v1::SessionRequest frame_;
  v1::SessionResponse answer_;
  grpc::Status status_;
  std::deque<MeterClock::time_point> unanswered_;
  bool writing_ = false;
  bool closed_ = false;
};

SessionLoad::SessionLoad(const std::shared_ptr<grpc::Channel>& channel, FrameSource& source,
                         SessionShape shape)
    : stub_(v1::StateService::NewStub(channel)), source_(source), shape_(shape) {}

SessionLoad::~SessionLoad() = default;

absl::Status SessionLoad::Run() {
  for (int i = 0; i < shape_.sessions; ++i) sessions_.push_back(std::make_unique<Session>(*this));
  void* tag = nullptr;
  for (bool ok = false; steps_pending_ > 0 && queue_.Next(&tag, &ok);) {
    --steps_pending_;
    const Session::Step& step = *static_cast<Session::Step*>(tag);
    (step.session.*step.done)(ok);
  }
  return failure_;
}

void SessionLoad::Fail(absl::Status failure) {
  if (!failure_.ok()) return;
  failure_ = std::move(failure);
  for (const auto& session : sessions_) session->Cancel();
}

}  // namespace shardd::bench
