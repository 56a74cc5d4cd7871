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

Cell KeyCell(const std::string& key, const std::string& if_empty) {
  if (key.empty()) return Cell(nullptr, if_empty);
  return Cell(Hex(key), RoutingKeyText(key));
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

void ToProto(absl::Duration duration, google::protobuf::Duration& proto) {
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

bool HasEnded(const v1::Operation& operation) {
  return operation.state() != v1::OPERATION_STATE_RUNNING &&
         operation.state() != v1::OPERATION_STATE_CANCELLING;
}

std::string KindWord(v1::OperationKind kind) {
  return EnumWord(v1::OperationKind_Name(kind), "OPERATION_KIND_");
}

std::string PauseText(const google::protobuf::Duration& pause) {
  // Mostly less than some milliseconds.
  return absl::StrCat("paused ",
                      absl::FormatDuration(absl::Trunc(FromProto(pause), absl::Microseconds(10))));
}

Cell TimeCell(bool is_set, const google::protobuf::Timestamp& time) {
  if (!is_set) return Cell(nullptr, "-");
  const absl::Time at = FromProto(time);
  return Cell(Rfc3339(at), absl::FormatTime("%Y-%m-%d %H:%M:%SZ", at, absl::UTCTimeZone()));
}

Cell DurationCell(absl::Duration duration) {
  return Cell(absl::ToDoubleSeconds(duration), HumanDuration(duration));
}

Cell ChecksumCell(uint64_t checksum) {
  return TextCell(absl::StrCat(absl::Hex(checksum, absl::kZeroPad16)));
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

std::vector<Column> RouteColumns() { return {{"shard"}, {"start"}, {"end"}, {"home"}}; }

Row RouteRow(const v1::Route& route) {
  Row row;
  row.Add(TextCell(route.shard_id()));
  AddRange(route, row);
  row.Add(TextCell(route.home()));
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
          {"home"},
          {"requests", true, true},
          {"batches", true, true},
          {"operation"},
          {"paused_until", true},
          {"pinned_until", true},
          {"last_change", true}};
}

Cell ShardStateCell(v1::ShardState state) {
  return TextCell(EnumWord(v1::ShardState_Name(state), "SHARD_STATE_"),
                  state == v1::SHARD_STATE_ACTIVE ? Tone::kGood : Tone::kWarn);
}

Row ShardRow(const v1::Shard& shard) {
  Row row;
  row.Add(TextCell(shard.id()));
  row.Add(ShardStateCell(shard.state()));
  AddRange(shard.route(), row);
  row.Add(NumberCell(shard.account_count()));
  row.Add(NumberCell(shard.entry_count()));
  row.Add(BytesCell(shard.byte_count()));
  row.Add(NumberCell(shard.mailbox_depth()));
  row.Add(TextCell(shard.thread_id()));
  row.Add(TextCell(shard.home()));
  row.Add(NumberCell(shard.requests_total()));
  row.Add(NumberCell(shard.batches_total()));
  row.Add(TextCell(shard.operation_id()));
  row.Add(TimeCell(shard.has_paused_until(), shard.paused_until()));
  row.Add(TimeCell(shard.has_pinned_until(), shard.pinned_until()));
  row.Add(TimeCell(shard.has_last_change_time(), shard.last_change_time()));
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
          {"error_message", true},
          {"shard_change", false, false, "change"},
          {"totals", true}};
}

namespace {

Cell ShardChangeCell(const v1::ShardChange& change) {
  const auto optional = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  Json json = {
      {"shard", change.shard_id()},
      {"other_shard", optional(change.other_shard_id())},
      {"split_key", optional(Hex(change.split_key()))},
      {"from_home", optional(change.from_home())},
      {"to_home", optional(change.to_home())},
      {"epoch", change.epoch() == 0 ? Json() : JsonNumber(change.epoch())},
      {"pause_seconds",
       change.has_pause() ? Json(absl::ToDoubleSeconds(FromProto(change.pause()))) : Json()}};
  std::string text;
  if (!change.other_shard_id().empty()) {
    absl::StrAppend(&text, change.shard_id(), " ", change.other_shard_id());
  }
  const auto add = [&text](const std::string& words) {
    absl::StrAppend(&text, text.empty() ? "" : "  ", words);
  };
  if (!change.split_key().empty()) add(absl::StrCat("at ", RoutingKeyText(change.split_key())));
  if (!change.to_home().empty()) add(absl::StrCat(change.from_home(), " -> ", change.to_home()));
  if (change.epoch() != 0) add(absl::StrCat("epoch ", change.epoch()));
  if (change.has_pause()) add(PauseText(change.pause()));
  return Cell(std::move(json), text.empty() ? "-" : Printable(text));
}

Cell TotalsCell(const v1::ShardTotals& totals) {
  Json json = {{"accounts", JsonNumber(totals.account_count())},
               {"entries", JsonNumber(totals.entry_count())},
               {"bytes", JsonNumber(totals.byte_count())},
               {"records", JsonNumber(totals.record_count())},
               {"checksum", ChecksumCell(totals.checksum()).json},
               {"errors", JsonNumber(totals.error_count())},
               {"first_error", totals.first_error()}};
  return Cell(
      std::move(json),
      absl::StrCat(Thousands(totals.account_count()), " accounts  ",
                   Thousands(totals.entry_count()), " entries  ", HumanBytes(totals.byte_count()),
                   "  checksum ", ChecksumCell(totals.checksum()).text, "  ",
                   Thousands(totals.error_count()), " errors"),
      totals.error_count() == 0 ? Tone::kPlain : Tone::kBad);
}

}  // namespace

Row OperationRow(const v1::Operation& operation) {
  Row row;
  const bool planned = operation.id().empty();
  row.Add(planned ? Cell(nullptr, "-") : TextCell(operation.id()));
  row.Add(TextCell(KindWord(operation.kind())));
  row.Add(TextCell(planned
                       ? "planned"
                       : EnumWord(v1::OperationState_Name(operation.state()), "OPERATION_STATE_"),
                   OperationTone(operation.state())));
  row.Add(TextCell(operation.target()));
  row.Add(NumberCell(operation.steps_done()));
  row.Add(TextCell(operation.status_message()));
  row.Add(TimeCell(operation.has_create_time(), operation.create_time()));
  row.Add(TimeCell(operation.has_end_time(), operation.end_time()));
  const bool failed = operation.error_reason() != v1::ERROR_REASON_UNSPECIFIED;
  row.Add(failed ? TextCell(client::ReasonName(operation.error_reason())) : Cell(nullptr, "-"));
  row.Add(failed ? TextCell(operation.error_message()) : Cell(nullptr, "-"));
  row.Add(operation.has_shard_change() ? ShardChangeCell(operation.shard_change())
                                       : Cell(nullptr, "-"));
  row.Add(operation.has_totals() ? TotalsCell(operation.totals()) : Cell(nullptr, "-"));
  return row;
}

}  // namespace shardd::shardctl
