#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shardd::rpc {

// The page about error reasons, in Markdown, made from the text of error_reason.proto: each value's
// comment says what it means and ends with its code and, for requests that could have an effect,
// whether that is known. InvalidArgument names a value whose comment does not, or says something
// else than the code does.
absl::StatusOr<std::string> ReasonsPage(absl::string_view proto_text);

}  // namespace shardd::rpc
