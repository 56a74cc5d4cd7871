#include "client/retry.h"

#include <algorithm>

#include "client/error.h"

namespace shardd::client {

absl::Duration Backoff::Next(const absl::Status& error) {
  constexpr double kTwoTo53 = 9007199254740992.0;
  const double fraction = static_cast<double>(random_() >> 11) / kTwoTo53;
  const absl::Duration wait = wait_ * (0.5 + 0.5 * fraction);
  wait_ = std::min(wait_ * policy_.factor, policy_.wait_max);
  // The daemon tells everybody the same time.
  const absl::Duration asked = DetailOf(error).retry_after.value_or(absl::ZeroDuration());
  return std::max(wait, asked * (1 + 0.5 * fraction));
}

bool IsTransient(const absl::Status& error) {
  if (absl::IsUnavailable(error)) return true;
  const bool busy = absl::IsResourceExhausted(error) || absl::IsAborted(error);
  return busy && DetailOf(error).retry_after.has_value();
}

}  // namespace shardd::client
