#include "server/rpc/account_service.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/account/namespace_record.h"
#include "server/base/codec.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_requests.h"
#include "server/rpc/convert_results.h"
#include "server/rpc/name_page.h"
#include "server/shard_state_operations/account_walk.h"
#include "server/shard_state_operations/page_token.h"

namespace shardd::rpc {
namespace {

using CreateCall = UnaryCall<v1::CreateAccountRequest, v1::CreateAccountResponse>;
using GetCall = UnaryCall<v1::GetAccountRequest, v1::GetAccountResponse>;
using ListCall = UnaryCall<v1::ListAccountsRequest, v1::ListAccountsResponse>;
using UpdateCall = UnaryCall<v1::UpdateAccountRequest, v1::UpdateAccountResponse>;
using DeleteCall = UnaryCall<v1::DeleteAccountRequest, v1::DeleteAccountResponse>;
using CreateNamespaceCall = UnaryCall<v1::CreateNamespaceRequest, v1::CreateNamespaceResponse>;
using GetNamespaceCall = UnaryCall<v1::GetNamespaceRequest, v1::GetNamespaceResponse>;
using ListNamespacesCall = UnaryCall<v1::ListNamespacesRequest, v1::ListNamespacesResponse>;
using DeleteNamespaceCall = UnaryCall<v1::DeleteNamespaceRequest, v1::DeleteNamespaceResponse>;

template <typename Response>
void FillAccount(ShardAnswer& answer, Response& response) {
  ToProto(std::get<AccountResult>(std::move(answer)), *response.mutable_account());
}

void CreateAccount(CreateCall& call) {
  call.Submit(FromProto(std::move(call.request())), 0, FillAccount<v1::CreateAccountResponse>);
}

void UpdateAccount(UpdateCall& call) {
  call.Submit(FromProto(std::move(call.request())), 0, FillAccount<v1::UpdateAccountResponse>);
}

void DeleteAccount(DeleteCall& call) {
  call.Submit(FromProto(std::move(call.request())), 0,
              [](ShardAnswer& answer, v1::DeleteAccountResponse& response) {
                response.set_revision(std::get<AccountResult>(answer).record.revision);
              });
}

absl::Status GetAccount(GetCall& call) {
  const GetAccountRequest request{FromProto(std::move(*call.request().mutable_account()))};
  SHARDD_RETURN_IF_ERROR(Validate(request));
  SHARDD_ASSIGN_OR_RETURN(AccountResult result, call.runtime().GetAccount(request));
  ToProto(std::move(result), *call.response().mutable_account());
  return absl::OkStatus();
}

absl::Status ListAccounts(ListCall& call) {
  const v1::ListAccountsRequest& request = call.request();
  if (!request.namespace_().empty()) {
    SHARDD_RETURN_IF_ERROR(ValidateNamespaceName(request.namespace_()));
  }
  SHARDD_RETURN_IF_ERROR(CheckNamespace(*call.runtime().namespaces(), request.namespace_()));
  SHARDD_ASSIGN_OR_RETURN(const size_t page_size, PageSizeFrom(request.page_size()));
  const Hash128 query =
      StableHash128(ByteWriter().Bytes("accounts").Bytes(request.namespace_()).view());
  SHARDD_ASSIGN_OR_RETURN(std::string position, DecodePageToken(request.page_token(), query));

  const StoreView view = call.runtime().View();
  SHARDD_ASSIGN_OR_RETURN(AccountPage page,
                          ReadAccountPage(*view.reader, *view.table,
                                          AccountPageQuery{.name_space = request.namespace_(),
                                                           .position = std::move(position),
                                                           .accounts_max = PageSize(page_size)}));
  for (AccountResult& account : page.accounts) {
    ToProto(std::move(account), *call.response().add_accounts());
  }
  if (!page.next_position.empty()) {
    call.response().set_next_page_token(EncodePageToken(query, page.next_position));
  }
  return absl::OkStatus();
}

void CreateNamespace(CreateNamespaceCall& call) {
  absl::Status valid = ValidateNamespaceName(call.request().name());
  if (valid.ok()) valid = ValidateRequestId(call.request().request_id());
  if (!valid.ok()) return call.Finish(valid);
  call.SubmitToCoordinator(
      CreateNamespaceRequest{call.request().name(), call.request().request_id()},
      [](CoordinatorAnswer& answer, v1::CreateNamespaceResponse& response) {
        const NamespaceResult& created = std::get<NamespaceResult>(answer);
        ToProto(created.name, created.record, *response.mutable_namespace_());
      });
}

void DeleteNamespace(DeleteNamespaceCall& call) {
  const absl::Status valid = ValidateNamespaceName(call.request().name());
  if (!valid.ok()) return call.Finish(valid);
  call.SubmitToCoordinator(
      DeleteNamespaceRequest{call.request().name(), call.request().delete_accounts()},
      [](CoordinatorAnswer& answer, v1::DeleteNamespaceResponse& response) {
        ToProto(std::get<OperationRecord>(answer), *response.mutable_operation());
      });
}

absl::Status GetNamespace(GetNamespaceCall& call) {
  const std::string& name = call.request().name();
  SHARDD_RETURN_IF_ERROR(ValidateNamespaceName(name));
  const std::shared_ptr<const NamespaceTable> namespaces = call.runtime().namespaces();
  const auto found = namespaces->find(name);
  if (found == namespaces->end()) {
    return Error(Reason::kNamespaceNotFound,
                 absl::StrCat("namespace \"", name, "\" does not exist; create it first"));
  }
  ToProto(found->first, found->second, *call.response().mutable_namespace_());
  return absl::OkStatus();
}

absl::Status ListNamespaces(ListNamespacesCall& call) {
  const v1::ListNamespacesRequest& request = call.request();
  SHARDD_ASSIGN_OR_RETURN(NamePage page,
                          NamePage::Begin("namespaces", request.page_size(), request.page_token()));
  const std::shared_ptr<const NamespaceTable> namespaces = call.runtime().namespaces();
  for (auto it = namespaces->upper_bound(page.after()); it != namespaces->end(); ++it) {
    if (!page.Take(it->first)) break;
    ToProto(it->first, it->second, *call.response().add_namespaces());
  }
  call.response().set_next_page_token(page.next_page_token());
  return absl::OkStatus();
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *v1::GetAccountRequest::descriptor()->file()->FindServiceByName("AccountService");
}

}  // namespace

AccountService::AccountService(CallContext& context)
    : CallService(Descriptor(), Descriptor().full_name(), context) {
  const Admission data = Admission::kData;
  Unary<v1::CreateAccountRequest, v1::CreateAccountResponse>("CreateAccount", data, CreateAccount);
  Unary<v1::GetAccountRequest, v1::GetAccountResponse>(
      "GetAccount", data, [](GetCall& call) { call.Finish(GetAccount(call)); });
  Unary<v1::ListAccountsRequest, v1::ListAccountsResponse>(
      "ListAccounts", data, [](ListCall& call) { call.Finish(ListAccounts(call)); });
  Unary<v1::UpdateAccountRequest, v1::UpdateAccountResponse>("UpdateAccount", data, UpdateAccount);
  Unary<v1::DeleteAccountRequest, v1::DeleteAccountResponse>("DeleteAccount", data, DeleteAccount);
  Unary<v1::CreateNamespaceRequest, v1::CreateNamespaceResponse>("CreateNamespace", data,
                                                                 CreateNamespace);
  Unary<v1::GetNamespaceRequest, v1::GetNamespaceResponse>(
      "GetNamespace", data, [](GetNamespaceCall& call) { call.Finish(GetNamespace(call)); });
  Unary<v1::ListNamespacesRequest, v1::ListNamespacesResponse>(
      "ListNamespaces", data, [](ListNamespacesCall& call) { call.Finish(ListNamespaces(call)); });
  Unary<v1::DeleteNamespaceRequest, v1::DeleteNamespaceResponse>("DeleteNamespace", data,
                                                                 DeleteNamespace);
}

}  // namespace shardd::rpc
