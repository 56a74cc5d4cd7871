#include "client/session.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/error.h"

namespace shardd::client {

Session::Session(Client& client, const SessionOptions& options)
    : options_(options),
      connection_(client.connection()),
      stubs_(connection_.AwaitCurrent()),
      stream_(stubs_.state->Session(&context_)),
      reader_([this] { ReadAnswers(); }) {}

Session::~Session() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (life_ == Life::kOpen) context_.TryCancel();
  }
  reader_.join();
}

absl::Status Session::Send(v1::SessionRequest frame, Callback on_answer) {
  frame.set_frame_id(++last_frame_id_);
  {
    std::unique_lock<std::mutex> lock(mutex_);
    WaitForFewerThan(options_.frames_in_flight_max, lock);
    if (life_ != Life::kOpen || write_ == Write::kHalfClosed) {
      const absl::Status status = life_ == Life::kEnded && !end_status_.ok()
                                      ? end_status_
                                      : absl::FailedPreconditionError("the session is finished");
      lock.unlock();
      on_answer(status);
      return status;
    }
    unanswered_.push_back({last_frame_id_, std::move(on_answer)});
  }
  bool written = false;
  {
    const std::lock_guard<std::mutex> lock(write_mutex_);
    written = stream_->Write(frame);
  }
  if (written) return absl::OkStatus();
  // The stream is broken; the reader learns why and answers this frame too.
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return life_ == Life::kEnded; });
  return end_status_.ok() ? absl::UnavailableError("the daemon ended the session") : end_status_;
}

std::future<absl::StatusOr<v1::SessionResponse>> Session::Send(v1::SessionRequest frame) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<v1::SessionResponse>>>();
  auto answer = promise->get_future();
  Send(std::move(frame), [promise](absl::StatusOr<v1::SessionResponse> response) {
    promise->set_value(std::move(response));
  }).IgnoreError();
  return answer;
}

absl::Status Session::Drain() {
  std::unique_lock<std::mutex> lock(mutex_);
  WaitForFewerThan(1, lock);
  return life_ == Life::kEnded ? end_status_ : absl::OkStatus();
}

absl::Status Session::Finish() {
  if (write_ == Write::kOpen) {
    const std::lock_guard<std::mutex> lock(write_mutex_);
    stream_->WritesDone();
    write_ = Write::kHalfClosed;
  }
  std::unique_lock<std::mutex> lock(mutex_);
  WaitForFewerThan(1, lock);
  while (life_ != Life::kEnded) {
    if (changed_.wait_for(lock, absl::ToChronoMilliseconds(options_.answer_timeout)) ==
            std::cv_status::timeout &&
        life_ == Life::kOpen) {
      timed_out_ = true;
      context_.TryCancel();
    }
  }
  return end_status_;
}

void Session::Cancel() { context_.TryCancel(); }

void Session::WaitForFewerThan(size_t count, std::unique_lock<std::mutex>& lock) {
  const auto patience = absl::ToChronoMilliseconds(options_.answer_timeout);
  while (life_ == Life::kEnding || (life_ == Life::kOpen && unanswered_.size() >= count)) {
    const uint64_t answers_before = answers_;
    const bool heard = changed_.wait_for(
        lock, patience, [&] { return life_ == Life::kEnded || answers_ != answers_before; });
    if (heard) continue;
    timed_out_ = true;
    context_.TryCancel();
    changed_.wait(lock, [this] { return life_ == Life::kEnded; });
  }
}

void Session::ReadAnswers() {
  v1::SessionResponse response;
  while (stream_->Read(&response)) {
    if (!TakeAnswer(response)) {
      context_.TryCancel();
      EndWith(absl::InternalError("the daemon answered frames out of order"));
      while (stream_->Read(&response)) {
      }
      break;
    }
  }
  absl::Status status;
  {
    const std::lock_guard<std::mutex> lock(write_mutex_);
    status = FromGrpc(stream_->Finish());
  }
  if (absl::IsUnavailable(status)) connection_.MoveOn(stubs_);
  EndWith(status);
}

bool Session::TakeAnswer(v1::SessionResponse& response) {
  Callback on_answer;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (unanswered_.empty() || unanswered_.front().frame_id != response.frame_id()) return false;
    on_answer = std::move(unanswered_.front().on_answer);
  }
  on_answer(std::move(response));
  response.Clear();
  {
    // Only now does the frame leave the window: who waits for it also sees what the callback did.
    const std::lock_guard<std::mutex> lock(mutex_);
    unanswered_.pop_front();
    ++answers_;
  }
  changed_.notify_all();
  return true;
}

void Session::EndWith(const absl::Status& status) {
  std::deque<Unanswered> unanswered;
  absl::Status end = status;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (life_ != Life::kOpen) return;
    life_ = Life::kEnding;
    if (timed_out_) {
      end = absl::UnavailableError(absl::StrCat("no answer from the daemon for ",
                                                absl::FormatDuration(options_.answer_timeout)));
    }
    unanswered.swap(unanswered_);
    // A daemon that ends a session well has answered every frame.
    if (end.ok() && !unanswered.empty()) {
      end = absl::UnavailableError("the daemon ended the session before it had answered");
    }
    end_status_ = end;
  }
  for (Unanswered& frame : unanswered) frame.on_answer(end);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    life_ = Life::kEnded;
  }
  changed_.notify_all();
}

}  // namespace shardd::client
