#include "tests/sim/answer_text.h"

#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace shardd::sim {
namespace {

constexpr absl::string_view kAgain = " again";

std::string TextOf(const ApplyResult& result) {
  return absl::StrCat("applied ", ResultsText(result.revision, result.results),
                      result.replayed ? kAgain : "");
}

std::string TextOf(const GetResult& result) {
  std::string text = "entries";
  for (const Entry& entry : result.entries) absl::StrAppend(&text, EntryText(entry));
  for (const std::string& key : result.missing_keys) absl::StrAppend(&text, " no:", key);
  return text;
}

std::string TextOf(const ScanResult& result) {
  std::string text = absl::StrCat("page rev=", result.revision);
  for (const Entry& entry : result.entries) absl::StrAppend(&text, EntryText(entry));
  if (!result.next_page_token.empty()) absl::StrAppend(&text, " more");
  return text;
}

std::string TextOf(const AccountResult& result) {
  return absl::StrCat("account ", RecordText(result.record));
}

std::string TextOf(const OutcomeResult& result) {
  switch (result.outcome) {
    case RequestOutcome::kUnknown:
      return "outcome unknown";
    case RequestOutcome::kApplied:
      return absl::StrCat("outcome applied ",
                          ResultsText(result.applied.revision, result.applied.results));
    case RequestOutcome::kNotApplied:
      return absl::StrCat("outcome ", ErrorText(result.refused));
  }
  return "outcome out of range";
}

std::string TextOf(const WatchEnded&) { return "watch ended"; }

std::string TextOf(const ReceiveResult& result) {
  std::string text = "received";
  for (const ReceivedMessage& received : result.messages) {
    absl::StrAppend(&text, " ", received.message.payload, "/", received.lease.number, "/",
                    received.lease.token);
  }
  return text;
}

std::string TextOf(const LeasesResult& result) { return LeasesText(result.until); }

std::string TextOf(const UndeliverableSettled&) { return "settled"; }

}  // namespace

std::string ErrorText(const absl::Status& status) {
  return absl::StrCat(ErrorText(ReasonOf(status)), " ",
                      absl::string_view(status.message().data(), status.message().size()));
}

std::string ErrorText(Reason reason) {
  return absl::StrCat("error ", static_cast<int>(reason), ":");
}

std::string ResultsText(uint64_t revision, const std::vector<MutationResult>& results) {
  std::string text = absl::StrCat("rev=", revision);
  for (const MutationResult& result : results) {
    absl::StrAppend(&text, " ", result.integer, "/", result.deleted, "/", result.length);
  }
  return text;
}

std::string RecordText(const AccountRecord& record) {
  std::string text =
      absl::StrCat("state=", static_cast<int>(record.state), " rev=", record.revision,
                   " entries=", record.entry_count, " bytes=", record.byte_count,
                   " limits=", record.limits.entries_max, "/", record.limits.bytes_max,
                   " created=", absl::ToUnixNanos(record.create_time),
                   " updated=", absl::ToUnixNanos(record.update_time));
  for (const auto& [key, value] : record.labels) absl::StrAppend(&text, " ", key, ":", value);
  return text;
}

std::string EntryText(const Entry& entry) {
  return absl::StrCat(" ", entry.key, "=", entry.value, "@", entry.revision);
}

std::string LeasesText(absl::Time until) {
  return absl::StrCat("leases until ", absl::ToUnixNanos(until));
}

std::string AnswerText(const absl::StatusOr<ShardAnswer>& answer) {
  if (!answer.ok()) return ErrorText(answer.status());
  return std::visit([](const auto& result) { return TextOf(result); }, *answer);
}

uint64_t RevisionIn(const absl::StatusOr<ShardAnswer>& answer) {
  if (!answer.ok()) return 0;
  if (const auto* applied = std::get_if<ApplyResult>(&*answer)) return applied->revision;
  if (const auto* account = std::get_if<AccountResult>(&*answer)) return account->record.revision;
  if (const auto* page = std::get_if<ScanResult>(&*answer)) return page->revision;
  return 0;
}

bool Matches(absl::string_view expected, absl::string_view actual) {
  // A text that ends so is a reason without its message.
  const bool any_message = absl::EndsWith(expected, ":");
  return any_message ? absl::StartsWith(actual, expected) : actual == expected;
}

}  // namespace shardd::sim
