#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/config/settings.h"

namespace shardd {

// Reads the TOML `text` of a configuration file; `name` is what messages call it. InvalidArgument
// has every problem on a line of its own: not TOML, an unknown key (with the nearest one), a value
// of the wrong type. Limits of values are left to Resolve.
absl::StatusOr<std::vector<GivenValue>> ParseConfigFile(absl::string_view text,
                                                        absl::string_view name);

// The same for the file at `path`. A file that cannot be read is InvalidArgument too.
absl::StatusOr<std::vector<GivenValue>> ReadConfigFile(const std::string& path);

}  // namespace shardd
