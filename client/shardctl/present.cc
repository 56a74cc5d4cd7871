#include "client/shardctl/present.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/error.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

Cell LabelsCell(const google::protobuf::Map<std::string, std::string>& labels) {
  // Sorted, so that the same labels always print the same.
  const std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  Json json = Json::object();
  for (const auto& [key, value] : sorted) json[key] = value;
  const std::string text = absl::StrJoin(sorted, ",", absl::PairFormatter("="));
  return Cell(std::move(json), text.empty() ? "-" : Printable(text));
}

// 0 means the daemon's own maximum.
Cell LimitCell(uint64_t limit) { return limit == 0 ? Cell(nullptr, "default") : NumberCell(limit); }

// The first half of a routing key says enough on a screen.
Cell KeyCell(const std::string& key, const std::string& if_empty) {
  if (key.empty()) return Cell(nullptr, if_empty);
  return Cell(Hex(key), absl::StrCat(Hex(key.substr(0, 8)), key.size() > 8 ? ".." : ""));
}

Tone OperationTone(v1::OperationState state) {
  if (state == v1::OPERATION_STATE_SUCCEEDED) return Tone::kGood;
  if (state == v1::OPERATION_STATE_FAILED) return Tone::kBad;
  return Tone::kPlain;
}

}  // namespace

std::string EnumWord(const std::string& name, const std::string& prefix) {
  if (name.empty()) return "unknown";
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

Cell TimeCell(bool is_set, const google::protobuf::Timestamp& time) {
  if (!is_set) return Cell(nullptr, "-");
  const absl::Time at = absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return Cell(Rfc3339(at), absl::FormatTime("%Y-%m-%d %H:%M:%SZ", at, absl::UTCTimeZone()));
}

Cell DurationCell(absl::Duration duration) {
  return Cell(absl::ToDoubleSeconds(duration), HumanDuration(duration));
}

Cell BytesCell(uint64_t bytes) { return Cell(JsonNumber(bytes), HumanBytes(bytes)); }

std::vector<Column> AccountColumns() {
  return {{"id"},
          {"namespace", true},
          {"state"},
          {"revision", false, true},
          {"entries", false, true},
          {"bytes", false, true},
          {"updated"},
          {"created", true},
          {"entries_max", true, true},
          {"bytes_max", true, true},
          {"labels", true}};
}

Row AccountRow(const v1::Account& account) {
  const bool active = account.state() == v1::ACCOUNT_STATE_ACTIVE;
  Row row;
  row.Add(TextCell(account.ref().id()));
  row.Add(TextCell(account.ref().namespace_()));
  row.Add(TextCell(EnumWord(v1::AccountState_Name(account.state()), "ACCOUNT_STATE_"),
                   active ? Tone::kGood : Tone::kWarn));
  row.Add(NumberCell(account.revision()));
  row.Add(NumberCell(account.entry_count()));
  row.Add(BytesCell(account.byte_count()));
  row.Add(TimeCell(account.has_update_time(), account.update_time()));
  row.Add(TimeCell(account.has_create_time(), account.create_time()));
  row.Add(LimitCell(account.limits().entries_max()));
  row.Add(LimitCell(account.limits().bytes_max()));
  row.Add(LabelsCell(account.labels()));
  return row;
}

std::vector<Column> NamespaceColumns() { return {{"name"}, {"state"}, {"created"}}; }

Row NamespaceRow(const v1::Namespace& name_space) {
  const bool active = name_space.state() == v1::NAMESPACE_STATE_ACTIVE;
  Row row;
  row.Add(TextCell(name_space.name()));
  row.Add(TextCell(EnumWord(v1::NamespaceState_Name(name_space.state()), "NAMESPACE_STATE_"),
                   active ? Tone::kGood : Tone::kWarn));
  row.Add(TimeCell(name_space.has_create_time(), name_space.create_time()));
  return row;
}

std::vector<Column> EntryColumns() { return {{"key"}, {"value"}, {"revision", false, true}}; }

Row EntryRow(const v1::Entry& entry) {
  Row row;
  row.AddBytes("key", entry.key());
  row.AddBytes("value", entry.value());
  row.Add(NumberCell(entry.revision()));
  return row;
}

void AddRange(const v1::Route& route, Row& row) {
  row.Add(KeyCell(route.start(), "first"));
  row.Add(KeyCell(route.end(), "end"));
}

std::vector<Column> RouteColumns() { return {{"shard"}, {"start"}, {"end"}}; }

Row RouteRow(const v1::Route& route) {
  Row row;
  row.Add(TextCell(route.shard_id()));
  AddRange(route, row);
  return row;
}

std::vector<Column> ShardColumns() {
  return {{"id"},
          {"state"},
          {"start"},
          {"end"},
          {"accounts", false, true},
          {"entries", true, true},
          {"bytes", false, true},
          {"mailbox", false, true},
          {"thread"},
          {"home", true},
          {"requests", true, true},
          {"batches", true, true}};
}

Row ShardRow(const v1::Shard& shard) {
  const bool active = shard.state() == v1::SHARD_STATE_ACTIVE;
  Row row;
  row.Add(TextCell(shard.id()));
  row.Add(TextCell(EnumWord(v1::ShardState_Name(shard.state()), "SHARD_STATE_"),
                   active ? Tone::kGood : Tone::kWarn));
  AddRange(shard.route(), row);
  row.Add(NumberCell(shard.account_count()));
  row.Add(NumberCell(shard.entry_count()));
  row.Add(BytesCell(shard.byte_count()));
  row.Add(NumberCell(shard.mailbox_depth()));
  row.Add(TextCell(shard.thread_id()));
  row.Add(TextCell(shard.home()));
  row.Add(NumberCell(shard.requests_total()));
  row.Add(NumberCell(shard.batches_total()));
  return row;
}

std::vector<Column> ThreadColumns() {
  return {{"id"},
          {"name"},
          {"role"},
          {"state"},
          {"phase"},
          {"phase_age_seconds", false, true, "phase age"},
          {"shard"},
          {"queue", false, true},
          {"turns", true, true},
          {"items", true, true},
          {"busy_seconds", true, true, "busy"},
          {"longest_turn_seconds", true, true, "longest turn"},
          {"started", true}};
}

Row ThreadRow(const v1::Thread& thread) {
  const bool stalled = thread.state() == v1::THREAD_STATE_STALLED;
  Row row;
  row.Add(TextCell(thread.id()));
  row.Add(TextCell(thread.name()));
  row.Add(TextCell(EnumWord(v1::ThreadRole_Name(thread.role()), "THREAD_ROLE_")));
  row.Add(TextCell(EnumWord(v1::ThreadState_Name(thread.state()), "THREAD_STATE_"),
                   stalled ? Tone::kBad : Tone::kGood));
  row.Add(TextCell(EnumWord(v1::ThreadPhase_Name(thread.phase()), "THREAD_PHASE_")));
  row.Add(DurationCell(FromProto(thread.phase_age())));
  row.Add(TextCell(thread.shard_id()));
  row.Add(NumberCell(thread.queue_depth()));
  row.Add(NumberCell(thread.turns_total()));
  row.Add(NumberCell(thread.items_total()));
  row.Add(DurationCell(FromProto(thread.busy_time())));
  row.Add(DurationCell(FromProto(thread.longest_turn())));
  row.Add(TimeCell(thread.has_start_time(), thread.start_time()));
  return row;
}

std::vector<Column> OperationColumns() {
  return {{"id"},
          {"kind"},
          {"state"},
          {"target"},
          {"steps_done", false, true},
          {"status"},
          {"created"},
          {"ended"},
          {"error_reason", true},
          {"error_message", true}};
}

Row OperationRow(const v1::Operation& operation) {
  Row row;
  row.Add(TextCell(operation.id()));
  row.Add(TextCell(EnumWord(v1::OperationKind_Name(operation.kind()), "OPERATION_KIND_")));
  row.Add(TextCell(EnumWord(v1::OperationState_Name(operation.state()), "OPERATION_STATE_"),
                   OperationTone(operation.state())));
  row.Add(TextCell(operation.target()));
  row.Add(NumberCell(operation.steps_done()));
  row.Add(TextCell(operation.status_message()));
  row.Add(TimeCell(operation.has_create_time(), operation.create_time()));
  row.Add(TimeCell(operation.has_end_time(), operation.end_time()));
  const bool failed = operation.error_reason() != v1::ERROR_REASON_UNSPECIFIED;
  row.Add(failed ? TextCell(client::ReasonName(operation.error_reason())) : Cell(nullptr, "-"));
  row.Add(failed ? TextCell(operation.error_message()) : Cell(nullptr, "-"));
  return row;
}

}  // namespace shardd::shardctl
