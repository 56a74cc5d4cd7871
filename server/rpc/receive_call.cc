#include "server/rpc/receive_call.h"

#include <grpc/support/time.h>

#include <algorithm>
#include <utility>

#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_messages.h"
#include "server/rpc/errors.h"

namespace shardd::rpc {

void ReceiveCall::Post(const Config& config, Lane& lane) {
  const std::shared_ptr<ReceiveCall> call = config.make(config, lane);
  // Not counted as under way yet: gRPC hands it back only if the call starts.
  call->context_.AsyncNotifyWhenDone(static_cast<CompletionTag*>(&call->done_tag_));
  config.method.service->RequestUnary(config.method.index, &call->context_, &call->request_,
                                      &call->responder_, lane.queue(), lane.queue(),
                                      call->start_tag_.Arm(lane, call));
}

ReceiveCall::ReceiveCall(const Config& config, Lane& lane)
    : StreamCall(config.method, config.admission, lane), config_(config), responder_(&context_) {}

ReceiveCall::~ReceiveCall() {
  if (held_bytes_ > 0) shared().unsent.Remove(held_bytes_);
}

void ReceiveCall::Started(bool ok) {
  if (!ok) return;
  done_tag_.Arm(lane(), shared_from_this());
  Post(config_, lane());
  absl::Status started = Begin(weak_from_this());
  if (started.ok()) started = request_.status;
  if (started.ok()) started = StartReceiving();
  if (!started.ok()) Finish(started);
}

absl::Status ReceiveCall::StartReceiving() {
  v1::ReceiveRequest& request = request_.message;
  SHARDD_ASSIGN_OR_RETURN(Subscription subscription,
                          FromProto(std::move(*request.mutable_subscription())));
  if (request.max_messages() < 0) return InvalidField("max_messages", "is below 0");
  if (request.max_messages() > 0) subscription.terms.messages_max = request.max_messages();
  SHARDD_RETURN_IF_ERROR(Validate(subscription));
  const size_t count = subscription.terms.messages_max;
  receiver_ = std::make_shared<MessageReceiver>(
      shared(), lane(), std::move(subscription),
      [self = this](absl::StatusOr<ReceiveResult> result) { self->Received(std::move(result)); });
  if (!request.no_wait()) {
    // The answer that nothing came must arrive before the caller gives up.
    const absl::Duration left = shared().DeadlineOf(context_) - shared().clock.Now();
    const absl::Duration margin = std::min(left / 10, limits::kReceiveAnswerMargin);
    const gpr_timespec at = gpr_time_add(
        gpr_now(GPR_CLOCK_MONOTONIC),
        gpr_time_from_millis(absl::ToInt64Milliseconds(left - margin), GPR_TIMESPAN));
    timer_.Set(lane().queue(), at, timer_tag_.Arm(lane(), shared_from_this()));
  }
  receiver_->Receive(count, !request.no_wait());
  return absl::OkStatus();
}

void ReceiveCall::Received(absl::StatusOr<ReceiveResult> result) {
  if (!result.ok()) return Finish(result.status());
  const size_t bytes = result->bytes;
  const absl::Status held = shared().unsent.Add(bytes);
  if (!held.ok()) {
    receiver_->GiveBack(*result);
    return Finish(held);
  }
  held_bytes_ = bytes;
  ToProto(*std::move(result), *response_.mutable_messages());
  Finish(absl::OkStatus());
}

void ReceiveCall::EndWith(absl::Status status) {
  {
    MutexLock lock(mutex_);
    end_status_ = std::move(status);
  }
  if (poked_.exchange(true)) return;
  void* const tag = poke_tag_.Arm(lane(), shared_from_this());
  poke_alarm_.Set(lane().queue(), gpr_time_0(GPR_CLOCK_MONOTONIC), tag);
}

void ReceiveCall::Poked(bool) {
  absl::Status end_status;
  {
    MutexLock lock(mutex_);
    end_status = end_status_;
  }
  if (!over_) Finish(end_status);
}

void ReceiveCall::TimedOut(bool) {
  if (!over_) Finish(absl::OkStatus());
}

void ReceiveCall::Done(bool) {
  if (!over_) Leave(grpc::StatusCode::CANCELLED);
}

void ReceiveCall::Finish(const absl::Status& status) {
  const grpc::Status result = ToGrpcStatus(status);
  Leave(result.error_code());
  void* const tag = finish_tag_.Arm(lane(), shared_from_this());
  if (result.ok()) return responder_.Finish(response_, result, tag);
  AddRetryTrailer(status, context_);
  responder_.FinishWithError(result, tag);
}

void ReceiveCall::Leave(grpc::StatusCode code) {
  over_ = true;
  End(code);
  timer_.Cancel();
  if (receiver_ != nullptr) receiver_->Stop();
}

}  // namespace shardd::rpc
