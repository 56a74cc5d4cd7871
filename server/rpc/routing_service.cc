#include "server/rpc/routing_service.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_requests.h"
#include "server/rpc/convert_results.h"
#include "server/rpc/shard_id.h"
#include "server/rpc/watch_table.h"

namespace shardd::rpc {
namespace {

using ResolveCall = UnaryCall<v1::ResolveRequest, v1::ResolveResponse>;
using GetTableCall = UnaryCall<v1::GetTableRequest, v1::GetTableResponse>;

absl::StatusOr<RoutingKey> RoutingKeyFrom(v1::ResolveRequest& request) {
  if (request.has_account()) {
    const AccountRef account = FromProto(std::move(*request.mutable_account()));
    SHARDD_RETURN_IF_ERROR(ValidateAccountRef(account));
    return account.routing_key();
  }
  const std::optional<RoutingKey> key = RoutingKeyFromBytes(request.routing_key());
  if (key.has_value()) return *key;
  return InvalidField("routing_key", absl::StrCat("is ", request.routing_key().size(),
                                                  " bytes; it must be ", kRoutingKeyBytes));
}

absl::Status ResolveShard(const RouteTable& table, const std::string& text,
                          v1::ResolveResponse& response) {
  SHARDD_ASSIGN_OR_RETURN(const ShardId shard, ShardIdFrom("shard_id", text));
  const Route* route = table.FindShard(shard);
  if (route == nullptr) return ShardNotFound(shard);
  ToProto(*route, *response.mutable_route());
  return absl::OkStatus();
}

absl::Status Resolve(ResolveCall& call) {
  v1::ResolveRequest& request = call.request();
  const std::shared_ptr<const TableHistory> tables = call.runtime().tables();
  const RouteTable& table = *tables->current();
  call.response().set_epoch(table.epoch().value);
  switch (request.key_case()) {
    case v1::ResolveRequest::kShardId:
      return ResolveShard(table, request.shard_id(), call.response());
    case v1::ResolveRequest::kAccount:
    case v1::ResolveRequest::kRoutingKey: {
      SHARDD_ASSIGN_OR_RETURN(const RoutingKey key, RoutingKeyFrom(request));
      ToProto(table.Find(key), *call.response().mutable_route());
      call.response().set_routing_key(ToBytes(key));
      return absl::OkStatus();
    }
    case v1::ResolveRequest::KEY_NOT_SET:
      break;
  }
  return InvalidField("key", "is not set; it must be account, routing_key or shard_id");
}

absl::Status GetTable(GetTableCall& call) {
  const std::shared_ptr<const TableHistory> tables = call.runtime().tables();
  const uint64_t epoch = call.request().epoch();
  const std::shared_ptr<const RouteTable> table =
      epoch == 0 ? tables->current() : tables->Find(TableEpoch{epoch});
  if (table == nullptr) {
    return Error(Reason::kEpochCompacted,
                 absl::StrCat("the routing table of epoch ", epoch, " is not kept; the current is ",
                              tables->current()->epoch().value));
  }
  ToProto(*table, *call.response().mutable_table());
  return absl::OkStatus();
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *v1::Route::descriptor()->file()->FindServiceByName("RoutingService");
}

}  // namespace

RoutingService::RoutingService(CallContext& context)
    : CallService(Descriptor(), Descriptor().full_name(), context) {
  const Admission always = Admission::kOperator;
  Unary<v1::ResolveRequest, v1::ResolveResponse>(
      "Resolve", always, [](ResolveCall& call) { call.Finish(Resolve(call)); });
  Unary<v1::GetTableRequest, v1::GetTableResponse>(
      "GetTable", always, [](GetTableCall& call) { call.Finish(GetTable(call)); });
  Stream<WatchTable>("WatchTable", always);
}

}  // namespace shardd::rpc
