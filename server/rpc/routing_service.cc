#include "server/rpc/routing_service.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/routing/table_edits.h"
#include "server/rpc/convert_requests.h"
#include "server/rpc/convert_results.h"
#include "server/rpc/shard_id.h"
#include "server/rpc/watch_table.h"

namespace shardd::rpc {
namespace {

using ResolveCall = UnaryCall<v1::ResolveRequest, v1::ResolveResponse>;
using GetTableCall = UnaryCall<v1::GetTableRequest, v1::GetTableResponse>;
using DiffTablesCall = UnaryCall<v1::DiffTablesRequest, v1::DiffTablesResponse>;

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

absl::Status ResolveShard(const Runtime& runtime, const RouteTable& table, const std::string& text,
                          v1::ResolveResponse& response) {
  SHARDD_ASSIGN_OR_RETURN(const ShardId shard, ShardIdFrom("shard_id", text));
  const Route* route = table.FindShard(shard);
  if (route == nullptr) return ShardIsGone(runtime, shard);
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
      return ResolveShard(call.runtime(), table, request.shard_id(), call.response());
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

// The table of an epoch; 0 means the current one.
absl::StatusOr<std::shared_ptr<const RouteTable>> FindTable(const TableHistory& tables,
                                                            uint64_t epoch) {
  if (epoch == 0) return tables.current();
  std::shared_ptr<const RouteTable> table = tables.Find(TableEpoch{epoch});
  if (table != nullptr) return table;
  return Error(Reason::kEpochCompacted,
               absl::StrCat("the routing table of epoch ", epoch, " is not kept; the current is ",
                            tables.current()->epoch().value, ", and the newest ",
                            limits::kTablesKept, " since the daemon started are kept"));
}

absl::Status GetTable(GetTableCall& call) {
  const std::shared_ptr<const TableHistory> tables = call.runtime().tables();
  SHARDD_ASSIGN_OR_RETURN(const std::shared_ptr<const RouteTable> table,
                          FindTable(*tables, call.request().epoch()));
  ToProto(*table, *call.response().mutable_table());
  return absl::OkStatus();
}

absl::Status DiffTables(DiffTablesCall& call) {
  const v1::DiffTablesRequest& request = call.request();
  if (request.from_epoch() == 0) {
    return InvalidField("from_epoch", "is 0; it must be 1 or more: the older epoch");
  }
  if (request.to_epoch() != 0 && request.to_epoch() < request.from_epoch()) {
    return InvalidField("to_epoch", absl::StrCat("is ", request.to_epoch(),
                                                 "; it must be 0 (the current one) or at least "
                                                 "from_epoch, which is ",
                                                 request.from_epoch()));
  }
  const std::shared_ptr<const TableHistory> tables = call.runtime().tables();
  SHARDD_ASSIGN_OR_RETURN(const std::shared_ptr<const RouteTable> older,
                          FindTable(*tables, request.from_epoch()));
  SHARDD_ASSIGN_OR_RETURN(const std::shared_ptr<const RouteTable> newer,
                          FindTable(*tables, request.to_epoch()));
  ToProto(Diff(*older, *newer), *call.response().mutable_diff());
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
  Unary<v1::DiffTablesRequest, v1::DiffTablesResponse>(
      "DiffTables", always, [](DiffTablesCall& call) { call.Finish(DiffTables(call)); });
  Stream<WatchTable>("WatchTable", always);
}

}  // namespace shardd::rpc
