#include "server/rpc/convert_threads.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/rpc/proto_time.h"

namespace shardd::rpc {
namespace {

constexpr char kExternalPrefix[] = "os-";

}  // namespace

std::string ThreadName(ThreadId id) {
  if (id.value < kExternalIdBit) return ToText(id);
  return absl::StrCat(kExternalPrefix, id.value - kExternalIdBit);
}

std::optional<ThreadId> ParseThreadName(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, kExternalPrefix)) {
    const std::optional<ThreadId> id = ParseThreadId(text);
    return id.has_value() && id->value < kExternalIdBit ? id : std::nullopt;
  }
  uint32_t os_id = 0;
  if (!absl::SimpleAtoi(text, &os_id) || text != absl::StrCat(os_id)) return std::nullopt;
  return ThreadId{kExternalIdBit + os_id};
}

void ToProto(const ThreadStatus& status, v1::Thread& proto) {
  proto.set_id(ThreadName(status.id));
  proto.set_name(status.name);
  proto.set_role(static_cast<v1::ThreadRole>(status.role));
  proto.set_state(static_cast<v1::ThreadState>(status.state));
  proto.set_phase(static_cast<v1::ThreadPhase>(status.phase));
  ToProto(status.cpu_time, *proto.mutable_cpu_time());
  proto.set_os_id(static_cast<uint64_t>(status.os_id));
  if (status.role == ThreadRole::kExternal) return;  // no more is known
  ToProto(status.state_age, *proto.mutable_state_age());
  ToProto(status.phase_age, *proto.mutable_phase_age());
  if (status.shard.has_value()) proto.set_shard_id(ToText(*status.shard));
  if (status.parent_shard.has_value()) proto.set_parent_shard_id(ToText(*status.parent_shard));
  ToProto(status.start_time, *proto.mutable_start_time());
  if (!status.operation.empty()) {
    proto.set_operation(status.operation);
    ToProto(status.operation_age, *proto.mutable_operation_age());
  }
  proto.set_queue_depth(status.queue_depth);
  ToProto(status.queue_oldest_age, *proto.mutable_queue_oldest_age());
  proto.set_turns_total(status.turns_total);
  proto.set_items_total(status.items_total);
  ToProto(status.busy_time, *proto.mutable_busy_time());
  ToProto(status.longest_turn, *proto.mutable_longest_turn());
  proto.set_busy_ratio(status.busy_ratio);
  proto.set_stalls_total(status.stalls_total);
  if (status.state == ThreadState::kStalled) {
    proto.set_stall_cause(static_cast<v1::StallCause>(CauseOf(status.phase)));
  }
}

void ToProto(const ThreadEvent& event, v1::ThreadEvent& proto) {
  proto.set_revision(event.revision);
  proto.set_kind(static_cast<v1::ThreadEventKind>(event.kind));
  ToProto(event.time, *proto.mutable_time());
  proto.set_thread_id(ThreadName(event.thread));
  proto.set_name(event.name);
  proto.set_role(static_cast<v1::ThreadRole>(event.role));
  if (event.shard.has_value()) proto.set_shard_id(ToText(*event.shard));
  if (event.parent_shard.has_value()) proto.set_parent_shard_id(ToText(*event.parent_shard));
  proto.set_message(ToText(event));
  if (event.kind != ThreadEventKind::kStalled && event.kind != ThreadEventKind::kRecovered) return;
  proto.set_phase(static_cast<v1::ThreadPhase>(event.phase));
  proto.set_operation(event.operation);
  ToProto(event.phase_time, *proto.mutable_phase_time());
  ToProto(event.cpu_time, *proto.mutable_cpu_time());
  proto.set_cause(static_cast<v1::StallCause>(CauseOf(event.phase)));
}

void ToProto(const ThreadStack& stack, v1::ThreadStack& proto) {
  ToProto(stack.thread, *proto.mutable_thread());
  proto.set_answered(stack.answered);
  proto.set_silent_because(stack.silent_because);
  for (const StackFrame& frame : stack.frames) {
    v1::StackFrame& its = *proto.add_frames();
    its.set_address(frame.address);
    its.set_function(frame.function);
    its.set_module(frame.module);
    its.set_module_offset(frame.module_offset);
  }
  proto.set_text(ToText(stack));
}

}  // namespace shardd::rpc
