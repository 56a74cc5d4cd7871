#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/rpc/described_service.h"
#include "server/rpc/errors.h"
#include "server/rpc/parsed.h"
#include "server/rpc/reply_inbox.h"

namespace shardd::rpc {

// One call with one request and one response.
//
// Its life: posted; then, when a call arrives, handled on the poller; then finished, once, by the
// handler or by the answer of the runtime; then deleted when gRPC is done with it; all of it on the
// poller. Whoever has finished or submitted a call must not touch it again. A
// call that its caller has given up still waits for its answer, and counts as under way until then.
template <typename Request, typename Response>
class UnaryCall final : public CompletionTag, public DirectTarget {
 public:
  using Handler = std::function<void(UnaryCall&)>;
  struct Config {
    DescribedService::Method method;
    Admission admission = Admission::kData;
    Handler handle;
  };
  using FillFromShard = void (*)(ShardAnswer& answer, Response& response);
  using FillFromCoordinator = void (*)(CoordinatorAnswer& answer, Response& response);

  // `config` must outlive the call.
  static void Post(const Config& config, Lane& lane) {
    UnaryCall* call = new UnaryCall(config, lane);
    config.method.service->RequestUnary(config.method.index, &call->context_, &call->request_,
                                        &call->responder_, lane.queue(), lane.queue(),
                                        lane.Begin(call));
  }

  Request& request() { return request_.message; }
  Response& response() { return response_; }
  Runtime& runtime() { return *config_.method.context->runtime; }

  // Ends the call: with the response if `status` is OK.
  void Finish(const absl::Status& status) {
    const grpc::Status result = ToGrpcStatus(status);
    if (admitted_) config_.method.context->End(config_.admission);
    config_.method.metrics->CountHandled(result.error_code(),
                                         config_.method.context->clock.Now() - begin_time_);
    finishing_ = true;
    void* const tag = lane_.Begin(this);
    if (result.ok()) return responder_.Finish(response_, result, tag);
    AddRetryTrailer(status, context_);
    responder_.FinishWithError(result, tag);
  }

  // Counts an answer that may be large until it is sent. Call it once, before Finish.
  absl::Status HoldAnswer(size_t bytes) {
    const absl::Status held = config_.method.context->unsent.Add(bytes);
    if (held.ok()) held_bytes_ = bytes;
    return held;
  }

  // Hands `body` to the worker that owns its account; the answer goes through `fill` and ends the
  // call.
  template <typename Body>
  void Submit(absl::StatusOr<Body> body, uint64_t epoch, FillFromShard fill) {
    if (!body.ok()) return Finish(body.status());
    if (const absl::Status valid = Validate(*body); !valid.ok()) return Finish(valid);
    fill_from_shard_ = fill;
    ShardRequest request{.call = DirectId(this),
                         .deadline = config_.method.context->DeadlineOf(context_),
                         .epoch = epoch,
                         .body = *std::move(body)};
    const absl::Status accepted = runtime().Submit(std::move(request));
    if (!accepted.ok()) Finish(accepted);
  }

  template <typename Body>
  void SubmitToCoordinator(Body body, FillFromCoordinator fill) {
    fill_from_coordinator_ = fill;
    const absl::Status accepted =
        runtime().SubmitToCoordinator({.call = DirectId(this), .body = std::move(body)});
    if (!accepted.ok()) Finish(accepted);
  }

  // From any thread: has `end` finish the call on its poller.
  void FinishLater(std::function<void(UnaryCall&)> end) {
    finish_later_ = std::move(end);
    inbox().Put(*this, 0, absl::StatusOr<CoordinatorAnswer>(ShardNote()));  // only wakes it
  }

  void OnReply(uint32_t, absl::StatusOr<ShardAnswer> answer) override {
    if (answer.ok()) fill_from_shard_(*answer, response_);
    Finish(answer.status());
  }
  void OnCoordinatorReply(absl::StatusOr<CoordinatorAnswer> answer) override {
    if (finish_later_) return finish_later_(*this);
    if (answer.ok()) fill_from_coordinator_(*answer, response_);
    Finish(answer.status());
  }

  void Complete(bool ok) override {
    if (finishing_ || !ok) {
      delete this;
      return;
    }
    Post(config_, lane_);
    begin_time_ = config_.method.context->clock.Now();
    config_.method.metrics->CountStarted();
    const absl::Status admitted = config_.method.context->Begin(config_.admission);
    admitted_ = admitted.ok();
    if (!admitted_) return Finish(admitted);
    if (!request_.status.ok()) return Finish(request_.status);
    config_.handle(*this);
  }

 private:
  UnaryCall(const Config& config, Lane& lane)
      : DirectTarget(lane.inbox()), config_(config), lane_(lane), responder_(&context_) {}
  ~UnaryCall() override {
    if (held_bytes_ > 0) config_.method.context->unsent.Remove(held_bytes_);
  }

  const Config& config_;
  Lane& lane_;
  grpc::ServerContext context_;
  Parsed<Request> request_;
  Response response_;
  grpc::ServerAsyncResponseWriter<Response> responder_;
  absl::Time begin_time_;
  bool admitted_ = false;
  bool finishing_ = false;
  size_t held_bytes_ = 0;
  std::function<void(UnaryCall&)> finish_later_;
  FillFromShard fill_from_shard_ = nullptr;
  FillFromCoordinator fill_from_coordinator_ = nullptr;
};

// How many calls of a method are kept posted on each lane: one, or as many as may well arrive at
// once.
inline constexpr int kPostedOne = 1;
inline constexpr int kPostedMany = 32;

}  // namespace shardd::rpc
