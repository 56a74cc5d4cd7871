#include "server/rpc/shard_requests.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_requests.h"
#include "server/rpc/proto_time.h"
#include "server/rpc/shard_id.h"

namespace shardd::rpc {
namespace {

template <typename Request>
ChangeGuard GuardOf(const Request& proto) {
  return {.expected_epoch = proto.expected_epoch(), .dry_run = proto.validate_only()};
}

absl::StatusOr<std::optional<RoutingKey>> SplitKeyFrom(const v1::SplitShardRequest& proto) {
  switch (proto.at_case()) {
    case v1::SplitShardRequest::kRoutingKey: {
      const std::optional<RoutingKey> key = RoutingKeyFromBytes(proto.routing_key());
      if (key.has_value()) return key;
      return InvalidField("routing_key", absl::StrCat("is ", proto.routing_key().size(),
                                                      " bytes; it must be ", kRoutingKeyBytes));
    }
    case v1::SplitShardRequest::kAccount: {
      const AccountRef account = FromProto(v1::AccountRef(proto.account()));
      SHARDD_RETURN_IF_ERROR(ValidateAccountRef(account));
      return account.routing_key();
    }
    case v1::SplitShardRequest::AT_NOT_SET:
      break;
  }
  return std::nullopt;
}

// A request about one shard.
template <typename Request, typename Proto>
absl::StatusOr<Request> OnShard(const Proto& proto) {
  Request request;
  SHARDD_ASSIGN_OR_RETURN(request.shard, ShardIdFrom("id", proto.id()));
  request.guard = GuardOf(proto);
  return request;
}

// One that ends what has been going on: it is over as of now.
template <typename Request, typename Proto>
absl::StatusOr<Request> UntilNow(const Proto& proto, absl::Time now) {
  SHARDD_ASSIGN_OR_RETURN(Request request, OnShard<Request>(proto));
  request.until = now;
  return request;
}

}  // namespace

absl::StatusOr<SplitShardRequest> FromProto(const v1::SplitShardRequest& proto) {
  SHARDD_ASSIGN_OR_RETURN(auto request, OnShard<SplitShardRequest>(proto));
  SHARDD_ASSIGN_OR_RETURN(request.at, SplitKeyFrom(proto));
  return request;
}

absl::StatusOr<MergeShardsRequest> FromProto(const v1::MergeShardsRequest& proto) {
  MergeShardsRequest request;
  SHARDD_ASSIGN_OR_RETURN(request.survivor, ShardIdFrom("id", proto.id()));
  SHARDD_ASSIGN_OR_RETURN(request.ended, ShardIdFrom("other_id", proto.other_id()));
  if (request.survivor == request.ended) {
    return InvalidField("other_id", "is the shard itself; it must be a neighbour of it");
  }
  request.guard = GuardOf(proto);
  return request;
}

absl::StatusOr<MoveHomeRequest> FromProto(const v1::MoveShardHomeRequest& proto) {
  SHARDD_ASSIGN_OR_RETURN(auto request, OnShard<MoveHomeRequest>(proto));
  if (!proto.home().empty()) {
    request.home = storage::ParseFamily(proto.home());
    if (!request.home.has_value() || *request.home == storage::kMeta) {
      return InvalidField("home",
                          "is not the name of a home; they look like h0002; leave it empty for a "
                          "new one");
    }
  }
  return request;
}

absl::StatusOr<VerifyShardRequest> FromProto(const v1::VerifyShardRequest& proto) {
  return OnShard<VerifyShardRequest>(proto);
}

absl::StatusOr<CompactShardRequest> FromProto(const v1::CompactShardRequest& proto) {
  return OnShard<CompactShardRequest>(proto);
}

absl::StatusOr<PauseShardRequest> FromProto(const v1::PauseShardRequest& proto, absl::Time now) {
  SHARDD_ASSIGN_OR_RETURN(auto request, OnShard<PauseShardRequest>(proto));
  absl::Duration duration = limits::kShardPauseDefault;
  if (proto.has_duration()) {
    SHARDD_ASSIGN_OR_RETURN(duration, DurationFrom(proto.duration(), limits::kShardPauseMax));
  }
  request.until = now + duration;
  return request;
}

absl::StatusOr<PauseShardRequest> FromProto(const v1::ResumeShardRequest& proto, absl::Time now) {
  return UntilNow<PauseShardRequest>(proto, now);
}

absl::StatusOr<PinShardRequest> FromProto(const v1::PinShardRequest& proto, absl::Time now) {
  SHARDD_ASSIGN_OR_RETURN(auto request, OnShard<PinShardRequest>(proto));
  SHARDD_ASSIGN_OR_RETURN(const absl::Duration duration,
                          DurationFrom(proto.duration(), limits::kShardPinMax));
  request.until = now + duration;
  return request;
}

absl::StatusOr<PinShardRequest> FromProto(const v1::UnpinShardRequest& proto, absl::Time now) {
  return UntilNow<PinShardRequest>(proto, now);
}

}  // namespace shardd::rpc
