#include "server/rpc/unsent_answers.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"

namespace shardd::rpc {

absl::Status UnsentAnswers::Add(size_t bytes) {
  if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= bytes_max_) {
    return absl::OkStatus();
  }
  Remove(bytes);
  return WithRetryAfter(
      Error(Reason::kTooManyCalls,
            absl::StrCat("answers of ", bytes_max_,
                         " bytes wait until their callers read them, as many as may")),
      limits::kMailboxRetryAfter);
}

}  // namespace shardd::rpc
