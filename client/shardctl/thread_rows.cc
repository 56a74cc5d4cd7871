#include "client/shardctl/thread_rows.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/shardctl/present.h"

namespace shardd::shardctl {
namespace {

// Empty for people and null for programs where it is not known.
Cell OptionalDurationCell(bool is_set, const google::protobuf::Duration& duration) {
  return is_set ? DurationCell(FromProto(duration)) : Cell(nullptr, "-");
}

Cell WordCell(const std::string& name, const std::string& prefix, Tone tone = Tone::kPlain) {
  const std::string word = EnumWord(name, prefix);
  return word == "unspecified" ? Cell(nullptr, "-") : TextCell(word, tone);
}

Tone ToneOf(v1::ThreadState state) {
  if (state == v1::THREAD_STATE_STALLED) return Tone::kBad;
  return state == v1::THREAD_STATE_STOPPED ? Tone::kFaint : Tone::kGood;
}

Tone ToneOf(v1::ThreadEventKind kind) {
  if (kind == v1::THREAD_EVENT_KIND_STALLED) return Tone::kBad;
  return kind == v1::THREAD_EVENT_KIND_RECOVERED ? Tone::kGood : Tone::kPlain;
}

}  // namespace

Cell PercentCell(double ratio) {
  // Three digits behind the point are all that it means.
  return Cell(std::round(ratio * 1000) / 1000, absl::StrCat(std::lround(ratio * 100), "%"));
}

bool IsLiveAndOwn(const v1::Thread& thread) {
  return thread.role() != v1::THREAD_ROLE_EXTERNAL && thread.state() != v1::THREAD_STATE_STOPPED;
}

std::vector<Column> ThreadColumns() {
  return {{"id"},
          {"name"},
          {"role"},
          {"state"},
          {"phase"},
          {"phase_age_seconds", false, true, "phase age"},
          {"operation"},
          {"shard"},
          {"queue", false, true},
          {"busy_ratio", false, true, "busy"},
          {"stall_cause", true, false, "cause"},
          {"state_age_seconds", true, true, "state age"},
          {"operation_age_seconds", true, true, "operation age"},
          {"queue_oldest_seconds", true, true, "queue oldest"},
          {"cpu_seconds", true, true, "cpu"},
          {"turns", true, true},
          {"items", true, true},
          {"busy_seconds", true, true, "busy total"},
          {"longest_turn_seconds", true, true, "longest turn"},
          {"stalls", true, true},
          {"parent_shard", true},
          {"os_id", true, true},
          {"started", true}};
}

Row ThreadRow(const v1::Thread& thread) {
  Row row;
  row.Add(TextCell(thread.id()));
  row.Add(TextCell(thread.name()));
  row.Add(TextCell(EnumWord(v1::ThreadRole_Name(thread.role()), "THREAD_ROLE_")));
  row.Add(TextCell(EnumWord(v1::ThreadState_Name(thread.state()), "THREAD_STATE_"),
                   ToneOf(thread.state())));
  row.Add(TextCell(EnumWord(v1::ThreadPhase_Name(thread.phase()), "THREAD_PHASE_")));
  row.Add(OptionalDurationCell(thread.has_phase_age(), thread.phase_age()));
  row.Add(TextCell(thread.operation()));
  row.Add(TextCell(thread.shard_id()));
  row.Add(NumberCell(thread.queue_depth()));
  row.Add(PercentCell(thread.busy_ratio()));
  row.Add(WordCell(v1::StallCause_Name(thread.stall_cause()), "STALL_CAUSE_", Tone::kBad));
  row.Add(OptionalDurationCell(thread.has_state_age(), thread.state_age()));
  row.Add(OptionalDurationCell(thread.has_operation_age(), thread.operation_age()));
  row.Add(DurationCell(FromProto(thread.queue_oldest_age())));
  row.Add(DurationCell(FromProto(thread.cpu_time())));
  row.Add(NumberCell(thread.turns_total()));
  row.Add(NumberCell(thread.items_total()));
  row.Add(DurationCell(FromProto(thread.busy_time())));
  row.Add(DurationCell(FromProto(thread.longest_turn())));
  row.Add(NumberCell(thread.stalls_total()));
  row.Add(TextCell(thread.parent_shard_id()));
  row.Add(NumberCell(thread.os_id()));
  row.Add(TimeCell(thread.has_start_time(), thread.start_time()));
  return row;
}

std::vector<Column> ThreadEventColumns() {
  return {{"revision"},      {"time"},        {"event"},        {"thread"}, {"name"},
          {"role"},          {"shard"},       {"parent_shard"}, {"phase"},  {"operation"},
          {"phase_seconds"}, {"cpu_seconds"}, {"cause"},        {"message"}};
}

Row ThreadEventRow(const v1::ThreadEvent& event) {
  Row row;
  row.Add(NumberCell(event.revision()));
  row.Add(TimeCell(event.has_time(), event.time()));
  row.Add(TextCell(EnumWord(v1::ThreadEventKind_Name(event.kind()), "THREAD_EVENT_KIND_"),
                   ToneOf(event.kind())));
  row.Add(TextCell(event.thread_id()));
  row.Add(TextCell(event.name()));
  row.Add(TextCell(EnumWord(v1::ThreadRole_Name(event.role()), "THREAD_ROLE_")));
  row.Add(TextCell(event.shard_id()));
  row.Add(TextCell(event.parent_shard_id()));
  row.Add(WordCell(v1::ThreadPhase_Name(event.phase()), "THREAD_PHASE_"));
  row.Add(TextCell(event.operation()));
  row.Add(OptionalDurationCell(event.has_phase_time(), event.phase_time()));
  row.Add(OptionalDurationCell(event.has_cpu_time(), event.cpu_time()));
  row.Add(WordCell(v1::StallCause_Name(event.cause()), "STALL_CAUSE_"));
  row.Add(TextCell(event.message()));
  return row;
}

}  // namespace shardd::shardctl
