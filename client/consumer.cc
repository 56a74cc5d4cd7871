#include "client/consumer.h"

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/error.h"
#include "google/protobuf/util/time_util.h"

namespace shardd::client {
namespace {

// After so many doublings every delay is the longest.
constexpr uint32_t kDoublingsMax = 30;

bool LeaseHasEnded(const absl::Status& status) {
  return DetailOf(status).reason == v1::ERROR_REASON_MESSAGE_LEASE_ENDED;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  return google::protobuf::util::TimeUtil::NanosecondsToDuration(
      absl::ToInt64Nanoseconds(duration));
}

}  // namespace

absl::Status Delivery::ExtendLease(absl::Duration lease) {
  v1::ExtendLeaseRequest request;
  *request.mutable_account() = message().receiver();
  request.add_ack_ids(received_.ack_id());
  *request.mutable_lease() = ToProto(lease);
  return client_.ExtendLease(request).status();
}

absl::Status Consumer::CheckOptions() const {
  if (options_.handlers < 1 || options_.handlers > kHandlersMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("handlers is ", options_.handlers, "; it must be 1 to ", kHandlersMax));
  }
  if (options_.subscription.concurrent()) {
    return absl::InvalidArgumentError(
        "subscription.concurrent is set; a consumer handles the messages of an account in order");
  }
  if (options_.receive_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("receive_timeout must be more than 0");
  }
  return absl::OkStatus();
}

absl::Status Consumer::Run() {
  const absl::Status valid = CheckOptions();
  if (!valid.ok()) return valid;
  std::vector<std::thread> threads;
  for (int i = 0; i < options_.handlers; ++i) {
    threads.emplace_back([this] { HandleMessages(); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::lock_guard<std::mutex> lock(mutex_);
  return failure_;
}

void Consumer::Stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  stopped_ = true;
  // A message that arrives all the same is received again when its lease has ended.
  for (grpc::ClientContext* const context : receiving_) context->TryCancel();
}

Consumer::Counts Consumer::counts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

bool Consumer::stopped() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stopped_;
}

void Consumer::Count(uint64_t Counts::*count) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++(counts_.*count);
}

void Consumer::HandleMessages() {
  Backoff backoff(client_.options().retry, client_.random());
  while (!stopped()) {
    absl::StatusOr<std::optional<v1::ReceivedMessage>> received = Receive();
    if (received.ok()) {
      backoff.Reset();
      if (!received->has_value()) continue;
      Delivery delivery(client_, **std::move(received));
      Handle(delivery);
    } else if (IsTransient(received.status())) {
      client_.clock().Wait(backoff.Next(received.status()));
    } else if (!stopped()) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (failure_.ok()) failure_ = received.status();
      }
      Stop();
    }
  }
}

absl::StatusOr<std::optional<v1::ReceivedMessage>> Consumer::Receive() {
  v1::ReceiveRequest request;
  *request.mutable_subscription() = options_.subscription;
  Stubs& stubs = client_.connection().AwaitCurrent();
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(client_.clock().Now() + options_.receive_timeout));
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) return std::nullopt;
    receiving_.insert(&context);
  }
  v1::ReceiveResponse response;
  const absl::Status status = FromGrpc(stubs.messaging->Receive(&context, request, &response));
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    receiving_.erase(&context);
  }
  // The daemon means to answer in time that nothing came; on a slow way it may be late.
  if (absl::IsDeadlineExceeded(status)) return std::nullopt;
  if (absl::IsUnavailable(status)) client_.connection().MoveOn(stubs);
  if (!status.ok()) return status;
  if (response.messages().empty()) return std::nullopt;
  return std::move(*response.mutable_messages(0));
}

void Consumer::Handle(Delivery& delivery) {
  absl::StatusOr<v1::ApplyRequest> request = CallHandler(delivery);
  if (!request.ok()) return GiveBack(delivery, request.status());
  *request->mutable_account() = delivery.message().receiver();
  request->clear_acks();
  request->add_acks(delivery.received().ack_id());
  const absl::Status committed = client_.Apply(*std::move(request)).status();
  if (committed.ok()) return Count(&Counts::handled);
  if (LeaseHasEnded(committed)) return Count(&Counts::lost);
  if (DetailOf(committed).effect != v1::EFFECT_NOT_APPLIED) return Count(&Counts::in_doubt);
  GiveBack(delivery, committed);
}

absl::StatusOr<v1::ApplyRequest> Consumer::CallHandler(Delivery& delivery) const {
  try {
    return handler_(delivery);
  } catch (const std::exception& exception) {
    return absl::InternalError(absl::StrCat("the handler threw: ", exception.what()));
  }
}

void Consumer::GiveBack(const Delivery& delivery, const absl::Status& failure) {
  Count(&Counts::failed);
  if (options_.on_failure) options_.on_failure(delivery, failure);
  v1::NackRequest request;
  *request.mutable_account() = delivery.message().receiver();
  request.add_ack_ids(delivery.received().ack_id());
  const uint32_t doublings = std::min(std::max(delivery.attempt(), 1u) - 1, kDoublingsMax);
  const absl::Duration delay = std::min(
      options_.failure_delay_first * (int64_t{1} << doublings), options_.failure_delay_max);
  *request.mutable_delay() = ToProto(delay);
  // If it cannot be given back, it comes again when its lease has ended.
  client_.Nack(request).IgnoreError();
}

}  // namespace shardd::client
