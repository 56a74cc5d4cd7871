#include "client/shardctl/present_messages.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/shardctl/present.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

// In JSON the parts, for people `namespace/id`.
Cell RefCell(const v1::AccountRef& ref) {
  const std::string text =
      ref.namespace_().empty() ? ref.id() : absl::StrCat(ref.namespace_(), "/", ref.id());
  return Cell(Json{{"namespace", ref.namespace_()}, {"id", ref.id()}}, Printable(text));
}

Cell HeadersCell(const google::protobuf::Map<std::string, std::string>& headers) {
  Json json = Json::object();
  std::vector<std::string> text;
  const std::map<std::string, std::string> sorted(headers.begin(), headers.end());
  for (const auto& [key, value] : sorted) {
    json[key] = value;
    text.push_back(Printable(absl::StrCat(key, "=", value)));
  }
  return Cell(std::move(json), text.empty() ? "-" : absl::StrJoin(text, ","));
}

void AddMessage(const v1::Message& message, Row& row) {
  row.Add(RefCell(message.sender()));
  row.Add(RefCell(message.receiver()));
  row.Add(TextCell(message.message_id()));
  row.Add(HeadersCell(message.headers()));
  row.AddBytes("payload", message.payload());
  row.Add(TimeCell(message.has_send_time(), message.send_time()));
}

}  // namespace

std::vector<Column> ReceivedColumns() {
  return {{"ack_id"},
          {"sender"},
          {"receiver"},
          {"message_id", /*wide_only=*/true},
          {"headers", /*wide_only=*/true},
          {"payload"},
          {"send_time", /*wide_only=*/true},
          {"attempt"},
          {"lease_expire_time", /*wide_only=*/true},
          {"hops", /*wide_only=*/true}};
}

Row ReceivedRow(const v1::ReceivedMessage& received) {
  Row row;
  row.Add(TextCell(received.ack_id()));
  AddMessage(received.message(), row);
  row.Add(NumberCell(received.attempt()));
  row.Add(TimeCell(received.has_lease_expire_time(), received.lease_expire_time()));
  row.Add(NumberCell(received.message().hops()));
  return row;
}

std::vector<Column> MailboxMessageColumns() {
  return {{"number"},
          {"sender"},
          {"receiver", /*wide_only=*/true},
          {"message_id", /*wide_only=*/true},
          {"headers"},
          {"payload"},
          {"send_time"},
          {"attempts"},
          {"not_before", /*wide_only=*/true},
          {"hops", /*wide_only=*/true}};
}

Row MailboxMessageRow(const v1::MailboxMessage& message) {
  Row row;
  row.Add(NumberCell(message.number()));
  AddMessage(message.message(), row);
  row.Add(NumberCell(message.attempts()));
  row.Add(TimeCell(message.has_not_before(), message.not_before()));
  row.Add(NumberCell(message.message().hops()));
  return row;
}

std::vector<Column> UndeliverableColumns() {
  return {{"id"},
          {"sender"},
          {"receiver"},
          {"message_id", /*wide_only=*/true},
          {"headers", /*wide_only=*/true},
          {"payload", /*wide_only=*/true},
          {"send_time", /*wide_only=*/true},
          {"reason"},
          {"attempts"},
          {"first_time"},
          {"last_time", /*wide_only=*/true},
          {"route_epoch", /*wide_only=*/true}};
}

Row UndeliverableRow(const v1::UndeliverableMessage& message) {
  Row row;
  row.Add(TextCell(message.id()));
  AddMessage(message.message(), row);
  row.Add(TextCell(EnumWord(v1::UndeliverableReason_Name(message.reason()),
                            "UNDELIVERABLE_REASON_"),
                   Tone::kWarn));
  row.Add(NumberCell(message.attempts()));
  row.Add(TimeCell(message.has_first_time(), message.first_time()));
  row.Add(TimeCell(message.has_last_time(), message.last_time()));
  row.Add(NumberCell(message.route_epoch()));
  return row;
}

}  // namespace shardd::shardctl
