#include "server/base/ids.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace shardd {
namespace {

// The number after `prefix`; nullopt if `text` is anything else or the number is 0.
std::optional<uint64_t> NumberAfter(absl::string_view prefix, absl::string_view text) {
  uint64_t value = 0;
  if (!absl::ConsumePrefix(&text, prefix) || !absl::SimpleAtoi(text, &value) || value == 0) {
    return std::nullopt;
  }
  return value;
}

// Accepts only the one way ToText writes an id, so that one thing never has two names.
template <typename IdType>
std::optional<IdType> ParseExact(absl::string_view prefix, absl::string_view text) {
  const std::optional<uint64_t> value = NumberAfter(prefix, text);
  if (!value.has_value() || ToText(IdType{*value}) != text) return std::nullopt;
  return IdType{*value};
}

}  // namespace

std::string ToText(ShardId id) { return absl::StrFormat("s-%04d", id.value); }
std::string ToText(OperationId id) { return absl::StrCat("op-", id.value); }
std::string ToText(ThreadId id) { return absl::StrCat("t-", id.value); }

std::optional<ShardId> ParseShardId(absl::string_view text) {
  return ParseExact<ShardId>("s-", text);
}
std::optional<OperationId> ParseOperationId(absl::string_view text) {
  return ParseExact<OperationId>("op-", text);
}
std::optional<ThreadId> ParseThreadId(absl::string_view text) {
  return ParseExact<ThreadId>("t-", text);
}

}  // namespace shardd
