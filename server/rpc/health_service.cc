#include "server/rpc/health_service.h"

#include <algorithm>
#include <optional>

#include "server/rpc/write_stream.h"

namespace shardd::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using CheckCall = UnaryCall<HealthCheckRequest, HealthCheckResponse>;

absl::Status Check(const HealthBoard& board, CheckCall& call) {
  const HealthBoard::Status status = board.StatusOf(call.request().service());
  // The health protocol's own convention, which knows no reasons of ours.
  if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
    return absl::NotFoundError("no service has this name");
  }
  call.response().set_status(status);
  return absl::OkStatus();
}

// Sends the status, and again whenever it changes.
class Watch final : public WriteStream<HealthCheckRequest, HealthCheckResponse> {
 public:
  Watch(const Config& config, Lane& lane, const HealthBoard* board)
      : WriteStream(config, lane), board_(*board) {}

 private:
  void OnStart() override { WriteChange(); }
  void OnWritten() override { WriteChange(); }
  void OnPoked() override { WriteChange(); }

  void WriteChange() {
    if (writing() || over()) return;
    const HealthBoard::Status status = board_.StatusOf(request().service());
    if (sent_ == status) return;
    sent_ = status;
    HealthCheckResponse response;
    response.set_status(status);
    Write(response);
  }

  const HealthBoard& board_;
  std::optional<HealthBoard::Status> sent_;
};

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *HealthCheckRequest::descriptor()->file()->FindServiceByName("Health");
}

}  // namespace

HealthBoard::Status HealthBoard::StatusOf(absl::string_view name) const {
  if (name == "liveness") return HealthCheckResponse::SERVING;
  const bool known = name.empty() || name == "readiness" ||
                     std::find(services_.begin(), services_.end(), name) != services_.end();
  if (!known) return HealthCheckResponse::SERVICE_UNKNOWN;
  return serving_.load() ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

HealthService::HealthService(CallContext& context, const HealthBoard& board)
    : CallService(Descriptor(), Descriptor().full_name(), context) {
  Unary<HealthCheckRequest, HealthCheckResponse>(
      "Check", Admission::kProbe, [&board](CheckCall& call) { call.Finish(Check(board, call)); });
  Stream<Watch>("Watch", Admission::kProbe, &board);
}

}  // namespace shardd::rpc
