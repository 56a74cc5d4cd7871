#include "server/rpc/admin_service.h"

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/export_stream.h"
#include "server/rpc/proto_time.h"
#include "server/rpc/session.h"
#include "server/threads_tracking_service/thread_event.h"

namespace shardd::rpc {
namespace {

using StatusCall = UnaryCall<v1::StatusRequest, v1::StatusResponse>;
using GetConfigCall = UnaryCall<v1::GetConfigRequest, v1::GetConfigResponse>;

// One screen: the paused shards that are named, and where reasons of one kind stop to be added.
constexpr size_t kShardsNamedMax = 3;
constexpr int kReasonsMax = 10;

// Something is the matter: the verdict is at least as bad as `verdict`.
void AddReason(v1::Verdict verdict, std::string message, std::string next_command,
               v1::StatusResponse& status) {
  if (status.verdict() < verdict) status.set_verdict(verdict);
  v1::StatusReason& reason = *status.add_reasons();
  reason.set_message(std::move(message));
  reason.set_next_command(std::move(next_command));
}

void CountShards(const Runtime& runtime, v1::StatusResponse& status) {
  for (const ShardStatus& shard : runtime.Shards()) {
    status.set_shard_count(status.shard_count() + 1);
    status.set_account_count(status.account_count() + shard.stats.account_count);
    status.set_entry_count(status.entry_count() + shard.stats.entry_count);
    status.set_byte_count(status.byte_count() + shard.stats.byte_count);
    status.set_mailbox_depth(status.mailbox_depth() + shard.mailbox_depth);
    status.set_requests_total(status.requests_total() + shard.requests_total);
  }
}

void CountOperations(const Runtime& runtime, v1::StatusResponse& status) {
  const std::shared_ptr<const OperationTable> operations = runtime.operations();
  for (const auto& [id, operation] : *operations) {
    if (operation.running()) status.set_operations_running(status.operations_running() + 1);
  }
}

void JudgeStorage(const Runtime& runtime, v1::StatusResponse& status) {
  const absl::StatusOr<storage::SpaceUsage> space = runtime.space();
  if (space.ok()) {
    status.set_disk_free_bytes(space->free_bytes);
    status.set_disk_used_bytes(space->used_bytes);
  } else {
    AddReason(v1::VERDICT_DEGRADED,
              absl::StrCat("the disk space cannot be read: ", space.status().message()), "",
              status);
  }
  if (runtime.disk_full()) {
    AddReason(v1::VERDICT_DEGRADED, "the disk is nearly full: writes are refused",
              "df -h, then free space or enlarge the volume", status);
  }
  if (const absl::Status health = runtime.storage_health(); !health.ok()) {
    AddReason(v1::VERDICT_UNHEALTHY, absl::StrCat("storage has failed: ", health.message()),
              "see the log", status);
  }
}

void JudgeThreads(const ThreadRegistry& threads, v1::StatusResponse& status) {
  for (const ThreadStatus& thread : threads.List()) {
    if (thread.state != ThreadState::kStopped) status.set_thread_count(status.thread_count() + 1);
    if (thread.state != ThreadState::kStalled) continue;
    const bool idle = thread.phase == ThreadPhase::kIdle;
    const absl::Duration age = absl::Trunc(thread.phase_age, absl::Seconds(1));
    AddReason(v1::VERDICT_DEGRADED,
              absl::StrCat("thread ", thread.name, " has been ", NameOf(thread.phase), " for ",
                           absl::FormatDuration(age), idle ? " and requests wait for it" : "",
                           " (cause: ", NameOf(CauseOf(thread.phase)), ")"),
              absl::StrCat("shardctl thread stack ", ToText(thread.id)), status);
  }
}

std::string UtcText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", time, absl::UTCTimeZone());
}

// Requests to a paused shard wait, which somebody may have forgotten.
void JudgePauses(const Runtime& runtime, absl::Time now, v1::StatusResponse& status) {
  size_t paused = 0;
  const std::shared_ptr<const ShardNotes> notes = runtime.notes();
  for (const auto& [shard, note] : *notes) {
    if (note.paused_until <= now || ++paused > kShardsNamedMax) continue;
    AddReason(v1::VERDICT_DEGRADED,
              absl::StrCat("shard ", ToText(shard), " is paused until ", UtcText(note.paused_until),
                           ": its requests wait"),
              absl::StrCat("shardctl shard resume ", ToText(shard)), status);
  }
  if (paused > kShardsNamedMax) {
    AddReason(v1::VERDICT_DEGRADED,
              absl::StrCat(paused - kShardsNamedMax, " more shards are paused"),
              "shardctl shard list", status);
  }
}

// What the newest verification of each shard has found.
void JudgeVerifications(const Runtime& runtime, v1::StatusResponse& status) {
  const std::shared_ptr<const OperationTable> operations = runtime.operations();
  std::map<ShardId, const OperationRecord*> newest;
  for (const auto& [id, operation] : *operations) {
    if (operation.verification.has_value() && operation.change.has_value()) {
      newest[operation.change->shard] = &operation;
    }
  }
  for (const auto& [shard, operation] : newest) {
    const Verification& found = *operation->verification;
    if (found.error_count == 0 || status.reasons_size() >= kReasonsMax) continue;
    AddReason(v1::VERDICT_DEGRADED,
              absl::StrCat("shard ", ToText(shard), " contradicts itself in ", found.error_count,
                           " places; the first: ", found.first_error),
              absl::StrCat("shardctl operation get ", ToText(operation->id)), status);
  }
}

void FillConfig(const DaemonFacts& facts, v1::GetConfigResponse& response) {
  for (const ConfigEntry& entry : facts.config) {
    v1::ConfigValue& value = *response.add_values();
    value.set_key(entry.key);
    value.set_value(entry.value);
    value.set_origin(entry.origin);
    value.set_help(entry.help);
  }
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *v1::StatusRequest::descriptor()->file()->FindServiceByName("AdminService");
}

}  // namespace

v1::StatusResponse StatusOf(const DaemonFacts& facts, const CallContext& context,
                            const ThreadRegistry& threads) {
  v1::StatusResponse status;
  status.set_verdict(v1::VERDICT_HEALTHY);
  status.set_version(facts.version);
  status.set_instance_id(facts.instance_id);
  status.set_listen(facts.listen);
  status.set_insecure(facts.insecure);
  ToProto(facts.start_time, *status.mutable_start_time());
  ToProto(context.clock.Now() - facts.start_time, *status.mutable_uptime());
  const Runtime& runtime = *context.runtime;
  status.set_epoch(runtime.tables()->current()->epoch().value);
  CountShards(runtime, status);
  CountOperations(runtime, status);
  JudgeStorage(runtime, status);
  JudgeThreads(threads, status);
  JudgePauses(runtime, context.clock.Now(), status);
  JudgeVerifications(runtime, status);
  if (context.draining.load()) {
    AddReason(v1::VERDICT_DRAINING, "the daemon is shutting down", "", status);
  }
  return status;
}

AdminService::AdminService(CallContext& context, const DaemonFacts& facts,
                           const ThreadRegistry& threads)
    : CallService(Descriptor(), Descriptor().full_name(), context) {
  Unary<v1::StatusRequest, v1::StatusResponse>(
      "Status", Admission::kOperator, [&facts, &context, &threads](StatusCall& call) {
        call.response() = StatusOf(facts, context, threads);
        call.Finish(absl::OkStatus());
      });
  Unary<v1::GetConfigRequest, v1::GetConfigResponse>("GetConfig", Admission::kOperator,
                                                     [&facts](GetConfigCall& call) {
                                                       FillConfig(facts, call.response());
                                                       call.Finish(absl::OkStatus());
                                                     });
  Stream<Import>("Import", Admission::kData);
  Stream<ExportStream>("Export", Admission::kData);
}

}  // namespace shardd::rpc
