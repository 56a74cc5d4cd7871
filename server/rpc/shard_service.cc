#include "server/rpc/shard_service.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_results.h"
#include "server/rpc/name_page.h"
#include "server/rpc/shard_id.h"

namespace shardd::rpc {
namespace {

using ListCall = UnaryCall<v1::ListShardsRequest, v1::ListShardsResponse>;
using GetCall = UnaryCall<v1::GetShardRequest, v1::GetShardResponse>;

// The token names the range start that was last listed, so it is good for any later table.
absl::Status List(ListCall& call) {
  const v1::ListShardsRequest& request = call.request();
  SHARDD_ASSIGN_OR_RETURN(NamePage page,
                          NamePage::Begin("shards", request.page_size(), request.page_token()));
  const std::optional<RoutingKey> after = RoutingKeyFromBytes(page.after());
  const std::shared_ptr<const TableHistory> tables = call.runtime().tables();
  for (const Route& route : tables->current()->routes()) {
    if (after.has_value() && route.range.start <= *after) continue;
    if (!page.Take(ToBytes(route.range.start))) break;
    const std::optional<ShardStatus> status = call.runtime().Shard(route.shard);
    if (status.has_value()) ToProto(*status, *call.response().add_shards());
  }
  call.response().set_next_page_token(page.next_page_token());
  call.response().set_epoch(tables->current()->epoch().value);
  return absl::OkStatus();
}

absl::Status Get(GetCall& call) {
  SHARDD_ASSIGN_OR_RETURN(const ShardId shard, ShardIdFrom("id", call.request().id()));
  const std::optional<ShardStatus> status = call.runtime().Shard(shard);
  if (!status.has_value()) return ShardNotFound(shard);
  ToProto(*status, *call.response().mutable_shard());
  return absl::OkStatus();
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *v1::Shard::descriptor()->file()->FindServiceByName("ShardService");
}

}  // namespace

absl::StatusOr<ShardId> ShardIdFrom(absl::string_view field, absl::string_view text) {
  const std::optional<ShardId> id = ParseShardId(text);
  if (id.has_value()) return *id;
  return InvalidField(field, "is not the id of a shard; they look like s-0001");
}

absl::Status ShardNotFound(ShardId shard) {
  return Error(Reason::kShardNotFound, absl::StrCat("no shard is called ", ToText(shard)));
}

ShardService::ShardService(CallContext& context)
    : CallService(Descriptor(), Descriptor().full_name(), context) {
  const Admission always = Admission::kOperator;
  Unary<v1::ListShardsRequest, v1::ListShardsResponse>(
      "ListShards", always, [](ListCall& call) { call.Finish(List(call)); });
  Unary<v1::GetShardRequest, v1::GetShardResponse>("GetShard", always,
                                                   [](GetCall& call) { call.Finish(Get(call)); });
}

}  // namespace shardd::rpc
