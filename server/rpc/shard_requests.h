#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/coordinator_core.h"
#include "shardd/v1/shard.pb.h"

namespace shardd::rpc {

// What operators ask of shards, as the coordinator takes it. kInvalidField naming the field that is
// malformed or out of bounds; whether it can be done, the coordinator says.
absl::StatusOr<SplitShardRequest> FromProto(const v1::SplitShardRequest& proto);
absl::StatusOr<MergeShardsRequest> FromProto(const v1::MergeShardsRequest& proto);
absl::StatusOr<MoveHomeRequest> FromProto(const v1::MoveShardHomeRequest& proto);
absl::StatusOr<VerifyShardRequest> FromProto(const v1::VerifyShardRequest& proto);
absl::StatusOr<CompactShardRequest> FromProto(const v1::CompactShardRequest& proto);
absl::StatusOr<PauseShardRequest> FromProto(const v1::PauseShardRequest& proto, absl::Time now);
absl::StatusOr<PauseShardRequest> FromProto(const v1::ResumeShardRequest& proto, absl::Time now);
absl::StatusOr<PinShardRequest> FromProto(const v1::PinShardRequest& proto, absl::Time now);
absl::StatusOr<PinShardRequest> FromProto(const v1::UnpinShardRequest& proto, absl::Time now);

}  // namespace shardd::rpc
