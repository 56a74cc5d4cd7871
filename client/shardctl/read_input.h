#pragma once

#include <cstddef>
#include <istream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shardd::shardctl {

// All bytes of the input `name`. An error if it cannot be read to its end, or if it has more than
// `bytes_max` bytes; no more than that is read of it.
absl::StatusOr<std::string> ReadAll(std::istream& in, absl::string_view name, size_t bytes_max);

// Where reading the input `name` has ended: an error if that was not its end, but a failure.
absl::Status CheckEnd(const std::istream& in, absl::string_view name);

}  // namespace shardd::shardctl
