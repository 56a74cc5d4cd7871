#include "server/rpc/operation_service.h"

#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_results.h"
#include "server/rpc/name_page.h"
#include "server/rpc/wait_operation.h"

namespace shardd::rpc {
namespace {

using ListCall = UnaryCall<v1::ListOperationsRequest, v1::ListOperationsResponse>;
using GetCall = UnaryCall<v1::GetOperationRequest, v1::GetOperationResponse>;
using CancelCall = UnaryCall<v1::CancelOperationRequest, v1::CancelOperationResponse>;

// Newest first: from the one before the last of the page before.
absl::Status List(ListCall& call) {
  const v1::ListOperationsRequest& request = call.request();
  SHARDD_ASSIGN_OR_RETURN(NamePage page,
                          NamePage::Begin("operations", request.page_size(), request.page_token()));
  const std::shared_ptr<const OperationTable> operations = call.runtime().operations();
  const std::optional<OperationId> after = ParseOperationId(page.after());
  auto it = std::make_reverse_iterator(after.has_value() ? operations->lower_bound(*after)
                                                         : operations->end());
  for (; it != operations->rend() && page.Take(ToText(it->first)); ++it) {
    ToProto(it->second, *call.response().add_operations());
  }
  call.response().set_next_page_token(page.next_page_token());
  return absl::OkStatus();
}

absl::Status Get(GetCall& call) {
  SHARDD_ASSIGN_OR_RETURN(const OperationId id, OperationIdFrom(call.request().id()));
  const std::shared_ptr<const OperationTable> operations = call.runtime().operations();
  const auto found = operations->find(id);
  if (found == operations->end()) {
    return Error(Reason::kOperationNotFound,
                 absl::StrCat("operation ", call.request().id(), " does not exist"));
  }
  ToProto(found->second, *call.response().mutable_operation());
  return absl::OkStatus();
}

void Cancel(CancelCall& call) {
  const absl::StatusOr<OperationId> id = OperationIdFrom(call.request().id());
  if (!id.ok()) return call.Finish(id.status());
  call.SubmitToCoordinator(CancelOperationRequest{*id}, [](CoordinatorAnswer& answer,
                                                           v1::CancelOperationResponse& response) {
    ToProto(std::get<OperationRecord>(answer), *response.mutable_operation());
  });
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *v1::Operation::descriptor()->file()->FindServiceByName("OperationService");
}

}  // namespace

OperationService::OperationService(CallContext& context)
    : CallService(Descriptor(), Descriptor().full_name(), context) {
  const Admission always = Admission::kOperator;
  Unary<v1::ListOperationsRequest, v1::ListOperationsResponse>(
      "ListOperations", always, [](ListCall& call) { call.Finish(List(call)); });
  Unary<v1::GetOperationRequest, v1::GetOperationResponse>(
      "GetOperation", always, [](GetCall& call) { call.Finish(Get(call)); });
  Stream<WaitOperation>("WaitOperation", always);
  Unary<v1::CancelOperationRequest, v1::CancelOperationResponse>("CancelOperation", always, Cancel);
}

}  // namespace shardd::rpc
