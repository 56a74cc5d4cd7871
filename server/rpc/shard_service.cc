#include "server/rpc/shard_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "server/base/clock.h"
#include "server/base/status_macros.h"
#include "server/routing/table_edits.h"
#include "server/rpc/convert_results.h"
#include "server/rpc/name_page.h"
#include "server/rpc/proto_time.h"
#include "server/rpc/shard_id.h"
#include "server/rpc/shard_requests.h"

namespace shardd::rpc {
namespace {

using ListCall = UnaryCall<v1::ListShardsRequest, v1::ListShardsResponse>;
using GetCall = UnaryCall<v1::GetShardRequest, v1::GetShardResponse>;
using SplitCall = UnaryCall<v1::SplitShardRequest, v1::SplitShardResponse>;
using MergeCall = UnaryCall<v1::MergeShardsRequest, v1::MergeShardsResponse>;
using MoveHomeCall = UnaryCall<v1::MoveShardHomeRequest, v1::MoveShardHomeResponse>;
using PauseCall = UnaryCall<v1::PauseShardRequest, v1::PauseShardResponse>;
using ResumeCall = UnaryCall<v1::ResumeShardRequest, v1::ResumeShardResponse>;
using PinCall = UnaryCall<v1::PinShardRequest, v1::PinShardResponse>;
using UnpinCall = UnaryCall<v1::UnpinShardRequest, v1::UnpinShardResponse>;
using CompactCall = UnaryCall<v1::CompactShardRequest, v1::CompactShardResponse>;
using VerifyCall = UnaryCall<v1::VerifyShardRequest, v1::VerifyShardResponse>;
using LineageCall = UnaryCall<v1::GetShardLineageRequest, v1::GetShardLineageResponse>;

// What is known of a shard that may just have changed.
ShardNote NoteOf(const Runtime& runtime, ShardId shard) {
  const std::shared_ptr<const ShardNotes> notes = runtime.notes();
  const auto found = notes->find(shard);
  return found == notes->end() ? ShardNote() : found->second;
}

// The token names the range start that was last listed, so it is good for any later table.
absl::Status List(ListCall& call, absl::Time now) {
  const v1::ListShardsRequest& request = call.request();
  SHARDD_ASSIGN_OR_RETURN(NamePage page,
                          NamePage::Begin("shards", request.page_size(), request.page_token()));
  const std::optional<RoutingKey> after = RoutingKeyFromBytes(page.after());
  const std::shared_ptr<const TableHistory> tables = call.runtime().tables();
  for (const Route& route : tables->current()->routes()) {
    if (after.has_value() && route.range.start <= *after) continue;
    if (!page.Take(ToBytes(route.range.start))) break;
    std::optional<ShardStatus> status = call.runtime().Shard(route.shard);
    if (!status.has_value()) continue;
    // All of the page is of one table, even if there is a newer one by now.
    status->route = route;
    ToProto(*status, NoteOf(call.runtime(), route.shard), now, *call.response().add_shards());
  }
  call.response().set_next_page_token(page.next_page_token());
  call.response().set_epoch(tables->current()->epoch().value);
  return absl::OkStatus();
}

absl::Status Get(GetCall& call, absl::Time now) {
  SHARDD_ASSIGN_OR_RETURN(const ShardId shard, ShardIdFrom("id", call.request().id()));
  const std::optional<ShardStatus> status = call.runtime().Shard(shard);
  if (!status.has_value()) return ShardIsGone(call.runtime(), shard);
  ToProto(*status, NoteOf(call.runtime(), shard), now, *call.response().mutable_shard());
  return absl::OkStatus();
}

template <typename Response>
void FillOperation(CoordinatorAnswer& answer, Response& response) {
  ToProto(std::get<OperationRecord>(answer), *response.mutable_operation());
}

template <typename Request>
absl::Status CheckShards(const Runtime& runtime, const Request& request) {
  return CheckShard(runtime, request.shard);
}
absl::Status CheckShards(const Runtime& runtime, const MergeShardsRequest& request) {
  SHARDD_RETURN_IF_ERROR(CheckShard(runtime, request.survivor));
  return CheckShard(runtime, request.ended);
}

// Hands a request over, or says what is wrong with it. The coordinator looks at the shards again.
template <typename Call, typename Request>
void Submit(Call& call, absl::StatusOr<Request> request, typename Call::FillFromCoordinator fill) {
  absl::Status valid = request.status();
  if (valid.ok()) valid = CheckShards(call.runtime(), *request);
  if (!valid.ok()) return call.Finish(valid);
  call.SubmitToCoordinator(*std::move(request), fill);
}

void Pause(PauseCall& call, absl::Time now) {
  Submit(call, FromProto(call.request(), now),
         [](CoordinatorAnswer& answer, v1::PauseShardResponse& response) {
           ToProto(std::get<ShardNote>(answer).paused_until, *response.mutable_paused_until());
         });
}

void Pin(PinCall& call, absl::Time now) {
  Submit(call, FromProto(call.request(), now),
         [](CoordinatorAnswer& answer, v1::PinShardResponse& response) {
           ToProto(std::get<ShardNote>(answer).pinned_until, *response.mutable_pinned_until());
         });
}

absl::Status GetLineage(LineageCall& call) {
  SHARDD_ASSIGN_OR_RETURN(const ShardId shard, ShardIdFrom("id", call.request().id()));
  const std::shared_ptr<const Lineage> lineage = call.runtime().lineage();
  for (const std::shared_ptr<const TableChange>& change : LineageOf(*lineage, shard)) {
    ToProto(*change, *call.response().add_changes());
  }
  const RouteTable& table = *call.runtime().tables()->current();
  const bool known = call.response().changes_size() > 0 || table.FindShard(shard) != nullptr;
  if (!known) return ShardNotFound(shard);
  // The first change of all led from epoch 1 to 2.
  const uint64_t oldest =
      lineage->empty() ? table.epoch().value + 1 : lineage->front()->diff.epoch.value;
  call.response().set_compacted(oldest > 2);
  return absl::OkStatus();
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *v1::Shard::descriptor()->file()->FindServiceByName("ShardService");
}

}  // namespace

ShardService::ShardService(CallContext& context)
    : CallService(Descriptor(), Descriptor().full_name(), context) {
  const Admission always = Admission::kOperator;
  const Clock& clock = context.clock;
  Unary<v1::ListShardsRequest, v1::ListShardsResponse>(
      "ListShards", always, [&clock](ListCall& call) { call.Finish(List(call, clock.Now())); });
  Unary<v1::GetShardRequest, v1::GetShardResponse>(
      "GetShard", always, [&clock](GetCall& call) { call.Finish(Get(call, clock.Now())); });
  Unary<v1::GetShardLineageRequest, v1::GetShardLineageResponse>(
      "GetShardLineage", always, [](LineageCall& call) { call.Finish(GetLineage(call)); });

  Unary<v1::SplitShardRequest, v1::SplitShardResponse>("SplitShard", always, [](SplitCall& call) {
    absl::StatusOr<SplitShardRequest> request = FromProto(call.request());
    if (request.ok() && !request->at.has_value()) {
      request->at = call.runtime().balancer().BestSplitKey(request->shard);
    }
    Submit(call, std::move(request), FillOperation<v1::SplitShardResponse>);
  });
  Unary<v1::MergeShardsRequest, v1::MergeShardsResponse>(
      "MergeShards", always, [](MergeCall& call) {
        Submit(call, FromProto(call.request()), FillOperation<v1::MergeShardsResponse>);
      });
  Unary<v1::MoveShardHomeRequest, v1::MoveShardHomeResponse>(
      "MoveShardHome", always, [](MoveHomeCall& call) {
        Submit(call, FromProto(call.request()), FillOperation<v1::MoveShardHomeResponse>);
      });
  Unary<v1::CompactShardRequest, v1::CompactShardResponse>(
      "CompactShard", always, [](CompactCall& call) {
        Submit(call, FromProto(call.request()), FillOperation<v1::CompactShardResponse>);
      });
  Unary<v1::VerifyShardRequest, v1::VerifyShardResponse>(
      "VerifyShard", always, [](VerifyCall& call) {
        Submit(call, FromProto(call.request()), FillOperation<v1::VerifyShardResponse>);
      });

  Unary<v1::PauseShardRequest, v1::PauseShardResponse>(
      "PauseShard", always, [&clock](PauseCall& call) { Pause(call, clock.Now()); });
  Unary<v1::ResumeShardRequest, v1::ResumeShardResponse>(
      "ResumeShard", always, [&clock](ResumeCall& call) {
        Submit(call, FromProto(call.request(), clock.Now()),
               [](CoordinatorAnswer&, v1::ResumeShardResponse&) {});
      });
  Unary<v1::PinShardRequest, v1::PinShardResponse>(
      "PinShard", always, [&clock](PinCall& call) { Pin(call, clock.Now()); });
  Unary<v1::UnpinShardRequest, v1::UnpinShardResponse>(
      "UnpinShard", always, [&clock](UnpinCall& call) {
        Submit(call, FromProto(call.request(), clock.Now()),
               [](CoordinatorAnswer&, v1::UnpinShardResponse&) {});
      });
}

}  // namespace shardd::rpc
