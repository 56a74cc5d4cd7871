#include "server/rpc/session.h"

#include <utility>
#include <variant>

#include "server/base/check.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_requests.h"

namespace shardd::rpc {
namespace {

// One operation as a valid request of a shard.
template <typename Message>
absl::StatusOr<ShardRequest> ValidRequest(Message&& message, uint64_t epoch) {
  SHARDD_ASSIGN_OR_RETURN(auto body, FromProto(std::forward<Message>(message)));
  SHARDD_RETURN_IF_ERROR(Validate(body));
  ShardRequest request;
  request.epoch = epoch;
  request.body = std::move(body);
  return request;
}

struct ResultFiller {
  v1::SessionResult& result;
  void operator()(ApplyResult& answer) { ToProto(std::move(answer), *result.mutable_apply()); }
  void operator()(GetResult& answer) { ToProto(std::move(answer), *result.mutable_get()); }
  void operator()(ScanResult& answer) { ToProto(std::move(answer), *result.mutable_scan()); }
  // A session asks for nothing else.
  void operator()(AccountResult&) { SHARDD_CHECK(false); }
  void operator()(OutcomeResult&) { SHARDD_CHECK(false); }
  void operator()(WatchEnded&) { SHARDD_CHECK(false); }
  void operator()(ReceiveResult&) { SHARDD_CHECK(false); }
  void operator()(LeasesResult&) { SHARDD_CHECK(false); }
  void operator()(UndeliverableSettled&) { SHARDD_CHECK(false); }
};

}  // namespace

size_t SessionTraits::CountChanges(const Request& request) {
  size_t mutations = 0;
  for (const v1::SessionOperation& operation : request.operations()) {
    mutations += static_cast<size_t>(operation.apply().mutations_size());
  }
  return mutations;
}

absl::StatusOr<ShardRequest> SessionTraits::Take(Request& request, int i) {
  v1::SessionOperation& operation = *request.mutable_operations(i);
  switch (operation.request_case()) {
    case v1::SessionOperation::kApply:
      return ValidRequest(std::move(*operation.mutable_apply()), operation.apply().epoch());
    case v1::SessionOperation::kGet:
      return ValidRequest(std::move(*operation.mutable_get()), operation.get().epoch());
    case v1::SessionOperation::kScan:
      return ValidRequest(std::move(*operation.mutable_scan()), operation.scan().epoch());
    case v1::SessionOperation::REQUEST_NOT_SET:
      break;
  }
  return InvalidField("operations.request", "is not set; it must be apply, get or scan");
}

void SessionTraits::Fill(ShardAnswer& answer, Response& response, int i) {
  std::visit(ResultFiller{*response.mutable_results(i)}, answer);
}

v1::OperationError* SessionTraits::ErrorOf(Response& response, int i) {
  return response.mutable_results(i)->mutable_error();
}

absl::StatusOr<ShardRequest> ImportTraits::Take(Request& request, int i) {
  return ValidRequest(std::move(*request.mutable_records(i)), 0);
}

void ImportTraits::Fill(ShardAnswer& answer, Response& response, int i) {
  response.mutable_results(i)->set_revision(std::get<ApplyResult>(answer).revision);
}

v1::OperationError* ImportTraits::ErrorOf(Response& response, int i) {
  return response.mutable_results(i)->mutable_error();
}

}  // namespace shardd::rpc
