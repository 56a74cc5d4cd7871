#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "echo.grpc.pb.h"
#include "etcd_kv.grpc.pb.h"
#include "shardd/v1/state.grpc.pb.h"
#include "tests/bench/dataset.h"
#include "tests/bench/meter.h"
#include "tests/bench/requests.h"

// The kinds of call that UnaryLoad makes.
namespace shardd::bench {

template <typename Response>
using ResponseReader = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>>;

// StateService.Apply with one put. With `request_ids` each carries its own, so that its outcome is
// stored too.
class PutRpc {
 public:
  using Request = v1::ApplyRequest;
  using Response = v1::ApplyResponse;

  PutRpc(const std::shared_ptr<grpc::Channel>& channel, Dataset& dataset, bool request_ids)
      : stub_(v1::StateService::NewStub(channel)), dataset_(dataset), request_ids_(request_ids) {}

  void Fill(Request& request) {
    FillPut(dataset_, request);
    if (request_ids_) request.set_request_id(absl::StrCat(run_, "-", ++made_));
  }
  ResponseReader<Response> Prepare(grpc::ClientContext* context, const Request& request,
                                   grpc::CompletionQueue* queue) {
    return stub_->PrepareAsyncApply(context, request, queue);
  }
  bool Expected(const Response& response) const { return IsPutAnswer(response); }

 private:
  const std::unique_ptr<v1::StateService::Stub> stub_;
  Dataset& dataset_;
  const bool request_ids_;
  // Tells this run's ids from those of earlier runs, which the server may still remember.
  const int64_t run_ = MeterClock::now().time_since_epoch().count();
  uint64_t made_ = 0;
};

// StateService.Get of one entry.
class GetRpc {
 public:
  using Request = v1::GetRequest;
  using Response = v1::GetResponse;

  GetRpc(const std::shared_ptr<grpc::Channel>& channel, Dataset& dataset)
      : stub_(v1::StateService::NewStub(channel)), dataset_(dataset) {}

  void Fill(Request& request) { FillGet(dataset_, request); }
  ResponseReader<Response> Prepare(grpc::ClientContext* context, const Request& request,
                                   grpc::CompletionQueue* queue) {
    return stub_->PrepareAsyncGet(context, request, queue);
  }
  bool Expected(const Response& response) const { return IsGetAnswer(dataset_, response); }

 private:
  const std::unique_ptr<v1::StateService::Stub> stub_;
  Dataset& dataset_;
};

// How long the messages of an echo are.
struct EchoShape {
  size_t request_bytes = 0;
  size_t answer_bytes = 0;
};

// An echo whose messages are as long as those of another call.
class EchoRpc {
 public:
  using Request = EchoRequest;
  using Response = EchoResponse;

  EchoRpc(const std::shared_ptr<grpc::Channel>& channel, EchoShape shape)
      : stub_(EchoService::NewStub(channel)), shape_(shape) {}

  void Fill(Request& request) {
    if (!request.payload().empty()) return;
    request.set_answer_bytes(static_cast<uint32_t>(PayloadBytes(shape_.answer_bytes)));
    // The answer's length is a field of its own, so the payload gives way to it.
    request.set_payload(
        std::string(PayloadBytes(shape_.request_bytes - request.ByteSizeLong()), 'x'));
  }
  ResponseReader<Response> Prepare(grpc::ClientContext* context, const Request& request,
                                   grpc::CompletionQueue* queue) {
    return stub_->PrepareAsyncEcho(context, request, queue);
  }
  bool Expected(const Response& response) const {
    return response.ByteSizeLong() == shape_.answer_bytes;
  }

 private:
  // A payload shorter than 128 bytes has a tag and a length of one byte each, a longer one a length
  // of two.
  static size_t PayloadBytes(size_t message_bytes) {
    return message_bytes <= 129 ? message_bytes - 2 : message_bytes - 3;
  }

  const std::unique_ptr<EchoService::Stub> stub_;
  const EchoShape shape_;
};

// etcd's KV.Put of the same sizes: the account's id and the entry's key together are the key.
class EtcdPutRpc {
 public:
  using Request = etcdserverpb::PutRequest;
  using Response = etcdserverpb::PutResponse;

  EtcdPutRpc(const std::shared_ptr<grpc::Channel>& channel, Dataset& dataset)
      : stub_(etcdserverpb::KV::NewStub(channel)), dataset_(dataset) {}

  void Fill(Request& request) {
    request.set_key(absl::StrCat(dataset_.RandomId(), "/", Dataset::kEntryKey));
    const absl::string_view value = dataset_.RandomValue();
    request.set_value(value.data(), value.size());
  }
  ResponseReader<Response> Prepare(grpc::ClientContext* context, const Request& request,
                                   grpc::CompletionQueue* queue) {
    return stub_->PrepareAsyncPut(context, request, queue);
  }
  bool Expected(const Response&) const { return true; }

 private:
  const std::unique_ptr<etcdserverpb::KV::Stub> stub_;
  Dataset& dataset_;
};

}  // namespace shardd::bench
