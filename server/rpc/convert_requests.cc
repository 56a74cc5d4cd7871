#include "server/rpc/convert_requests.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_messages.h"

namespace shardd::rpc {
namespace {

absl::StatusOr<Precondition> PreconditionFrom(v1::Precondition&& proto) {
  switch (proto.condition_case()) {
    case v1::Precondition::kEntryExists:
      return EntryExists{std::move(*proto.mutable_entry_exists())};
    case v1::Precondition::kEntryAbsent:
      return EntryAbsent{std::move(*proto.mutable_entry_absent())};
    case v1::Precondition::kEntryRevision:
      return EntryRevisionIs{std::move(*proto.mutable_entry_revision()->mutable_key()),
                             proto.entry_revision().revision()};
    case v1::Precondition::kEntryValue:
      return EntryValueIs{std::move(*proto.mutable_entry_value()->mutable_key()),
                          std::move(*proto.mutable_entry_value()->mutable_value())};
    case v1::Precondition::kAccountRevision:
      return AccountRevisionIs{proto.account_revision()};
    case v1::Precondition::CONDITION_NOT_SET:
      break;
  }
  return InvalidField("preconditions.condition", "is not set; it must be one of those known");
}

absl::StatusOr<Mutation> MutationFrom(v1::Mutation&& proto) {
  switch (proto.kind_case()) {
    case v1::Mutation::kPut:
      return Put{std::move(*proto.mutable_put()->mutable_key()),
                 std::move(*proto.mutable_put()->mutable_value())};
    case v1::Mutation::kDelete:
      return Delete{std::move(*proto.mutable_delete_())};
    case v1::Mutation::kDeletePrefix:
      return DeletePrefix{std::move(*proto.mutable_delete_prefix())};
    case v1::Mutation::kAddInteger:
      return AddInteger{std::move(*proto.mutable_add_integer()->mutable_key()),
                        proto.add_integer().delta()};
    case v1::Mutation::kAppend:
      return Append{std::move(*proto.mutable_append()->mutable_key()),
                    std::move(*proto.mutable_append()->mutable_value())};
    case v1::Mutation::KIND_NOT_SET:
      break;
  }
  return InvalidField("mutations.kind", "is not set; it must be one of those known");
}

Labels LabelsFrom(const google::protobuf::Map<std::string, std::string>& proto) {
  return Labels(proto.begin(), proto.end());
}

AccountLimits LimitsFrom(const v1::AccountLimits& proto) {
  return {.entries_max = proto.entries_max(), .bytes_max = proto.bytes_max()};
}

absl::StatusOr<AccountState> StateFrom(v1::AccountState state) {
  if (state == v1::ACCOUNT_STATE_ACTIVE) return AccountState::kActive;
  if (state == v1::ACCOUNT_STATE_FROZEN) return AccountState::kFrozen;
  return InvalidField("state", "must be ACCOUNT_STATE_ACTIVE or ACCOUNT_STATE_FROZEN");
}

absl::Status TakeField(const std::string& path, const v1::UpdateAccountRequest& proto,
                       UpdateAccountRequest& request) {
  if (path == "labels") {
    request.labels = LabelsFrom(proto.labels());
  } else if (path == "limits") {
    request.limits = LimitsFrom(proto.limits());
  } else if (path == "state") {
    SHARDD_ASSIGN_OR_RETURN(request.state, StateFrom(proto.state()));
  } else {
    return InvalidField("update_mask",
                        absl::StrCat("names \"", path, "\"; allowed are labels, limits, state"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<size_t> PageSizeFrom(int32_t page_size) {
  if (page_size < 0) {
    return InvalidField("page_size",
                        absl::StrCat("is ", page_size, "; it must be 0 (the default) or more"));
  }
  return static_cast<size_t>(page_size);
}

AccountRef FromProto(v1::AccountRef&& proto) {
  return {.name_space = std::move(*proto.mutable_namespace_()),
          .id = std::move(*proto.mutable_id())};
}

absl::StatusOr<ApplyRequest> FromProto(v1::ApplyRequest&& proto) {
  ApplyRequest request;
  request.account = FromProto(std::move(*proto.mutable_account()));
  request.request_id = std::move(*proto.mutable_request_id());
  request.create_account = proto.create_account();
  request.preconditions.reserve(proto.preconditions_size());
  for (v1::Precondition& item : *proto.mutable_preconditions()) {
    SHARDD_ASSIGN_OR_RETURN(Precondition precondition, PreconditionFrom(std::move(item)));
    request.preconditions.push_back(std::move(precondition));
  }
  request.mutations.reserve(proto.mutations_size());
  for (v1::Mutation& item : *proto.mutable_mutations()) {
    SHARDD_ASSIGN_OR_RETURN(Mutation mutation, MutationFrom(std::move(item)));
    request.mutations.push_back(std::move(mutation));
  }
  SHARDD_ASSIGN_OR_RETURN(request.sends, FromProto(std::move(*proto.mutable_sends())));
  SHARDD_ASSIGN_OR_RETURN(request.acks, LeasesFrom("acks", proto.acks()));
  return request;
}

absl::StatusOr<GetRequest> FromProto(v1::GetRequest&& proto) {
  GetRequest request;
  request.account = FromProto(std::move(*proto.mutable_account()));
  request.keys.reserve(proto.keys_size());
  for (std::string& key : *proto.mutable_keys()) request.keys.push_back(std::move(key));
  return request;
}

absl::StatusOr<ScanRequest> FromProto(v1::ScanRequest&& proto) {
  ScanRequest request;
  SHARDD_ASSIGN_OR_RETURN(request.page_size, PageSizeFrom(proto.page_size()));
  request.account = FromProto(std::move(*proto.mutable_account()));
  request.prefix = std::move(*proto.mutable_prefix());
  request.start = std::move(*proto.mutable_start());
  request.end = std::move(*proto.mutable_end());
  request.reverse = proto.reverse();
  request.keys_only = proto.keys_only();
  request.page_token = std::move(*proto.mutable_page_token());
  return request;
}

absl::StatusOr<GetOutcomeRequest> FromProto(v1::GetRequestOutcomeRequest&& proto) {
  return GetOutcomeRequest{.account = FromProto(std::move(*proto.mutable_account())),
                           .request_id = std::move(*proto.mutable_request_id()),
                           .forbid = proto.forbid()};
}

absl::StatusOr<WatchRequest> FromProto(v1::WatchAccountRequest&& proto) {
  return WatchRequest{.account = FromProto(std::move(*proto.mutable_account())),
                      .start_revision = proto.start_revision()};
}

absl::StatusOr<CreateAccountRequest> FromProto(v1::CreateAccountRequest&& proto) {
  return CreateAccountRequest{.account = FromProto(std::move(*proto.mutable_account())),
                              .request_id = std::move(*proto.mutable_request_id()),
                              .labels = LabelsFrom(proto.labels()),
                              .limits = LimitsFrom(proto.limits())};
}

absl::StatusOr<UpdateAccountRequest> FromProto(v1::UpdateAccountRequest&& proto) {
  UpdateAccountRequest request;
  request.account = FromProto(std::move(*proto.mutable_account()));
  request.request_id = std::move(*proto.mutable_request_id());
  request.expected_revision = proto.expected_revision();
  for (const std::string& path : proto.update_mask().paths()) {
    SHARDD_RETURN_IF_ERROR(TakeField(path, proto, request));
  }
  return request;
}

absl::StatusOr<DeleteAccountRequest> FromProto(v1::DeleteAccountRequest&& proto) {
  return DeleteAccountRequest{.account = FromProto(std::move(*proto.mutable_account())),
                              .request_id = std::move(*proto.mutable_request_id()),
                              .expected_revision = proto.expected_revision()};
}

absl::StatusOr<ApplyRequest> FromProto(v1::ImportRecord&& proto) {
  // Deleting what the record does not name is a mutation too.
  const size_t entries_max = limits::kMutationsMax - (proto.merge() ? 0 : 1);
  if (static_cast<size_t>(proto.entries_size()) > entries_max) {
    return InvalidField("entries",
                        absl::StrCat("has ", proto.entries_size(), " items; at most ", entries_max,
                                     " are allowed; send the rest in further records with merge"));
  }
  ApplyRequest request;
  request.account = FromProto(std::move(*proto.mutable_account()));
  request.request_id = std::move(*proto.mutable_request_id());
  request.create_account = true;
  request.mutations.reserve(proto.entries_size() + 1);
  if (!proto.merge()) request.mutations.push_back(DeletePrefix{});
  for (v1::Entry& entry : *proto.mutable_entries()) {
    request.mutations.push_back(
        Put{std::move(*entry.mutable_key()), std::move(*entry.mutable_value())});
  }
  return request;
}

}  // namespace shardd::rpc
