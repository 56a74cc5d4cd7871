#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "client/error.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/sync_stream.h"

namespace shardd::client {

// A stream of answers to one request: a watch or an export.
//
// Thread safety: Next is called by one thread at a time; Cancel may be called from any thread.
// Destroying an unfinished stream cancels it.
template <typename Response>
class ResponseStream {
 public:
  ResponseStream(std::shared_ptr<grpc::ClientContext> context,
                 std::unique_ptr<grpc::ClientReader<Response>> reader)
      : context_(std::move(context)), reader_(std::move(reader)) {}
  ResponseStream(ResponseStream&&) = default;
  ResponseStream& operator=(ResponseStream&&) = delete;
  ~ResponseStream() {
    if (reader_ == nullptr || finished_) return;
    context_->TryCancel();
    for (Response rest; reader_->Read(&rest);) {
    }
    reader_->Finish().ok();
  }

  // The next answer; nothing when the daemon has ended the stream well; an error otherwise.
  absl::StatusOr<std::optional<Response>> Next() {
    Response response;
    if (finished_) return std::optional<Response>();
    if (reader_->Read(&response)) return std::optional<Response>(std::move(response));
    finished_ = true;
    const absl::Status status = FromGrpc(reader_->Finish());
    if (!status.ok()) return status;
    return std::optional<Response>();
  }

  // Ends the stream soon, with CANCELLED.
  void Cancel() { context_->TryCancel(); }

 private:
  std::shared_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReader<Response>> reader_;
  bool finished_ = false;
};

}  // namespace shardd::client
