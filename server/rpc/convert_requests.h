#pragma once

#include "absl/status/statusor.h"
#include "server/core/coordinator_core.h"
#include "server/shard_state_operations/requests.h"
#include "shardd/v1/account.pb.h"
#include "shardd/v1/admin.pb.h"
#include "shardd/v1/state.pb.h"

namespace shardd::rpc {

// Requests as the rooms below know them. Texts and bytes are moved out of the messages given, not
// copied. Errors: kInvalidField for what cannot be said in the values of those rooms; their bounds
// are checked by Validate.

AccountRef FromProto(v1::AccountRef&& proto);
absl::StatusOr<ApplyRequest> FromProto(v1::ApplyRequest&& proto);
absl::StatusOr<GetRequest> FromProto(v1::GetRequest&& proto);
absl::StatusOr<ScanRequest> FromProto(v1::ScanRequest&& proto);
absl::StatusOr<GetOutcomeRequest> FromProto(v1::GetRequestOutcomeRequest&& proto);
absl::StatusOr<WatchRequest> FromProto(v1::WatchAccountRequest&& proto);
absl::StatusOr<CreateAccountRequest> FromProto(v1::CreateAccountRequest&& proto);
absl::StatusOr<UpdateAccountRequest> FromProto(v1::UpdateAccountRequest&& proto);
absl::StatusOr<DeleteAccountRequest> FromProto(v1::DeleteAccountRequest&& proto);

// A record to import, as the write that makes the account hold its entries.
absl::StatusOr<ApplyRequest> FromProto(v1::ImportRecord&& proto);

// The page size asked for; negative ones are refused.
absl::StatusOr<size_t> PageSizeFrom(int32_t page_size);

}  // namespace shardd::rpc
