#include "server/rpc/subscribe.h"

#include <grpc/support/time.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_messages.h"
#include "server/rpc/errors.h"

namespace shardd::rpc {

void Subscribe::Post(const Config& config, Lane& lane) {
  const std::shared_ptr<Subscribe> call = config.make(config, lane);
  // Not counted as under way yet: gRPC hands it back only if the call starts.
  call->context_.AsyncNotifyWhenDone(static_cast<CompletionTag*>(&call->done_tag_));
  config.method.service->RequestBidiStreaming(config.method.index, &call->context_, &call->stream_,
                                              lane.queue(), lane.queue(),
                                              call->start_tag_.Arm(lane, call));
}

Subscribe::Subscribe(const Config& config, Lane& lane)
    : StreamCall(config.method, config.admission, lane), config_(config), stream_(&context_) {}

Subscribe::~Subscribe() { ReleaseBytes(); }

void Subscribe::Started(bool ok) {
  if (!ok) return;
  done_tag_.Arm(lane(), shared_from_this());
  Post(config_, lane());
  const absl::Status begun = StreamCall::Begin(weak_from_this());
  if (!begun.ok()) return Finish(begun);
  StartRead();
}

void Subscribe::StartRead() { stream_.Read(&request_, read_tag_.Arm(lane(), shared_from_this())); }

void Subscribe::Read(bool ok) {
  if (over_) return;
  // The caller wants no more.
  if (!ok) return Finish(absl::OkStatus());
  absl::Status taken = request_.status;
  if (taken.ok()) taken = TakeRequest();
  if (!taken.ok()) return Finish(taken);
  StartRead();
  Go();
}

absl::Status Subscribe::TakeRequest() {
  v1::SubscribeRequest& request = request_.message;
  if (receiver_ == nullptr) {
    SHARDD_RETURN_IF_ERROR(Begin(std::move(*request.mutable_subscription())));
  } else if (request.has_subscription()) {
    return InvalidField("subscription", "is set again; it belongs into the first request");
  }
  if (request.credit() < 0 || credit_ + request.credit() > limits::kSubscriptionCreditMax) {
    return InvalidField("credit",
                        absl::StrCat("is ", request.credit(),
                                     "; it must be 0 or more, and at most ",
                                     limits::kSubscriptionCreditMax, " together with the ",
                                     credit_, " that are not used"));
  }
  credit_ += static_cast<size_t>(request.credit());
  return absl::OkStatus();
}

absl::Status Subscribe::Begin(v1::Subscription&& wanted) {
  SHARDD_ASSIGN_OR_RETURN(Subscription subscription, FromProto(std::move(wanted)));
  SHARDD_RETURN_IF_ERROR(Validate(subscription));
  receiver_ = std::make_shared<MessageReceiver>(
      shared(), lane(), std::move(subscription),
      [self = this](absl::StatusOr<ReceiveResult> result) { self->Received(std::move(result)); });
  return absl::OkStatus();
}

void Subscribe::Go() {
  if (over_ || receiving_ || writing_ || resting_ || credit_ == 0) return;
  receiving_ = true;
  receiver_->Receive(std::min(credit_, limits::kReceiveMessagesMax), /*wait=*/true);
}

void Subscribe::Received(absl::StatusOr<ReceiveResult> result) {
  receiving_ = false;
  const size_t bytes = result.ok() ? result->bytes : 0;
  absl::Status status = result.status();
  if (status.ok()) {
    status = shared().unsent.Add(bytes);
    if (!status.ok()) receiver_->GiveBack(*result);
  }
  if (const std::optional<absl::Duration> rest = RetryAfterOf(status); rest.has_value()) {
    resting_ = true;
    const gpr_timespec at =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                     gpr_time_from_millis(absl::ToInt64Milliseconds(*rest), GPR_TIMESPAN));
    timer_.Set(lane().queue(), at, timer_tag_.Arm(lane(), shared_from_this()));
    return;
  }
  if (!status.ok()) return Finish(status);
  held_bytes_ = bytes;
  credit_ -= std::min(credit_, result->messages.size());
  response_.Clear();
  ToProto(*std::move(result), *response_.mutable_messages());
  writing_ = true;
  stream_.Write(response_, write_tag_.Arm(lane(), shared_from_this()));
}

void Subscribe::Written(bool ok) {
  writing_ = false;
  ReleaseBytes();
  if (finish_after_write_.has_value()) {
    return stream_.Finish(*finish_after_write_, finish_tag_.Arm(lane(), shared_from_this()));
  }
  if (over_) return;
  // The caller is gone; Done says so too.
  if (!ok) return Leave(grpc::StatusCode::CANCELLED);
  Go();
}

void Subscribe::TimedOut(bool) {
  resting_ = false;
  Go();
}

void Subscribe::EndWith(absl::Status status) {
  {
    MutexLock lock(mutex_);
    end_status_ = std::move(status);
  }
  if (poked_.exchange(true)) return;
  void* const tag = poke_tag_.Arm(lane(), shared_from_this());
  poke_alarm_.Set(lane().queue(), gpr_time_0(GPR_CLOCK_MONOTONIC), tag);
}

void Subscribe::Poked(bool) {
  absl::Status end_status;
  {
    MutexLock lock(mutex_);
    end_status = end_status_;
  }
  Finish(end_status);
}

void Subscribe::Done(bool) { Leave(grpc::StatusCode::CANCELLED); }

void Subscribe::Finish(const absl::Status& status) {
  if (over_) return;
  const grpc::Status result = ToGrpcStatus(status);
  AddRetryTrailer(status, context_);
  Leave(result.error_code());
  if (writing_) {
    finish_after_write_ = result;
  } else {
    stream_.Finish(result, finish_tag_.Arm(lane(), shared_from_this()));
  }
}

void Subscribe::Leave(grpc::StatusCode code) {
  if (over_) return;
  over_ = true;
  End(code);
  timer_.Cancel();
  if (receiver_ != nullptr) receiver_->Stop();
}

void Subscribe::ReleaseBytes() {
  if (held_bytes_ > 0) shared().unsent.Remove(std::exchange(held_bytes_, 0));
}

}  // namespace shardd::rpc
