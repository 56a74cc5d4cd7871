#include "server/rpc/wait_operation.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_results.h"
#include "server/rpc/errors.h"
#include "server/rpc/proto_time.h"

namespace shardd::rpc {

absl::StatusOr<OperationId> OperationIdFrom(absl::string_view text) {
  const std::optional<OperationId> id = ParseOperationId(text);
  if (id.has_value()) return *id;
  return InvalidField("id", "is not the id of an operation; they look like op-12");
}

void WaitOperation::Post(const Config& config, Lane& lane) {
  const std::shared_ptr<WaitOperation> call = config.make(config, lane);
  // Not counted as under way yet: gRPC hands it back only if the call starts.
  call->context_.AsyncNotifyWhenDone(static_cast<CompletionTag*>(&call->done_tag_));
  config.method.service->RequestUnary(config.method.index, &call->context_, &call->request_,
                                      &call->responder_, lane.queue(), lane.queue(),
                                      call->start_tag_.Arm(lane, call));
}

WaitOperation::WaitOperation(const Config& config, Lane& lane)
    : StreamCall(config.method, config.admission, lane), config_(config), responder_(&context_) {}

void WaitOperation::Started(bool ok) {
  if (!ok) return;
  done_tag_.Arm(lane(), shared_from_this());
  Post(config_, lane());
  absl::Status started = Begin(weak_from_this());
  if (started.ok()) started = request_.status;
  if (started.ok()) started = StartWaiting();
  if (!started.ok()) EndWith(std::move(started));
}

absl::Status WaitOperation::StartWaiting() {
  const v1::WaitOperationRequest& request = request_.message;
  SHARDD_ASSIGN_OR_RETURN(const OperationId operation, OperationIdFrom(request.id()));
  absl::Time until = shared().DeadlineOf(context_);
  if (request.has_timeout()) {
    until = std::min(until, shared().clock.Now() + FromProto(request.timeout()));
  }
  CallId id;
  {
    MutexLock lock(mutex_);
    if (claimed_) return absl::OkStatus();  // A drain was quicker.
    id_ = shared().registry.Add(shared_from_this());
    id = id_;
  }
  return runtime().SubmitToCoordinator(
      {.call = id, .body = WaitOperationRequest{.operation = operation, .until = until}});
}

void WaitOperation::OnCoordinatorReply(absl::StatusOr<CoordinatorAnswer> answer) {
  if (!Claim()) return;
  if (answer.ok()) ToProto(std::get<OperationRecord>(*answer), *response_.mutable_operation());
  Finish(answer.status());
}

void WaitOperation::EndWith(absl::Status status) {
  if (!Claim()) return;
  StopWaiting();
  Finish(status);
}

void WaitOperation::Done(bool) {
  if (!Claim()) return;
  StopWaiting();
  Leave(grpc::StatusCode::CANCELLED);
}

void WaitOperation::Sent(bool) {}

bool WaitOperation::Claim() {
  MutexLock lock(mutex_);
  return !std::exchange(claimed_, true);
}

void WaitOperation::Finish(const absl::Status& status) {
  const grpc::Status result = ToGrpcStatus(status);
  Leave(result.error_code());
  void* const tag = finish_tag_.Arm(lane(), shared_from_this());
  if (result.ok()) return responder_.Finish(response_, result, tag);
  AddRetryTrailer(status, context_);
  responder_.FinishWithError(result, tag);
}

void WaitOperation::Leave(grpc::StatusCode code) {
  End(code);
  const CallId id = this->id();
  if (id.call != 0) shared().registry.Remove(id);
}

void WaitOperation::StopWaiting() {
  const CallId id = this->id();
  if (id.call == 0) return;
  // Refused only while the coordinator stops, which ends every wait.
  runtime().SubmitToCoordinator({.call = id, .body = shardd::StopWaiting{}}).IgnoreError();
}

CallId WaitOperation::id() {
  MutexLock lock(mutex_);
  return id_;
}

}  // namespace shardd::rpc
