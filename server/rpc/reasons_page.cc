#include "server/rpc/reasons_page.h"

#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace shardd::rpc {
namespace {

constexpr absl::string_view kIntroduction = R"(# Error reasons

Made from `proto/shardd/v1/error_reason.proto`; `error_reasons_doc` makes it again.

Every error carries exactly one reason: a call that fails has it in the details of its status, as `google.rpc.ErrorInfo`
with the domain `shardd`; an operation inside a session has it in `OperationError`. A reason keeps its meaning for ever; new
ones may be added, so treat one you do not know by its code.

*Applied?* says what is known of the effect. "no": this attempt has not taken effect and will not, so the request may be
sent again; of an earlier attempt with the same `request_id` it says nothing. "unknown": it may have; ask `GetRequestOutcome`
with its `request_id`. The same stands in the metadata of `ErrorInfo` as `effect`: `NOT_APPLIED` or `UNKNOWN`. An error without
any reason comes from gRPC or the network, and its effect is unknown too. When trying again makes sense, `google.rpc.RetryInfo`
says after which delay: come back then or a little later, at random, so that not everybody comes back at once.

| reason | code | applied? | meaning |
|---|---|---|---|
)";

// One value of the enum with its comment.
struct Value {
  std::string reason;
  int number = 0;
  std::string comment;
};

// "ERROR_REASON_MAILBOX_FULL = 60;"
std::optional<Value> ParseValue(absl::string_view line, std::string comment) {
  if (!absl::ConsumePrefix(&line, "ERROR_REASON_") || !absl::ConsumeSuffix(&line, ";")) {
    return std::nullopt;
  }
  const std::vector<std::string> parts = absl::StrSplit(line, " = ");
  Value value{.reason = parts[0], .comment = std::move(comment)};
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &value.number)) return std::nullopt;
  return value;
}

std::vector<Value> ParseValues(absl::string_view proto_text) {
  std::vector<Value> values;
  std::string comment;
  for (absl::string_view line : absl::StrSplit(proto_text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (absl::ConsumePrefix(&line, "//")) {
      absl::StrAppend(&comment, comment.empty() ? "" : " ", absl::StripAsciiWhitespace(line));
      continue;
    }
    if (std::optional<Value> value = ParseValue(line, std::move(comment))) {
      values.push_back(*std::move(value));
    }
    comment.clear();
  }
  return values;
}

std::string CodeText(Reason reason) { return absl::StatusCodeToString(CodeOf(reason)); }

absl::StatusOr<std::string> Row(const Value& value) {
  const Reason reason = static_cast<Reason>(value.number);
  const bool unknown = EffectOf(reason) == Effect::kUnknown;
  absl::string_view meaning = value.comment;
  const std::string with_effect =
      absl::StrCat(" ", CodeText(reason), unknown ? ", unknown." : ", not applied.");
  const std::string code_alone = absl::StrCat(" ", CodeText(reason), ".");
  if (!absl::ConsumeSuffix(&meaning, with_effect) && !absl::ConsumeSuffix(&meaning, code_alone)) {
    return absl::InvalidArgumentError(absl::StrCat("the comment of ", value.reason,
                                                   " must end with \"", with_effect, "\" or \"",
                                                   code_alone, "\""));
  }
  return absl::StrCat("| `", value.reason, "` | `", CodeText(reason), "` | ",
                      unknown ? "unknown" : "no", " | ",
                      absl::StrReplaceAll(meaning, {{"|", "\\|"}}), " |\n");
}

}  // namespace

absl::StatusOr<std::string> ReasonsPage(absl::string_view proto_text) {
  std::string page(kIntroduction);
  for (const Value& value : ParseValues(proto_text)) {
    if (value.number == 0) continue;  // never sent
    SHARDD_ASSIGN_OR_RETURN(const std::string row, Row(value));
    page += row;
  }
  return page;
}

}  // namespace shardd::rpc
