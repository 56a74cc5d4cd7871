#include "server/rpc/state_service.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_requests.h"
#include "server/rpc/convert_results.h"
#include "server/rpc/session.h"
#include "server/rpc/watch_account.h"

namespace shardd::rpc {
namespace {

using ApplyCall = UnaryCall<v1::ApplyRequest, v1::ApplyResponse>;
using GetCall = UnaryCall<v1::GetRequest, v1::GetResponse>;
using ScanCall = UnaryCall<v1::ScanRequest, v1::ScanResponse>;
using OutcomeCall = UnaryCall<v1::GetRequestOutcomeRequest, v1::GetRequestOutcomeResponse>;

void Apply(ApplyCall& call) {
  const uint64_t epoch = call.request().epoch();
  call.Submit(FromProto(std::move(call.request())), epoch,
              [](ShardAnswer& answer, v1::ApplyResponse& response) {
                ToProto(std::get<ApplyResult>(std::move(answer)), response);
              });
}

absl::Status Get(GetCall& call) {
  const uint64_t epoch = call.request().epoch();
  SHARDD_ASSIGN_OR_RETURN(const GetRequest request, FromProto(std::move(call.request())));
  SHARDD_RETURN_IF_ERROR(Validate(request));
  SHARDD_ASSIGN_OR_RETURN(GetResult result, call.runtime().Get(request, epoch));
  SHARDD_RETURN_IF_ERROR(call.HoldAnswer(ByteSize(result)));
  ToProto(std::move(result), call.response());
  return absl::OkStatus();
}

absl::Status Scan(ScanCall& call) {
  const uint64_t epoch = call.request().epoch();
  SHARDD_ASSIGN_OR_RETURN(const ScanRequest request, FromProto(std::move(call.request())));
  SHARDD_RETURN_IF_ERROR(Validate(request));
  SHARDD_ASSIGN_OR_RETURN(ScanResult result, call.runtime().Scan(request, epoch));
  SHARDD_RETURN_IF_ERROR(call.HoldAnswer(ByteSize(result)));
  ToProto(std::move(result), call.response());
  return absl::OkStatus();
}

void GetRequestOutcome(OutcomeCall& call) {
  call.Submit(FromProto(std::move(call.request())), 0,
              [](ShardAnswer& answer, v1::GetRequestOutcomeResponse& response) {
                ToProto(std::get<OutcomeResult>(std::move(answer)), response);
              });
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *v1::ApplyRequest::descriptor()->file()->FindServiceByName("StateService");
}

}  // namespace

StateService::StateService(CallContext& context)
    : CallService(Descriptor(), Descriptor().full_name(), context) {
  Unary<v1::ApplyRequest, v1::ApplyResponse>("Apply", Admission::kData, Apply, kPostedMany);
  Unary<v1::GetRequest, v1::GetResponse>(
      "Get", Admission::kData, [](GetCall& call) { call.Finish(Get(call)); }, kPostedMany);
  Unary<v1::ScanRequest, v1::ScanResponse>("Scan", Admission::kData,
                                           [](ScanCall& call) { call.Finish(Scan(call)); });
  Unary<v1::GetRequestOutcomeRequest, v1::GetRequestOutcomeResponse>(
      "GetRequestOutcome", Admission::kData, GetRequestOutcome);
  Stream<Session>("Session", Admission::kData);
  Stream<WatchAccount>("WatchAccount", Admission::kData);
}

}  // namespace shardd::rpc
